"""Stretches of time as people type them, and what they read when theirs does not fit."""

from __future__ import annotations

import pytest

from api.pages.spans import HINT, milliseconds_of, of_spans, seconds_of, span_text


@pytest.mark.parametrize(
    ("typed", "seconds"),
    [
        ("90", 90), ("90 s", 90), ("5min", 300), ("5 m", 300), ("2 Hours", 7_200), ("1 d", 86_400), (" 0 s ", 0),
        ("1.5 h", 5_400), ("0.5s", 0.5), ("800 ms", 0.8),
    ],
)  # fmt: skip
def test_a_stretch_is_read_in_its_unit(typed: str, seconds: float) -> None:
    assert seconds_of(typed) == seconds


@pytest.mark.parametrize("typed", ["", "soon", "5 weeks", "-1", "1.5.2 h", "5 min 3 s"])
def test_what_is_none_is_left_for_validation_to_refuse(typed: str) -> None:
    assert seconds_of(typed) == typed


@pytest.mark.parametrize("seconds", [0, 0.5, 1, 7.25, 59, 60, 90, 3_600, 5_400, 86_400, 129_600])
def test_a_stretch_is_shown_as_it_may_be_typed(seconds: float) -> None:
    assert seconds_of(span_text(seconds)) == seconds


@pytest.mark.parametrize(
    ("typed", "ms"), [("800", 800), ("800 ms", 800), ("1.5 s", 1_500), ("2 min", 120_000), ("soon", "soon")]
)
def test_what_is_stored_in_ms_is_typed_with_units_too(typed: str, ms: float | str) -> None:
    assert milliseconds_of(typed) == ms
    if isinstance(ms, int):
        assert milliseconds_of(span_text(ms, in_ms=True)) == ms


@pytest.mark.parametrize(
    ("of_seconds", "said"),
    [
        ("must be at least 60", "must be at least 1 min"),
        ("must be at most 2592000", "must be at most 30 d"),
        ("must be a whole number", f"must be a stretch of time, {HINT}"),
        ("is required", "is required"),
    ],
)
def test_a_limit_is_said_in_the_unit_of_the_form(of_seconds: str, said: str) -> None:
    assert of_spans(of_seconds) == said
