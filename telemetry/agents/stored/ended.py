"""Runs that ended and were not looked at since. Who stores an end says so in the same transaction, so that none is
forgotten, whatever dies."""

from __future__ import annotations

import msgspec
from sqlalchemy.orm import Session

from store.statements import rows, run
from store.wakeups import wake

TOPIC = "agents_ended"
_TELL = (
    "INSERT INTO agent_ended (organization_id, session, seq, at_ms) VALUES (?, ?, ?, ?) "
    "ON CONFLICT (organization_id, session) DO UPDATE SET seq = excluded.seq"
)
_NEXT = "SELECT organization_id, session, seq FROM agent_ended ORDER BY at_ms, organization_id, session LIMIT ?"


class Ended(msgspec.Struct):
    """A run, by its number. `seq`: of its newest event when it was told."""

    organization_id: str
    number: int
    seq: int


def tell_ended(session: Session, ended: Ended, now_ms: int) -> None:
    """It ended, or more has come since. In a write of the telemetry store."""
    run(session, _TELL, ended.organization_id, ended.number, ended.seq, now_ms)
    wake(session, TOPIC)


def next_ended(session: Session, limit: int) -> list[Ended]:
    """Those that wait longest."""
    return [Ended(*row) for row in rows(session, _NEXT, limit)]


def forget_ended(session: Session, ended: Ended) -> None:
    """It was looked at; if more came meanwhile, it waits again. In a write of the telemetry store."""
    run(
        session, "DELETE FROM agent_ended WHERE organization_id = ? AND session = ? AND seq = ?",
        ended.organization_id, ended.number, ended.seq,
    )  # fmt: skip
