"""Asks other locations whether they see it too, at once and not more than a location can bear."""

from __future__ import annotations

from collections.abc import Collection
from weakref import WeakKeyDictionary

from sqlalchemy import Connection, Engine
from sqlalchemy.orm import Session

from model.outcome import Trigger
from store.by_hand import ask_for_runs
from store.statements import rows
from store.tables import Check

SHARE = 0.1
"""Confirming runs may add so much to the scheduled rate of a location."""
ALWAYS_A_MINUTE = 10
"""So many are allowed whatever the rate is: a small set-up has next to none."""
_MINUTE_MS = 60_000
_FULL_MS = 1_000
_COUNT = (
    "SELECT count(*) FROM dispatches WHERE organization_id = ? AND location = ? AND priority = 0 AND created_ms > ?"
)
_PLANNED = (
    "SELECT sum(json_array_length(runs)) FROM dispatches "
    "WHERE organization_id = ? AND location = ? AND priority = 1 AND created_ms > ?"
)
_full: WeakKeyDictionary[Engine | Connection, dict[tuple[str, str], int]] = WeakKeyDictionary()
"""Locations that can bear no more, and until when that need not be asked again."""


def ask_to_confirm(session: Session, check: Check, locations: Collection[str], now_ms: int) -> list[str]:
    """Queue one confirming run of a check at each of these locations that can bear it; which those were. In the
    caller's write transaction of EVERY_ORGANIZATION."""
    if check.kind == "heartbeat":
        return []
    bearable = [location for location in sorted(locations) if _bears(session, check, location, now_ms)]
    if bearable:
        ask_for_runs(session, check, bearable, Trigger.CONFIRM, now_ms)
    return bearable


def _bears(session: Session, check: Check, location: str, now_ms: int) -> bool:
    place, full = (check.organization_id, location), _full.setdefault(session.get_bind(), {})
    if full.get(place, 0) > now_ms:
        return False
    since_ms = now_ms - _MINUTE_MS
    asked = rows(session, _COUNT, *place, since_ms)[0][0]
    if asked < ALWAYS_A_MINUTE or asked < SHARE * (rows(session, _PLANNED, *place, since_ms)[0][0] or 0):
        return True
    full[place] = now_ms + _FULL_MS
    return False
