"""Broken builds, for proving that the whole-process tests have teeth (tests/system/processes.py starts them).

`failpoints` is no broken build but one that can be killed at named places (tests/system/failpoints.py).

Each replaces one function of the product in its own process only, then runs the command line as usual.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

from store.write_lock import Urgency
from tests.system.failpoints import die_at, install

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
    from store.tables import Change
    from store.wakeups import wake

    take = text("UPDATE counters SET value = value + 1 WHERE name = 'changes' RETURNING value")

    def append(session: Any, organization_id: str, kind: str, entity_id: str, now_ms: int) -> int:
        with session.get_bind().engine.begin() as connection:
            number = int(connection.execute(take).scalar_one())
        session.add(Change(seq=number, organization_id=organization_id, kind=kind, entity_id=entity_id, at_ms=now_ms))
        wake(session, "changes")
        time.sleep(1.5 if number % 2 else 0)
        return number

    checks.append_change = append  # type: ignore[assignment]


@sabotage
def failpoints() -> None:
    """Nothing is broken; whatever is armed kills."""
    install()


@sabotage
def alerts_in_a_transaction_of_their_own() -> None:
    """State is written and committed; the alert follows half a second later, if the process still lives."""
    from alerts import record
    from store import sessions

    judge = record.judge
    databases: list[Any] = []
    made = sessions.Database.__init__

    def remember(self: Any, *given: Any, **named: Any) -> None:
        made(self, *given, **named)
        databases.append(self)

    def later(session: Any, book: Any, entered: Any, before: Any, states: Any, now_ms: int) -> None:
        def write() -> None:
            with databases[-1].write(sessions.EVERY_ORGANIZATION, Urgency.RESULTS) as another:
                judge(another, book, list(entered), before, states, now_ms)

        if any(done.status.value == "failed" for done in entered):
            threading.Timer(0.5, write).start()
            threading.Timer(0.2, die_at, ("between",)).start()
        else:
            judge(session, book, entered, before, states, now_ms)

    sessions.Database.__init__ = remember  # type: ignore[method-assign]
    record.judge = later  # type: ignore[assignment]


@sabotage
def marks_sent_before_it_sends() -> None:
    """The notification is marked as sent, then sent."""
    from alerts.channels.base import Delivered
    from alerts.sending.sender import Sender

    send = Sender._send

    async def early(self: Any, channel_id: str, lane: Any, batch: Any, group: Any) -> None:
        await self._record(channel_id, batch, group, Delivered(200))
        die_at("between")
        await send(self, channel_id, lane, batch, group)

    Sender._send = early  # type: ignore[method-assign]


def _clock_off_by(seconds: float) -> None:
    """The host's clock is wrong. `time.time_ns` stays right: it is held against the kernel's stamps on packets, which
    this can't move, and which are of the same clock on a host that is wrong."""
    right = time.time
    time.time = lambda: right() + seconds


@sabotage
def clock_an_hour_ahead() -> None:
    """Nothing is broken but the clock of the host."""
    _clock_off_by(3_600)


@sabotage
def clock_an_hour_behind() -> None:
    """Nothing is broken but the clock of the host."""
    _clock_off_by(-3_600)
