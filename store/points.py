"""The measured runs of checks as alert rules read them, straight from the rows by the index of slots."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
from sqlalchemy.orm import Session

from model.finished import Detail
from model.health import freshness_ms
from model.points import Point
from model.schedule import fresh_until_ms
from store.statements import rows
from store.version_schedules import schedules_of_versions

MOST_POINTS = 20_000
"""Of one location at once; a window of a day at an interval of five seconds is 17,280."""
_ALWAYS_MS = 100 * 366 * 86_400_000
_UNSCHEDULED_MS = freshness_ms(60_000, 30_000)
_COLUMNS = (
    "id, location, at_ms, completed_ms, status, trigger, maintenance, check_version, duration_ms, error_code, "
    "error_message"
)
_MEASURED = "status IN ('success', 'failed') AND trigger IN ('schedule', 'confirm')"
_detail = msgspec.json.Decoder(Detail)


def points_from(
    session: Session, check_id: str, from_ms: int, until_ms: int | None = None, *, certificates: bool = False
) -> list[Point]:
    """The points of a check due in [from_ms, until_ms), at all its locations, in the order in which they are judged.
    `certificates`: with the days that their certificates have left, which costs reading each run's detail."""
    end = "" if until_ms is None else "AND at_ms < ? "
    values = (check_id, from_ms) if until_ms is None else (check_id, from_ms, until_ms)
    found = rows(
        session,
        f"SELECT {_selected(certificates)} FROM runs WHERE check_id = ? AND at_ms >= ? {end}AND {_MEASURED} "  # noqa: S608
        f"ORDER BY at_ms LIMIT {MOST_POINTS * 10}",
        *values,
    )
    return sorted(_points(session, check_id, found), key=lambda point: point.order)


def count_points(session: Session, check_id: str, from_ms: int, until_ms: int, most: int) -> int:
    """How many points `points_from` would find, counting no further than `most`."""
    query = (
        f"SELECT count(*) FROM (SELECT 1 FROM runs WHERE check_id = ? AND at_ms >= ? AND at_ms < ? AND {_MEASURED} "  # noqa: S608
        "LIMIT ?) AS found"
    )
    return int(rows(session, query, check_id, from_ms, until_ms, most)[0][0])


def points_before(
    session: Session, check_id: str, locations: Iterable[str], before_ms: int, runs: int, window_ms: int,
    *, certificates: bool = False,
) -> list[Point]:  # fmt: skip
    """What a rule remembers at an instant: at each location the last `runs` points due before it, and all of the last
    `window_ms`; in the order in which they are judged."""
    found: list[Any] = []
    selected = _selected(certificates)
    for location in locations:
        where = f"FROM runs WHERE check_id = ? AND location = ? AND at_ms < ? AND {_MEASURED}"
        last = rows(
            session,
            f"SELECT {selected} {where} ORDER BY at_ms DESC LIMIT {runs + 1}",
            check_id, location, before_ms,
        )  # fmt: skip
        if window_ms and (not last or last[-1][2] > before_ms - window_ms):
            last = rows(
                session,
                f"SELECT {selected} {where} AND at_ms > ? ORDER BY at_ms DESC LIMIT {MOST_POINTS}",
                check_id, location, before_ms, before_ms - window_ms,
            )  # fmt: skip
        found += last
    return sorted(_points(session, check_id, found), key=lambda point: point.order)


def passed_since(session: Session, check_id: str, locations: Sequence[str], from_ms: int, before_ms: int) -> bool:
    """Whether a scheduled run at one of these locations passed in [from_ms, before_ms)."""
    query = (
        "SELECT 1 FROM runs WHERE check_id = ? AND at_ms >= ? AND at_ms < ? AND location IN ? "
        "AND status = 'success' AND trigger = 'schedule' LIMIT 1"
    )
    return bool(rows(session, query, check_id, from_ms, before_ms, list(locations)))


def _selected(certificates: bool) -> str:
    return f"{_COLUMNS}, detail" if certificates else f"{_COLUMNS}, NULL"


def _points(session: Session, check_id: str, found: Sequence[Any]) -> list[Point]:
    schedules = schedules_of_versions(session, {(check_id, row[7]) for row in found})
    points = []
    for row in found:
        schedule = schedules.get((check_id, row[7]))
        if schedule is not None:
            fresh_ms = fresh_until_ms(schedule, row[2])
        else:
            fresh_ms = row[2] + (_ALWAYS_MS if row[1] == "heartbeat" else _UNSCHEDULED_MS)
        points.append(
            Point(
                run_id=row[0],
                location=row[1],
                at_ms=row[2],
                ended_ms=row[3] or row[2],
                failed=row[4] == "failed",
                confirm=row[5] == "confirm",
                maintenance=bool(row[6]),
                check_version=row[7],
                duration_ms=row[8],
                error_code=row[9],
                error_message=row[10],
                fresh_until_ms=fresh_ms,
                certificate_days=_days(row[11]),
            )
        )  # fmt: skip
    return points


def _days(detail: Any) -> float | None:
    if not detail:
        return None
    return certificate_days(_detail.decode(detail).response)


def certificate_days(response: dict[str, Any] | None) -> float | None:
    """Days left of the certificate that a run saw, from the `response` kept of it."""
    shown = (response or {}).get("certificate")
    days = shown.get("days_left") if isinstance(shown, dict) else None
    return float(days) if isinstance(days, (int, float)) else None
