"""What is asked every second is no dearer for what is over: closed dispatches, ended alerts, sent notifications."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy import event
from sqlalchemy.orm import Session

from alerts.watch import watch
from model.protocol import PROTOCOL, LeaseRequest
from store.claims import anything_to_claim
from store.dispatches import anything_to_close
from store.fencing import fenced_dispatches
from store.leases import lost_with_an_answer
from store.open_dispatches import Holder
from store.outbox import channels_due
from store.sessions import EVERY_ORGANIZATION, Database
from store.undelivered import any_overdue

HOLDER = Holder("org_1", "prb_1", "local")
REQUEST = LeaseRequest(
    protocol=PROTOCOL, instance="ins_1", version="1", types=["url"], capabilities=["network"], capacity=10,
    running=0, spool=0, seen=0, self_check="off", stopping=False, replaces=None, wait_ms=0, holding=[], released=[],
)  # fmt: skip
WHAT_IS_OPEN = (
    "ix_dispatches_unclosed",
    "ix_alerts_held",
    "ix_alerts_open",
    "ix_notifications_pending",
    "ix_notifications_waiting",
)
"""Indexes that hold only what is open or pending: they may be walked as a whole."""
WALKS = ("SCAN d ", "SCAN dispatches ", "SCAN alerts ", "SCAN notifications ")
LOOKS: dict[str, Callable[[Session], object]] = {
    "results": lambda session: fenced_dispatches(session, HOLDER, ["dsp_1", "dsp_2"]),
    "lease": lambda session: anything_to_claim(session, HOLDER, REQUEST, 1),
    "renewal": lambda session: lost_with_an_answer(session, HOLDER, REQUEST),
    "closing": lambda session: anything_to_close(session, 1),
    "sending": lambda session: channels_due(session, 1),
    "others": lambda session: any_overdue(session, 1),
}


@pytest.mark.parametrize("look", LOOKS)
def test_a_look_reads_only_what_is_open(database: Database, look: str) -> None:
    with database.read(EVERY_ORGANIZATION) as session:
        _plans_are_short(database, lambda: LOOKS[look](session))


def test_the_watch_over_alerts_reads_only_those_that_are_open(database: Database) -> None:
    _plans_are_short(database, lambda: watch(database))


def _plans_are_short(database: Database, work: Callable[[], object]) -> None:
    if not database.sqlite:
        pytest.skip("PostgreSQL plans by what its tables hold")
    said: list[tuple[str, tuple[object, ...]]] = []

    def hear(_connection: object, _cursor: object, statement: str, parameters: tuple[object, ...], *_: object) -> None:
        said.append((statement, parameters))

    event.listen(database.engine, "before_cursor_execute", hear)
    work()
    event.remove(database.engine, "before_cursor_execute", hear)
    told = [(statement, parameters) for statement, parameters in said if statement.startswith(("SELECT", "WITH"))]
    assert told
    with database.engine.connect() as connection:
        for statement, parameters in told:
            plan = [row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)]
            for step in plan:
                assert not step.startswith(WALKS) or any(name in step for name in WHAT_IS_OPEN), (statement, plan)
                # An index by organization and place is short only where it is searched for what is not closed.
                assert "ix_dispatches_open" not in step or "closed_ms=?" in step, (statement, plan)
