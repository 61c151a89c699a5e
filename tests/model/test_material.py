"""Which edits make a check another check to alert rules."""

from __future__ import annotations

from model.material import material_change


def test_the_same_locations_in_another_order_are_no_change() -> None:
    assert material_change({"locations": ["a", "b"]}, {"locations": ["b", "a"], "tags": ["x"]}) is None
    assert material_change({"locations": ["a", "b"]}, {"locations": ["b"]}) == "has other locations"
