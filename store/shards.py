"""Shards of all checks, each leased to one scheduler, and how far each has been scheduled (R7).

A shard's token rises with every claim and is part of every later statement about it, so a scheduler that lost a shard
without noticing changes nothing. The order of locks: a scheduler that claims never waits (SKIP LOCKED), one that holds
locks its shards in the order of their ids.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec
from sqlalchemy.orm import Session

from store.statements import rows, run

SHARDS = 16
"""How finely checks are shared out: rows of `shards`. It decides which check is in which, so it never changes."""
SHARD_LEASE_MS = 2_200
"""A scheduler not heard from for so long is replaced: with a claim every 500 ms that is within 3 s."""

CHECKPOINT_MAX_AGE_MS = 10_000
"""An oldest checkpoint that lies further back: nobody schedules."""

_FREE = (
    "SELECT id, token, checkpoint_ms FROM shards WHERE lease_until_ms <= ? OR owner = ? "
    "ORDER BY id FOR UPDATE SKIP LOCKED"
)
_ANY = "SELECT id, token, checkpoint_ms FROM shards ORDER BY id FOR UPDATE SKIP LOCKED"
_LOCK = "SELECT id FROM shards WHERE (id, token, COALESCE(checkpoint_ms, -1)) IN (VALUES {}) ORDER BY id FOR UPDATE"
_ADVANCE = (
    "UPDATE shards SET lease_until_ms = ?, checkpoint_ms = COALESCE(CAST(? AS BIGINT), checkpoint_ms) WHERE id IN ({})"
)


class HeldShard(msgspec.Struct):
    """A shard this scheduler holds. Every slot due up to `checkpoint_ms` is dispatched, accounted for or in arrears;
    None: it was never scheduled."""

    id: int
    token: int
    checkpoint_ms: int | None


def claim_shards(
    session: Session, owner: str, now_ms: int, most: int, *, held: Iterable[int] = (), seize: bool = False
) -> list[HeldShard]:
    """Take up to `most` shards whose lease has run out, or that this owner lost sight of. `seize`: whoever holds them
    is known to be dead (SQLite has one scheduler)."""
    if most <= 0:
        return []
    found = rows(session, _ANY) if seize else rows(session, _FREE, now_ms, owner)
    kept = set(held)
    claimed = [HeldShard(*row) for row in found if row[0] not in kept][:most]
    for shard in claimed:
        shard.token += 1
        run(
            session,
            "UPDATE shards SET owner = ?, token = ?, lease_until_ms = ? WHERE id = ?",
            owner, shard.token, now_ms + SHARD_LEASE_MS, shard.id,
        )  # fmt: skip
    return claimed


def any_claimable(session: Session, owner: str, now_ms: int, held: Iterable[int]) -> bool:
    """Whether `claim_shards` would find something: a look before the write it takes."""
    query = "SELECT id FROM shards WHERE lease_until_ms <= ? OR owner = ?"
    return bool({row[0] for row in rows(session, query, now_ms, owner)} - set(held))


def advance_shards(session: Session, shards: Sequence[HeldShard], checkpoint_ms: int | None, now_ms: int) -> list[int]:
    """Move the checkpoint of these shards (None: leave it) and renew their leases. Returns the ids of those that are
    lost: claimed by another, or moved by a transaction whose end was never seen. The caller then rolls back."""
    keys = ", ".join(["(?, ?, ?)"] * len(shards))
    values = [value for shard in shards for value in (shard.id, shard.token, _or_never(shard.checkpoint_ms))]
    kept = [row[0] for row in rows(session, _LOCK.format(keys), *values)]
    if kept:
        run(session, _ADVANCE.format(", ".join("?" * len(kept))), now_ms + SHARD_LEASE_MS, checkpoint_ms, *kept)
    return sorted({shard.id for shard in shards} - set(kept))


def holds_shard(session: Session, shard: HeldShard) -> bool:
    """Whether the shard is still held, and if so nobody can claim it until this transaction ends."""
    return bool(rows(session, "SELECT 1 FROM shards WHERE id = ? AND token = ? FOR UPDATE", shard.id, shard.token))


def release_shards(session: Session, shards: Iterable[HeldShard]) -> None:
    """Give shards up so that another scheduler may claim them at once."""
    for shard in sorted(shards, key=lambda shard: shard.id):
        run(
            session,
            "UPDATE shards SET owner = NULL, lease_until_ms = 0 WHERE id = ? AND token = ?",
            shard.id, shard.token,
        )  # fmt: skip


def oldest_checkpoint_ms(session: Session) -> int | None:
    """The time up to which every slot of every check is taken care of; None before the first scheduler has begun.
    Normally it lies up to a second ahead of now; `/health` is impaired when it is CHECKPOINT_MAX_AGE_MS behind."""
    oldest, never = rows(session, "SELECT min(checkpoint_ms), count(*) - count(checkpoint_ms) FROM shards")[0]
    return None if never or oldest is None else int(oldest)


def _or_never(checkpoint_ms: int | None) -> int:
    return -1 if checkpoint_ms is None else checkpoint_ms
