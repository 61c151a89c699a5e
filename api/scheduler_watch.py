"""What the API does when no scheduler works: says so, and sends what is in the outbox in its place.

A thread of every API process. Notices are told through the outbox, and whoever sends it is the scheduler that holds the
role `outbox`: while nobody schedules, an API takes that role, starts a sender of its own, and gives both up as soon as
a scheduler works again.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Protocol

import structlog
from sqlalchemy.exc import SQLAlchemyError

from alerts.self_watch.registry import BY_API
from alerts.self_watch.watching import LOOK_S, Watching
from model.settings import Settings
from scheduler.duties import Duties
from store.roles import hold_roles, release_roles
from store.sessions import EVERY_ORGANIZATION, Database
from store.shards import CHECKPOINT_MAX_AGE_MS, oldest_checkpoint_ms
from store.write_lock import Urgency

OUTBOX_ROLE = "outbox"
TURN_S = 1.0
"""A role is held for 2.5 s: renewed often enough to keep it. Who has none looks every LOOK_S whether it should."""
_log = structlog.get_logger(__name__)


class Sender(Protocol):
    """Sends the outbox between `start` and `stop`, in threads of its own."""

    def start(self) -> None: ...
    def stop(self) -> None: ...


MakeSender = Callable[[Callable[[], bool]], Sender]
"""Makes a sender from the question whether it may send now: the role may be lost between two turns."""


class SchedulerWatch:
    """`identity`: unique among all processes of the database, up to 64 characters. `make_sender`: None where nothing
    can be sent."""

    def __init__(
        self, database: Database, settings: Settings, identity: str, make_sender: MakeSender | None = None
    ) -> None:
        self._database = database
        self._identity = identity
        self._make_sender = make_sender
        self._watching = Watching(BY_API, settings)
        self._duties = Duties()
        self._sender: Sender | None = None
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._main, name="scheduler-watch", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Returns when it does nothing any more, and holds no role."""
        self._stopping.set()
        self._thread.join()

    def look(self) -> None:
        """Say what is to be said about the scheduler."""
        self._watching(self._database)

    def stand_in(self) -> None:
        """Send in the scheduler's place, or leave it to a scheduler that works."""
        if self._make_sender is None:
            return
        with self._database.read(EVERY_ORGANIZATION) as session:
            checkpoint_ms = oldest_checkpoint_ms(session)
            behind_ms = self._database.now_ms(session) - (checkpoint_ms or 0)
        if behind_ms <= CHECKPOINT_MAX_AGE_MS:
            self._stand_back()
            return
        asked_s = time.monotonic()
        with self._database.write(EVERY_ORGANIZATION, Urgency.PEOPLE) as session:
            held = hold_roles(session, [OUTBOX_ROLE], self._identity, self._database.now_ms(session))
        self._duties.renew(held, asked_s)
        if held and self._sender is None:
            _log.warning("outbox.stands_in")
            self._sender = self._make_sender(lambda: self._duties.holds(OUTBOX_ROLE))
            self._sender.start()
        elif not held:
            self._stop_sender()

    def _stand_back(self) -> None:
        if self._sender is None:
            return
        self._stop_sender()
        with self._database.write(EVERY_ORGANIZATION, Urgency.PEOPLE) as session:
            release_roles(session, self._identity)

    def _stop_sender(self) -> None:
        if self._sender is not None:
            self._sender.stop()
            self._sender = None

    def _main(self) -> None:
        turn = 0
        while not self._stopping.wait(TURN_S):
            looks = turn % round(LOOK_S / TURN_S) == 0
            if looks or self._sender is not None:
                self._attempt(self.stand_in)
            if looks:
                self._attempt(self.look)
            turn += 1
        self._attempt(self._stand_back)

    def _attempt(self, work: Callable[[], None]) -> None:
        try:
            work()
        except SQLAlchemyError as error:
            _log.warning("scheduler_watch.database", error=str(error.__cause__ or error))
