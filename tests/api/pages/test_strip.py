"""The row of cells that shows how a check fared lately."""

from __future__ import annotations

from api.pages.strip import strip
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
