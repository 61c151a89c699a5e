"""When the API served. Leases, limits and deadlines count only then: nobody can keep a promise to somebody absent."""

from __future__ import annotations

import msgspec
from sqlalchemy.orm import Session

from model.protocol import LEASE_MS
from store.statements import rows, run

ABSENT_MS = 3_000
"""No API process has said for so long that it serves: the API was away."""
SETTLE_MS = 5_000
"""Probes find an API that has come back within this: they try again every 2 s at least."""
STEADY_MS = 70_000
"""Who comes back and is gone again within this was away all the time: a crash loop is one absence."""
_NAME = "api"
_READ = "SELECT serving_since_ms, seen_ms, away_from_ms FROM service_clock WHERE name = ?"
_READ_LOCKED = f"{_READ} FOR UPDATE"


class Service(msgspec.Struct, frozen=True):
    """Since when some API process has served without a break, when one last said so, and when the absence before that
    began (None: there was none)."""

    serving_since_ms: int
    seen_ms: int
    away_from_ms: int | None = None

    def serving(self, now_ms: int) -> bool:
        return now_ms - self.seen_ms <= ABSENT_MS

    def was_away(self, from_ms: int, now_ms: int) -> bool:
        """Whether the API was away at any time in [from_ms, now_ms]."""
        return not self.serving(now_ms) or from_ms < self.serving_since_ms

    def had_just_returned(self, at_ms: int) -> bool:
        """Whether probes that were waiting for the API's return may not have found it by then."""
        return at_ms < self.serving_since_ms + SETTLE_MS


def beat(session: Session, now_ms: int, *, returned: bool = False) -> None:
    """Each API process says every second that it serves. The first word after an absence begins a new stretch, and
    gives the instances that were alive when it began a fresh lease: they could not renew theirs. `returned`: this is
    the first word of the only process there can be, so there was an absence before it, however short."""
    before = _read(session, lock=True)
    if before is None:
        run(
            session,
            "INSERT INTO service_clock (name, serving_since_ms, seen_ms) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
            _NAME, now_ms, now_ms,
        )  # fmt: skip
        return
    if before.serving(now_ms) and not returned:
        if now_ms > before.seen_ms:
            run(session, "UPDATE service_clock SET seen_ms = ? WHERE name = ?", now_ms, _NAME)
        return
    in_a_loop = before.away_from_ms is not None and before.seen_ms - before.serving_since_ms < STEADY_MS
    run(
        session,
        "UPDATE service_clock SET serving_since_ms = ?, seen_ms = ?, away_from_ms = ? WHERE name = ?",
        now_ms, now_ms, before.away_from_ms if in_a_loop else before.seen_ms or None, _NAME,
    )  # fmt: skip
    run(
        session,
        "UPDATE probe_instances SET lease_until_ms = ? WHERE lease_until_ms >= ? AND lease_until_ms < ?",
        now_ms + LEASE_MS, before.seen_ms, now_ms + LEASE_MS,
    )  # fmt: skip


def service(session: Session) -> Service:
    """What is known of the API's presence; before its first word it was never there."""
    return _read(session, lock=False) or Service(0, 0)


def _read(session: Session, *, lock: bool) -> Service | None:
    found = rows(session, _READ_LOCKED if lock else _READ, _NAME)
    return Service(*found[0]) if found else None
