"""What the overview shows: how every check of an organization stands, and how those on one page fared in 24 hours.

How all of them stand is read in two queries that go past the ORM: it would take longer than the rest of the page for a
thousand checks. Hours are read for the checks that are shown only. Nothing here reads runs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

import msgspec
from sqlalchemy.orm import Session

from model.health import Health, Verdict, health
from model.outcome import RunStatus
from model.times import HOUR_MS
from model.uptime import Counts
from store.statements import rows

HOURS = 24
_CHECKS = (
    "SELECT id, name, type, kind, status, locations, definition -> 'tags' FROM checks "
    "WHERE organization_id = ? AND deleted_ms IS NULL ORDER BY lower(name), id"
)
_STATES = (
    "SELECT check_id, location, status, degraded, since_ms, fresh_until_ms, error FROM location_states "
    "WHERE organization_id = ? AND status IS NOT NULL"
)
_HOURS = (
    "SELECT check_id, bucket_ms, SUM(planned), SUM(success), SUM(failed), SUM(duration_sum_ms) FROM rollups_hour "
    "WHERE check_id IN ? AND bucket_ms BETWEEN ? AND ? AND organization_id = ? GROUP BY check_id, bucket_ms"
)
_HEARTBEAT = ("heartbeat",)
_FAILED = RunStatus.FAILED.value
_NONE: Mapping[str, Any] = {}
_decode = msgspec.json.Decoder().decode


class Place(msgspec.Struct, frozen=True, gc=False):
    """A check at one of its locations now: up, degraded, down or unknown, since when, and what the failure says."""

    location: str
    state: str
    since_ms: int | None
    error: str | None


class Standing(msgspec.Struct, frozen=True, gc=False):
    """How a check stands now. `states`: rows of _STATES by location, of those that were ever measured."""

    check_id: str
    name: str
    type: str
    tags: tuple[str, ...]
    health: Health
    locations: tuple[str, ...]
    states: Mapping[str, Any]
    now_ms: int

    @property
    def lost(self) -> bool:
        """Whether it is up only where it is measured: from elsewhere it was down when it last was."""
        rows_ = (self.states.get(location) for location in self.locations)
        return self.health == Health.UP and any(
            row is not None and row[2] == _FAILED and (row[5] or 0) <= self.now_ms for row in rows_
        )

    @property
    def places(self) -> list[Place]:
        """It at each of its locations: worked out when asked, of a thousand checks a page shows few."""
        return [_place(location, self.states.get(location), self.now_ms) for location in self.locations]

    @property
    def cause(self) -> str | None:
        """What the first location that fails says, where the check is not well."""
        return next((place.error for place in self.places if place.state == "down" and place.error), None)


class Hour(Counts, kw_only=True, gc=False):
    """One hour of a check over all its locations. `duration_ms`: the mean of what was measured."""

    hour_ms: int
    duration_ms: float | None = None


Rests = Callable[[str, Sequence[str]], bool]
"""(check id, its tags) -> whether it is in a maintenance window now"""


def standings(session: Session, organization_id: str, now_ms: int, rests: Rests) -> list[Standing]:
    """Every check of this organization, by name."""
    states = _states(session, organization_id)
    found = []
    for check_id, name, kind_of, kind, status, located, tagged in rows(
        session, _CHECKS, organization_id, of=organization_id
    ):
        tags = _listed(tagged)
        locations = _HEARTBEAT if kind == "heartbeat" else _listed(located)
        of_it = states.get(check_id, _NONE)
        verdicts = [
            Verdict(row[2] == _FAILED, row[3], row[5] or 0) for place, row in of_it.items() if place in locations
        ]
        now = health(verdicts, now_ms=now_ms, paused=status == "paused", maintenance=rests(check_id, tags))
        found.append(Standing(check_id, name, kind_of, tags, now, locations, of_it, now_ms))
    return found


def hours_of(session: Session, organization_id: str, check_ids: Sequence[str], now_ms: int) -> dict[str, list[Hour]]:
    """The last 24 hours of each check, oldest first, the hour that runs last; one with nothing planned has zeros."""
    newest_ms = now_ms - now_ms % HOUR_MS
    first_ms = newest_ms - (HOURS - 1) * HOUR_MS
    found = {check_id: [Hour(hour_ms=first_ms + n * HOUR_MS) for n in range(HOURS)] for check_id in check_ids}
    if not found:
        return {}
    for check_id, hour_ms, planned, success, failed, duration_sum_ms in rows(
        session, _HOURS, sorted(found), first_ms, newest_ms, organization_id, of=organization_id
    ):
        hour = found[check_id][(hour_ms - first_ms) // HOUR_MS]
        hour.add(int(planned), int(success), int(failed))
        hour.duration_ms = duration_sum_ms / hour.measured if hour.measured else None
    return found


def _states(session: Session, organization_id: str) -> dict[str, dict[str, Any]]:
    """By check and location, each as _STATES has it."""
    states: dict[str, dict[str, Any]] = {}
    for row in rows(session, _STATES, organization_id, of=organization_id):
        states.setdefault(row[0], {})[row[1]] = row
    return states


def _listed(value: Any) -> tuple[str, ...]:
    """A JSON column that holds a list, or nothing."""
    return _list_in(value) if isinstance(value, str) else tuple(value or ())


@lru_cache(maxsize=4_096)
def _list_in(text: str) -> tuple[str, ...]:
    """A thousand checks have few different lists of locations and tags."""
    return tuple(_decode(text) or ())


def _decoded(value: Any) -> Any:
    """A JSON column: text on SQLite, what it means on PostgreSQL."""
    return _decode(value) if isinstance(value, str) else value


def _place(location: str, state: Any, now_ms: int) -> Place:
    if state is None:
        return Place(location, "unknown", None, None)
    _, _, status, degraded, since_ms, fresh_until_ms, error = state
    if (fresh_until_ms or 0) <= now_ms:
        return Place(location, "unknown", None, None)
    if status == _FAILED:
        return Place(location, "down", since_ms, (_decoded(error) or {}).get("message"))
    return Place(location, "degraded" if degraded else "up", since_ms, None)
