"""Broken builds, for proving that the whole-process tests have teeth: `python -m tests.system.sabotage NAME server`.

Each replaces one function of the product in its own process only, then runs the command line as usual.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from typing import Any

SABOTAGE: dict[str, Callable[[], None]] = {}


def sabotage(function: Callable[[], None]) -> Callable[[], None]:
    SABOTAGE[function.__name__] = function
    return function


@sabotage
def acknowledges_before_it_commits() -> None:
    """A result is acknowledged at once and stored half a second later, as by a queue in memory."""
    from api import probe_protocol
    from api.probe_results import take_results
    from model.protocol import ResultAnswer

    def later(database: Any, holder: Any, results: Any) -> ResultAnswer:
        threading.Timer(0.5, take_results, (database, holder, results)).start()
        return ResultAnswer(len(results))

    probe_protocol.take_results = later  # type: ignore[assignment]


@sabotage
def believes_any_token() -> None:
    """No fencing: whoever sends a result of a run is believed."""
    from store.fencing import FencedDispatch

    FencedDispatch.refuses = lambda *_: None  # type: ignore[method-assign, assignment]


@sabotage
def numbers_changes_before_they_commit() -> None:
    """The feed's number is given outside the transaction, which then takes its time: a late commit hides."""
    from sqlalchemy import text

    from store import checks
    from store.sessions import wake
    from store.tables import Change

    take = text("UPDATE counters SET value = value + 1 WHERE name = 'changes' RETURNING value")

    def append(session: Any, organization_id: str, kind: str, entity_id: str, now_ms: int) -> int:
        with session.get_bind().engine.begin() as connection:
            number = int(connection.execute(take).scalar_one())
        session.add(Change(seq=number, organization_id=organization_id, kind=kind, entity_id=entity_id, at_ms=now_ms))
        wake(session, "changes")
        time.sleep(1.5 if number % 2 else 0)
        return number

    checks.append_change = append  # type: ignore[assignment]


def main() -> None:
    name = sys.argv.pop(1)
    SABOTAGE[name]()
    from cli.main import main as tracer

    tracer()


if __name__ == "__main__":
    main()
