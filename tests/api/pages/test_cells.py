"""How a stretch of runs looks in a row of cells."""

from __future__ import annotations

import pytest

from api.pages.cells import hatched, state_of


@pytest.mark.parametrize(
    ("planned", "measured", "failed", "css"),
    [(0, 0, 0, None), (6, 6, 0, "up"), (6, 3, 0, "up"), (6, 0, 0, "unknown"), (6, 6, 2, "degraded"), (6, 6, 4, "down")],
)
def test_a_cell_is_as_bad_as_what_was_measured(planned: int, measured: int, failed: int, css: str | None) -> None:
    assert state_of(planned > 0, measured, failed) == css


@pytest.mark.parametrize(("missing", "expected"), [(0.0, 0), (0.005, 0), (0.02, 4), (0.5, 8), (0.99, 12)])
def test_as_much_is_hatched_as_was_not_measured_and_all_of_it_only_where_nothing_was(
    missing: float, expected: int
) -> None:
    assert hatched("up", missing, 16) == expected


def test_what_failed_is_never_covered() -> None:
    assert hatched("down", 0.5, 26) == 0
