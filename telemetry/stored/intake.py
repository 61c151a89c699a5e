"""How what SDKs send is stored: whoever's turn it is commits for all who wait, and each hears when it is on disk.

A commit costs a wait for the disk, whatever is in it. So requests put what they have in a queue; the first to get its
turn takes all that has gathered while the one before it committed, and stores it in one transaction.
"""

from __future__ import annotations

import threading
from collections import deque

import structlog
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from store.sessions import EVERY_ORGANIZATION, Database
from store.write_lock import Urgency
from telemetry.stored.storing import Outcome, Submission, store_all

MOST_ROWS = 2_000
"""In one transaction: more would make those wait who come next."""
_log = structlog.get_logger(__name__)


class _Waiting:
    def __init__(self, submission: Submission) -> None:
        self.submission = submission
        self.outcome: Outcome | None = None
        self.error: Exception | None = None

    @property
    def over(self) -> bool:
        return self.outcome is not None or self.error is not None


class Intake:
    """One per process; threads share it. `store`: of telemetry."""

    def __init__(self, store: Database) -> None:
        self._store = store
        self._queue: deque[_Waiting] = deque()
        self._turn = threading.Lock()

    def keep(self, submission: Submission) -> Outcome:
        """Returns when it is on disk. OperationalError, or its like, when the store is away: then what is sent again is
        stored once all the same."""
        outcomes = [self._kept(part) for part in submission.parts(MOST_ROWS)]
        over = set().union(*(outcome.over for outcome in outcomes))
        return Outcome(outcomes[0].answer, over, all(outcome.spent for outcome in outcomes))

    def _kept(self, submission: Submission) -> Outcome:
        mine = _Waiting(submission)
        self._queue.append(mine)
        while not mine.over:
            with self._turn:
                if not mine.over:
                    self._commit(self._gathered())
        if mine.error is not None:
            raise mine.error
        assert mine.outcome is not None  # noqa: S101 - it is over, and not by an error
        return mine.outcome

    def _gathered(self) -> list[_Waiting]:
        """Those whose turn it is, first come, first served."""
        batch: list[_Waiting] = []
        size = 0
        while self._queue and (not batch or size + self._queue[0].submission.size <= MOST_ROWS):
            batch.append(self._queue.popleft())
            size += batch[-1].submission.size
        return batch

    def _commit(self, batch: list[_Waiting]) -> None:
        try:
            outcomes = self._stored([waiting.submission for waiting in batch])
        except Exception as error:  # noqa: BLE001 - it belongs to whoever waits, in whose thread it is raised
            away = isinstance(error, OperationalError | PoolTimeoutError)
            if len(batch) == 1 or away:
                for waiting in batch:
                    waiting.error = error
                return
            _log.error("intake.one_by_one", submissions=len(batch), exc_info=error)
            for waiting in batch:  # one that can't be stored takes nobody with it
                self._commit([waiting])
            return
        for waiting, outcome in zip(batch, outcomes, strict=True):
            waiting.outcome = outcome

    def _stored(self, submissions: list[Submission]) -> list[Outcome]:
        with self._store.write(EVERY_ORGANIZATION, Urgency.RESULTS) as session:
            return store_all(session, submissions, self._store.now_ms(session))
