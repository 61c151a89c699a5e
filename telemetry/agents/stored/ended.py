"""Runs that wait to be looked at: those that ended, and those that fell silent, as one does whose process died. Who
stores events says so in the same transaction, so that none is forgotten, whatever dies."""

from __future__ import annotations

import msgspec
from sqlalchemy.orm import Session

from store.statements import rows, run
from store.wakeups import wake

TOPIC = "agents_ended"
SILENT_MS = 10 * 60_000
"""A run without an end that has said nothing for so long is looked at as it stands; again, when it does go on."""
_TELL = (
    "INSERT INTO agent_ended (organization_id, session, seq, at_ms) VALUES (?, ?, ?, ?) "
    "ON CONFLICT (organization_id, session) DO UPDATE SET seq = excluded.seq, at_ms = "
)
_TELL_ENDED = f"{_TELL}CASE WHEN agent_ended.at_ms < excluded.at_ms THEN agent_ended.at_ms ELSE excluded.at_ms END"
_TELL_SAID = f"{_TELL}excluded.at_ms"
_NEXT = (
    "SELECT organization_id, session, seq FROM agent_ended WHERE at_ms <= ? "
    "ORDER BY at_ms, organization_id, session LIMIT ?"
)


class Ended(msgspec.Struct):
    """A run, by its number. `seq`: of its newest event when it was told."""

    organization_id: str
    number: int
    seq: int


def tell_ended(session: Session, ended: Ended, now_ms: int) -> None:
    """It ended, or more has come since. In a write of the telemetry store."""
    run(session, _TELL_ENDED, ended.organization_id, ended.number, ended.seq, now_ms)
    wake(session, TOPIC)


def tell_said(session: Session, said: Ended, now_ms: int) -> None:
    """It goes on: nobody looks at it before it is silent. In a write of the telemetry store."""
    run(session, _TELL_SAID, said.organization_id, said.number, said.seq, now_ms + SILENT_MS)


def anything_ended(session: Session, now_ms: int) -> bool:
    """Whether `next_ended` would find any."""
    return bool(rows(session, _NEXT, now_ms, 1))


def next_ended(session: Session, now_ms: int, limit: int) -> list[Ended]:
    """Those that wait longest."""
    return [Ended(*row) for row in rows(session, _NEXT, now_ms, limit)]


def forget_ended(session: Session, ended: Ended) -> None:
    """It was looked at; if more came meanwhile, it waits again. In a write of the telemetry store."""
    run(
        session, "DELETE FROM agent_ended WHERE organization_id = ? AND session = ? AND seq = ?",
        ended.organization_id, ended.number, ended.seq,
    )  # fmt: skip
