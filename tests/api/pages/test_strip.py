"""Small drawings of how a check fared lately."""

from __future__ import annotations

from api.pages.day_bar import latency_line
from api.pages.strip import strip
from store.overview import Hour
from store.tables import Run

MINUTE = 60_000


def run(at_ms: int, status: str, location: str = "a") -> Run:
    return Run(at_ms=at_ms, status=status, trigger="schedule", location=location, degraded=False)


def test_what_was_not_measured_is_hatched_beside_what_passed() -> None:
    runs = [run(minute * MINUTE, "success") for minute in range(6)]
    runs += [run(minute * MINUTE, "missed", "b") for minute in (4, 5)]
    drawn = strip(runs, 6 * MINUTE)
    assert drawn is not None
    assert [cell.css for cell in drawn.cells] == ["up", "up", "up", "up", "up", "unknown", "up", "unknown"]
    passed, hole = drawn.cells[-2:]
    assert (hole.x, hole.y, hole.height) == (passed.x, passed.y, passed.height // 2)
    assert "6 passed, 2 not measured" in drawn.label


def test_one_hour_alone_is_a_dash_and_none_is_nothing() -> None:
    hours = [Hour(hour_ms=number * 3_600_000) for number in range(24)]
    assert latency_line(hours) is None
    hours[-1].duration_ms = 12.0
    drawn = latency_line(hours)
    assert drawn is not None
    assert drawn.label == "took 12 ms in the one hour it was measured"
    left, right = drawn.points.split()
    assert left.split(",")[1] == right.split(",")[1]
