"""What shards still owe after a time without a scheduler (store/tables.py, Arrears)."""

from __future__ import annotations

import msgspec
from sqlalchemy.orm import Session

from store.statements import rows, run


class ArrearsRow(msgspec.Struct):
    """Slots due in (from_ms, to_ms] of one shard. None in `closed_to`, `offered_to`: nothing is done yet."""

    shard_id: int
    from_ms: int
    to_ms: int
    closed_to: str | None = None
    offered_to: str | None = None


def open_arrears(session: Session, shard_id: int, from_ms: int, to_ms: int) -> None:
    """Owe the slots due in (from_ms, to_ms]; in the transaction that moves the shard's checkpoint beyond them."""
    run(
        session,
        "INSERT INTO arrears (shard_id, from_ms, to_ms) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
        shard_id, from_ms, to_ms,
    )  # fmt: skip


def arrears_of(session: Session, shard_ids: list[int]) -> list[ArrearsRow]:
    """What these shards owe, oldest first."""
    query = "SELECT shard_id, from_ms, to_ms, closed_to, offered_to FROM arrears ORDER BY from_ms, shard_id"
    wanted = set(shard_ids)
    return [ArrearsRow(*row) for row in rows(session, query) if row[0] in wanted]


def keep_arrears(session: Session, owed: ArrearsRow) -> None:
    """Store how far it has come."""
    run(
        session,
        "UPDATE arrears SET closed_to = ?, offered_to = ? WHERE shard_id = ? AND from_ms = ?",
        owed.closed_to, owed.offered_to, owed.shard_id, owed.from_ms,
    )  # fmt: skip


def end_arrears(session: Session, owed: ArrearsRow) -> None:
    """Nothing is owed any more."""
    run(session, "DELETE FROM arrears WHERE shard_id = ? AND from_ms = ?", owed.shard_id, owed.from_ms)
