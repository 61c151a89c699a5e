"""What the overview shows: how every check of an organization stands, and how those on one page fared in 24 hours.

How all of them stand is read in three queries of plain columns, so that thousands cost some ten milliseconds; hours are
read for the checks that are shown only. Nothing here reads runs.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from model.health import Health, Verdict, health
from model.outcome import RunStatus
from model.times import HOUR_MS
from model.uptime import Counts
from store.tables import Check, LocationState, RollupHour

HOURS = 24


class Place(msgspec.Struct, frozen=True):
    """A check at one of its locations now: up, degraded, down or unknown, since when, and what the failure says."""

    location: str
    state: str
    since_ms: int | None
    error: str | None


class Standing(msgspec.Struct, frozen=True):
    """How a check stands now."""

    check_id: str
    name: str
    type: str
    tags: tuple[str, ...]
    health: Health
    places: tuple[Place, ...]

    @property
    def cause(self) -> str | None:
        """What the first location that fails says, where the check is not well."""
        return next((place.error for place in self.places if place.state == "down" and place.error), None)


class Hour(Counts, kw_only=True):
    """One hour of a check over all its locations. `duration_ms`: the mean of what was measured."""

    hour_ms: int
    duration_ms: float | None = None


Rests = Callable[[str, Sequence[str]], bool]
"""(check id, its tags) -> whether it is in a maintenance window now"""


def standings(session: Session, now_ms: int, rests: Rests) -> list[Standing]:
    """Every check of the session's organization, by name."""
    states = _states(session)
    wanted = select(Check.id, Check.name, Check.type, Check.kind, Check.status, Check.locations, Check.definition)
    found = []
    for check_id, name, kind_of, kind, status, locations, definition in session.execute(
        wanted.where(Check.deleted_ms.is_(None)).order_by(func.lower(Check.name), Check.id)
    ):
        tags = tuple(definition.get("tags") or ())
        names = ["heartbeat"] if kind == "heartbeat" else locations
        of_it = {state.location: state for state in states.get(check_id, ()) if state.location in names}
        verdicts = [
            Verdict(each.status == RunStatus.FAILED, each.degraded, each.fresh_until_ms or 0) for each in of_it.values()
        ]
        now = health(verdicts, now_ms=now_ms, paused=status == "paused", maintenance=rests(check_id, tags))
        places = tuple(_place(location, of_it.get(location), now_ms) for location in names)
        found.append(Standing(check_id, name, kind_of, tags, now, places))
    return found


def hours_of(session: Session, check_ids: Sequence[str], now_ms: int) -> dict[str, list[Hour]]:
    """The last 24 hours of each check, oldest first, the hour that runs last; one with nothing planned has zeros."""
    newest_ms = now_ms - now_ms % HOUR_MS
    first_ms = newest_ms - (HOURS - 1) * HOUR_MS
    found = {check_id: [Hour(hour_ms=first_ms + n * HOUR_MS) for n in range(HOURS)] for check_id in check_ids}
    counted = (RollupHour.planned, RollupHour.success, RollupHour.failed, RollupHour.duration_sum_ms)
    sums = (func.sum(column) for column in counted)
    wanted = (
        select(RollupHour.check_id, RollupHour.bucket_ms, *sums)
        .where(RollupHour.check_id.in_(check_ids), RollupHour.bucket_ms.between(first_ms, newest_ms))
        .group_by(RollupHour.check_id, RollupHour.bucket_ms)
    )
    for row in session.execute(wanted):
        check_id, hour_ms, planned, success, failed, duration_sum_ms = tuple(row)
        hour = found[check_id][(hour_ms - first_ms) // HOUR_MS]
        hour.add(int(planned), int(success), int(failed))
        hour.duration_ms = duration_sum_ms / hour.measured if hour.measured else None
    return found


def _states(session: Session) -> dict[str, list[Any]]:
    states: dict[str, list[Any]] = defaultdict(list)
    wanted = select(
        LocationState.check_id, LocationState.location, LocationState.status, LocationState.degraded,
        LocationState.since_ms, LocationState.fresh_until_ms, LocationState.error,
    ).where(LocationState.status.is_not(None))  # fmt: skip
    for row in session.execute(wanted):
        states[row.check_id].append(row)
    return states


def _place(location: str, state: Any, now_ms: int) -> Place:
    if state is None or (state.fresh_until_ms or 0) <= now_ms:
        return Place(location, "unknown", None, None)
    error = (state.error or {}).get("message")
    if state.status == RunStatus.FAILED:
        return Place(location, "down", state.since_ms, error)
    return Place(location, "degraded" if state.degraded else "up", state.since_ms, None)
