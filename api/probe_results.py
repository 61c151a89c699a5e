"""Results as they come in: fenced, recorded, and acknowledged only when they are on disk (R8)."""

from __future__ import annotations

from collections.abc import Sequence

import structlog
from sqlalchemy.exc import DataError, IntegrityError

from alerts.record import record
from api.probe_messages import finished_of
from model.finished import Finished
from model.protocol import Refusal, Result, ResultAnswer
from store.fencing import fenced_dispatches
from store.open_dispatches import Holder
from store.sessions import EVERY_ORGANIZATION, Database
from store.write_lock import Urgency

_log = structlog.get_logger(__name__)


def take_results(database: Database, holder: Holder, results: Sequence[Result]) -> ResultAnswer:
    """Store what counts; the answer says how many those are, and names the others with the reason.

    One transaction. Should the store find a result that it can't hold in spite of all, the batch is halved until that
    one stands alone: it is refused, the others are kept."""
    try:
        return _in_one_transaction(database, holder, results)
    except (DataError, IntegrityError, OverflowError, UnicodeError) as error:
        if len(results) == 1:
            _log.error("results.unstorable", run_id=results[0].run_id, error=type(error).__name__)
            return ResultAnswer(0, [Refusal(results[0].run_id, "it could not be stored")])
    middle = len(results) // 2
    first = take_results(database, holder, results[:middle])
    second = take_results(database, holder, results[middle:])
    return ResultAnswer(first.accepted + second.accepted, first.refused + second.refused)


def _in_one_transaction(database: Database, holder: Holder, results: Sequence[Result]) -> ResultAnswer:
    refused: list[Refusal] = []
    finished: dict[str, Finished] = {}
    with database.write(EVERY_ORGANIZATION, Urgency.RESULTS) as session:
        dispatches = fenced_dispatches(session, holder, {result.dispatch_id for result in results})
        for result in results:
            dispatch = dispatches.get(result.dispatch_id)
            if dispatch is None:
                reason: str | None = "its dispatch is unknown, or was closed long ago"
            else:
                reason = dispatch.refuses(holder, result.run_id, result.check_id, result.token)
                if reason is None:
                    finished[result.run_id] = finished_of(result, dispatch.slots[result.run_id], holder)
            if reason is not None:
                refused.append(Refusal(result.run_id, reason))
        refused += record(session, list(finished.values()), database.now_ms(session))
    return ResultAnswer(len(results) - len(refused), refused)
