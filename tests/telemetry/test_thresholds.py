"""When a group's events are too many: held against a fold that remembers everything."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from telemetry.thresholds import firings

TIMES = st.lists(st.integers(0, 60), max_size=40).map(sorted)


def plainly(times: list[int], threshold: int, window_ms: int, cooldown_ms: int) -> list[int]:
    found: list[int] = []
    quiet_until_ms = 0
    for place, at_ms in enumerate(times):
        count = sum(1 for earlier in times[: place + 1] if earlier > at_ms - window_ms)
        if at_ms >= quiet_until_ms and count >= threshold:
            found.append(place)
            quiet_until_ms = at_ms + cooldown_ms
    return found


@given(TIMES, st.integers(1, 6), st.integers(1, 30), st.integers(0, 30), st.integers(0, 40))
def test_in_one_go_or_in_pieces_it_fires_when_a_full_window_says_so(
    times: list[int], threshold: int, window_ms: int, cooldown_ms: int, cut: int
) -> None:
    def fold(earlier: list[int], arrived: list[int], quiet_until_ms: int = 0) -> list[int]:
        return firings(
            earlier, arrived, threshold=threshold, window_ms=window_ms, cooldown_ms=cooldown_ms,
            quiet_until_ms=quiet_until_ms,
        )  # fmt: skip

    expected = plainly(times, threshold, window_ms, cooldown_ms)
    assert fold([], times) == expected
    before = fold([], times[:cut])
    quiet_until_ms = times[before[-1]] + cooldown_ms if before else 0
    earlier = times[:cut][-(threshold - 1) :] if threshold > 1 else []
    after = fold(earlier, times[cut:], quiet_until_ms)
    assert before + [cut + place for place in after] == expected


def test_it_does_not_fire_when_it_may_not_and_fires_when_it_may_again() -> None:
    places = firings([], [1, 2, 3, 4], threshold=1, window_ms=10, cooldown_ms=100, may=lambda at_ms: at_ms > 2)
    assert places == [2]
