"""When a maintenance window holds within a time that is looked at."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.book import Window
from alerts.quieted import Quieted

MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
NOW = 1_705_314_600_000


def window(cron: str | None = None, *, starts: int = 0, lasts: int = HOUR, made: int = 0) -> Window:
    once = (starts, starts + lasts) if cron is None else (None, None)
    return Window("mwin_1", "w", Quieted(all=True), *once, cron, lasts, "UTC", made_ms=made)


@pytest.mark.parametrize(("from_ms", "to_ms", "touches"), [
    (NOW - HOUR, NOW, True), (NOW - 1, NOW + DAY, True), (NOW, NOW + DAY, False), (NOW - DAY, NOW - HOUR, False),
])  # fmt: skip
def test_a_time_that_touches_what_is_looked_at_counts(from_ms: int, to_ms: int, touches: bool) -> None:
    found = list(window(starts=NOW - HOUR).times(from_ms, to_ms))
    assert found == ([(NOW - HOUR, NOW)] if touches else [])


def test_one_that_comes_often_is_found_from_when_it_was_made_however_long_before_one_looks() -> None:
    often = window("* * * * *", lasts=30_000, made=NOW - 2 * MINUTE)
    assert [start for start, _ in often.times(NOW - 400 * DAY, NOW)] == [NOW - 2 * MINUTE, NOW - MINUTE]


@given(st.integers(0, 3 * DAY), st.integers(1, 3 * DAY), st.integers(1, 5 * HOUR), st.integers(0, 2 * DAY))
def test_they_rise_touch_what_is_looked_at_and_end_after_the_window_was_made(
    before: int, length: int, lasts: int, made: int
) -> None:
    from_ms = NOW - before
    looked_at = window("0 */6 * * *", lasts=lasts, made=NOW - made)
    found = list(looked_at.times(from_ms, from_ms + length))
    assert found == sorted(set(found))
    for start, stop in found:
        assert start < from_ms + length
        assert stop > max(from_ms, NOW - made)
        assert looked_at.holds_at(start)


def test_one_that_comes_again_never_holds_before_it_was_planned() -> None:
    hourly = window("0 * * * *", made=NOW + 10 * MINUTE, lasts=30 * MINUTE)  # NOW is at half past
    assert NOW % HOUR == 30 * MINUTE
    begun = window("30 * * * *", made=NOW + 10 * MINUTE, lasts=30 * MINUTE)
    assert list(begun.times(NOW - DAY, NOW + HOUR)) == [(NOW + 10 * MINUTE, NOW + 30 * MINUTE)]
    assert [begun.holds_at(NOW + after * MINUTE) for after in (0, 9, 10, 29, 30)] == [False, False, True, True, False]
    assert list(hourly.times(NOW - DAY, NOW + HOUR)) == [(NOW + 30 * MINUTE, NOW + HOUR)]


def test_a_time_that_was_ended_early_ends_there_and_the_next_one_comes() -> None:
    ended = msgspec.structs.replace(window("0 * * * *", lasts=40 * MINUTE), ended=(NOW - 10 * MINUTE,))
    cut = (NOW - 30 * MINUTE, NOW - 10 * MINUTE)
    assert list(ended.times(NOW - HOUR, NOW + HOUR)) == [
        (NOW - 90 * MINUTE, NOW - 50 * MINUTE), cut, (NOW + 30 * MINUTE, NOW + 70 * MINUTE),
    ]  # fmt: skip
    assert [ended.holds_at(at) for at in (cut[0], cut[1] - 1, cut[1], NOW + 30 * MINUTE)] == [True, True, False, True]
