"""The histogram of durations keeps its promises: exact counts, percentiles within the stated error."""

from __future__ import annotations

from math import ceil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.histogram import LOWEST_MS, MAX_COUNT, RELATIVE_ERROR, Histogram, add_encoded, bucket_of, middle_ms

DURATIONS = st.lists(st.floats(min_value=LOWEST_MS, max_value=10_000_000, allow_nan=False), max_size=60)


@given(st.lists(st.floats(LOWEST_MS, 1e7), min_size=1, max_size=200), st.floats(0, 100))
def test_a_percentile_is_within_the_stated_error_of_the_exact_one(durations: list[float], percent: float) -> None:
    exact = sorted(durations)[max(1, ceil(len(durations) * percent / 100)) - 1]
    estimate = Histogram(durations).percentile(percent)
    assert estimate is not None
    assert abs(estimate - exact) <= exact * (RELATIVE_ERROR + 1e-9)


@given(DURATIONS)
def test_what_is_decoded_is_what_was_encoded(durations: list[float]) -> None:
    histogram = Histogram(durations)
    assert Histogram.decode(histogram.encode()).counts == histogram.counts
    assert histogram.count == len(durations)


@given(DURATIONS, DURATIONS)
def test_merging_is_having_been_given_both(one: list[float], two: list[float]) -> None:
    merged = Histogram(one)
    merged.merge(Histogram(two))
    assert merged.counts == Histogram(one + two).counts
    assert Histogram.merged([Histogram(one).encode(), Histogram(two).encode()]).counts == merged.counts


@given(DURATIONS, DURATIONS)
def test_adding_to_the_stored_form_is_adding(one: list[float], two: list[float]) -> None:
    assert add_encoded(Histogram(one).encode(), map(bucket_of, two)) == Histogram(one + two).encode()
    assert add_encoded(None, map(bucket_of, one)) == Histogram(one).encode()


def test_nothing_has_no_percentile() -> None:
    assert Histogram().percentile(95) is None
    assert Histogram.decode(None).count == Histogram.decode(b"").count == 0
    with pytest.raises(ValueError, match="101"):
        Histogram([1.0]).percentile(101)


@pytest.mark.parametrize("duration_ms", [0.0, -5.0, 0.009, 1e300])
def test_no_duration_is_out_of_range(duration_ms: float) -> None:
    assert Histogram.decode(add_encoded(None, [bucket_of(duration_ms)])).count == 1


def test_a_full_bucket_stays_full() -> None:
    full = Histogram()
    full.counts[bucket_of(5.0)] = MAX_COUNT
    assert Histogram.decode(add_encoded(full.encode(), [bucket_of(5.0)])).counts == full.counts
    assert middle_ms(bucket_of(5.0)) == pytest.approx(5.0, rel=RELATIVE_ERROR)
