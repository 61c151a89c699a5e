"""Time never runs backwards, and comes back to the clock it follows."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from store.steady_clock import WRONG_BEFORE_MS, SteadyClock

T0 = 1_700_000_000_000


class _Elapsed:
    def __init__(self) -> None:
        self.s = 100.0

    def __call__(self) -> float:
        return self.s


def test_it_shows_what_the_clock_shows_as_long_as_that_goes_forward() -> None:
    elapsed = _Elapsed()
    clock = SteadyClock(elapsed)
    told = [T0, T0 + 250, T0 + 500, T0 + 90_000_000, T0 + 90_000_250]
    shown = []
    for clock_ms in told:
        shown.append(clock.follow(clock_ms))
        elapsed.s += 0.25
    assert shown == told


def test_after_the_clock_was_set_back_time_goes_on_more_slowly_until_they_meet() -> None:
    elapsed = _Elapsed()
    clock = SteadyClock(elapsed)
    assert clock.follow(T0) == T0
    shown = [T0]
    for second in range(1, 200):
        elapsed.s += 1
        shown.append(clock.follow(T0 - 10_000 + second * 1000))
    steps = [later - earlier for earlier, later in pairwise(shown)]
    assert min(steps) >= 899
    assert steps[50] in (900, 899, 901)
    assert shown[-1] == T0 - 10_000 + 199_000


def test_a_clock_set_back_by_more_than_an_hour_is_believed() -> None:
    elapsed = _Elapsed()
    clock = SteadyClock(elapsed)
    clock.follow(T0)
    assert clock.follow(T0 - WRONG_BEFORE_MS - 1) == T0 - WRONG_BEFORE_MS - 1


@given(st.lists(st.tuples(st.integers(1, 100_000), st.integers(-1_000_000, 1_000_000)), max_size=40))
def test_it_never_falls_and_never_lags_behind_the_clock(steps: list[tuple[int, int]]) -> None:
    elapsed = _Elapsed()
    clock = SteadyClock(elapsed)
    behind, last = T0, 0
    for passed_ms, set_by_ms in steps:
        elapsed.s += passed_ms / 1000
        behind += passed_ms + set_by_ms
        now = clock.follow(behind)
        assert now >= min(behind, last) or last - behind > WRONG_BEFORE_MS
        assert now >= behind
        if last - behind <= WRONG_BEFORE_MS - 1_000:
            assert now >= last
        last = now
