"""Work that one process at a time does, each under a lease, and the list of the schedulers that are alive.

A role only keeps two processes from the same trouble: what is done under it is safe to do twice.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy.orm import Session

from store.statements import rows, run

ROLE_LEASE_MS = 2_500
_MEMBER = "member:"
_HOLD = (
    "INSERT INTO roles (name, owner, lease_until_ms) VALUES {} ON CONFLICT (name) DO UPDATE "
    "SET owner = excluded.owner, lease_until_ms = excluded.lease_until_ms "
    "WHERE roles.owner = excluded.owner OR roles.lease_until_ms <= ? RETURNING name"
)


def hold_roles(session: Session, names: Sequence[str], owner: str, now_ms: int) -> set[str]:
    """Take or keep those of these roles that nobody else holds, until `now_ms` + ROLE_LEASE_MS."""
    if not names:
        return set()
    wanted = [value for name in sorted(names) for value in (name, owner, now_ms + ROLE_LEASE_MS)]
    query = _HOLD.format(", ".join(["(?, ?, ?)"] * len(names)))
    return {str(name) for (name,) in rows(session, query, *wanted, now_ms)}


def release_roles(session: Session, owner: str) -> None:
    """Give up every role of this owner."""
    run(session, "DELETE FROM roles WHERE owner = ?", owner)


def join_schedulers(session: Session, owner: str, now_ms: int) -> int:
    """Say that this scheduler is alive; how many are, itself included. `owner`: up to 33 characters."""
    hold_roles(session, [_MEMBER + owner], owner, now_ms)
    query = "SELECT count(*) FROM roles WHERE name LIKE ? AND lease_until_ms > ?"
    return int(rows(session, query, _MEMBER + "%", now_ms)[0][0])


def forget_dead_schedulers(session: Session, now_ms: int) -> None:
    """Delete the rows of schedulers that ended without a word."""
    run(session, "DELETE FROM roles WHERE name LIKE ? AND lease_until_ms < ?", _MEMBER + "%", now_ms - 60_000)
