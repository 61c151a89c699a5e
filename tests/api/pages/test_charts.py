"""Scales and paths of charts."""

from __future__ import annotations

import pytest

from api.pages.charts import Box, boxes_path, line_path, round_top, scaled, span_box, stacked


@pytest.mark.parametrize(
    ("largest", "top"), [(0, 1), (-3, 1), (0.04, 0.04), (1, 1), (101, 150), (245, 250), (812, 1_000), (1_001, 1_500)]
)
def test_an_axis_ends_at_a_round_number(largest: float, top: float) -> None:
    assert round_top(largest) == pytest.approx(top)


def test_values_are_held_to_the_axis() -> None:
    assert [scaled(value, 200, 100) for value in (-1, 0, 50, 200, 900)] == [0, 0, 25, 100, 100]
    assert scaled(5, 0, 100) == 0


def test_layers_stand_upon_each_other_and_a_hole_stays_empty() -> None:
    lower, upper = stacked([[10.0, 30.0], None, [20.0, 0.0]], 40, 300, 100)
    assert lower == "M0 75h88v25h-88zM200 50h88v50h-88z"
    assert upper == "M0 0h88v75h-88z", "what has no height is not drawn"
    assert stacked([None, None], 40, 300, 100) == []


def test_a_line_is_broken_where_nothing_was_measured() -> None:
    assert line_path([10.0, 20.0, None, 40.0], 40, 400, 100) == "M50 75h.1L150 50M350 0h.1"
    assert line_path([], 40, 400, 100) == ""


def test_boxes_of_no_size_are_not_drawn() -> None:
    assert boxes_path([Box(0, 0, 0, 5), Box(1.5, 2, 3, 4)]) == "M1.5 2h3v4h-3z"


def test_what_lies_on_the_axis_of_time_is_never_too_thin_and_never_outside() -> None:
    assert span_box(0, 10, 10, 20, 100) is None
    assert span_box(20, 30, 10, 20, 100) is None
    assert span_box(12, 14, 10, 20, 100) == Box(20, 0, 20, 0)
    assert span_box(0, 99, 10, 20, 100) == Box(0, 0, 100, 0)
    assert span_box(19_999, 20_000, 10, 20_000, 100) == Box(96, 0, 4, 0)
