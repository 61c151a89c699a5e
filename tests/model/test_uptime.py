"""Percentages never flatter."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from model.uptime import Counts, percent


def test_one_failure_in_a_million_is_not_100_percent() -> None:
    assert Counts(planned=1_000_000, success=999_999, failed=1).uptime == 99.999


def test_nothing_measured_is_no_uptime_but_a_coverage_of_zero() -> None:
    dark = Counts(planned=10)
    assert (dark.uptime, dark.coverage, dark.floor) == (None, 0.0, None)
    assert (Counts().uptime, Counts().coverage, Counts().floor) == (None, None, None)


@given(st.integers(0, 10**9), st.integers(1, 10**9))
def test_100_means_all(part: int, whole: int) -> None:
    part = min(part, whole)
    share = percent(part, whole)
    assert share is not None
    assert (share == 100) == (part == whole)
    assert part / whole * 100 - 0.001001 <= share <= part / whole * 100 + 1e-9
