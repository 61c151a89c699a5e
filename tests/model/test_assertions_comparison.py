"""The laws of comparison, for whatever JSON a target sends and a definition expects."""

from __future__ import annotations

import json
import math
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from model.answer import Answer
from model.assertions.registry import ASSERTION_TYPES
from model.matching.comparison import NEGATED, contains, equals, in_order, number_in
from model.matching.json_text import MAX_SHOWN, same_json, shown
from model.matching.paths import path_of

scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=20)
)
names = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=8)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names, inner, max_size=4), max_leaves=12
)


def _tagged(value: Any) -> Any:
    """An oracle of JSON equality: Python's own on values whose booleans can't be taken for numbers."""
    if isinstance(value, bool):
        return ("boolean", value)
    if isinstance(value, list):
        return [_tagged(item) for item in value]
    if isinstance(value, dict):
        return {key: _tagged(item) for key, item in value.items()}
    return value


@given(values, values)
def test_equality_is_json_equality(left: Any, right: Any) -> None:
    assert same_json(left, right) == (_tagged(left) == _tagged(right))


@given(values)
def test_a_value_equals_itself_after_a_way_through_json(value: Any) -> None:
    assert same_json(value, json.loads(json.dumps(value)))
    assert equals(value, value)


@given(st.integers(-(2**50), 2**50))
def test_a_whole_number_equals_its_float_but_no_text_and_no_boolean(number: int) -> None:
    assert equals(number, float(number))
    assert not equals(number, str(number))
    assert not equals(number, bool(number))
    assert equals(str(number), number, from_text=True)


@given(values, values)
def test_not_equal_is_the_opposite_of_equal_for_whatever_is_there(found: Any, expected: Any) -> None:
    answer = Answer(body=json.dumps(found))
    one, other = (
        ASSERTION_TYPES["json_path"].model_validate(
            {"type": "json_path", "path": "$", "operator": operator, "value": expected}
        )
        for operator in ("equals", "not_equals")
    )
    assert one.evaluate(answer).passed != other.evaluate(answer).passed
    assert set(NEGATED) == {"not_equals", "not_contains", "not_matches", "not_in"}


@given(st.lists(values, max_size=5), values)
def test_a_list_contains_exactly_what_equals_one_of_its_entries(found: list[Any], expected: Any) -> None:
    assert contains(found, expected) == any(_tagged(item) == _tagged(expected) for item in found)


numbers = st.integers(-(2**50), 2**50) | st.floats(allow_nan=False, allow_infinity=False, width=32)


@given(numbers, numbers)
def test_numbers_have_an_order_and_texts_that_write_them_the_same(left: float, right: float) -> None:
    for operator, holds in (
        ("less_than", left < right),
        ("less_or_equal", left <= right),
        ("greater_than", left > right),
        ("greater_or_equal", left >= right),
    ):
        assert in_order(left, operator, right) == holds
        assert in_order(repr(left), operator, right) == holds


@given(scalars, scalars)
def test_what_has_no_order_is_neither_less_nor_more(left: Any, right: Any) -> None:
    less, at_least = (in_order(left, operator, right) for operator in ("less_than", "greater_or_equal"))
    assert not (less and at_least)
    if left is None or right is None or isinstance(left, bool) or isinstance(right, bool):
        assert not less
        assert not at_least


@given(st.text(max_size=40))
@example(str(2**53 + 1))
def test_a_text_writes_a_number_or_none_and_reading_never_fails(text: str) -> None:
    number = number_in(text)
    if number is not None:
        assert math.isfinite(number) or "e" in text.lower()
        assert (int if isinstance(number, int) else float)(text.strip()) == number


@given(values)
def test_what_is_shown_is_small_and_true(value: Any) -> None:
    kept = shown(value)
    assert len(kept if isinstance(kept, str) else json.dumps(kept)) <= 8 * MAX_SHOWN
    if len(json.dumps(value)) < MAX_SHOWN / 4:
        assert same_json(kept, value)


visible_names = names.filter(
    str.isprintable
)  # the library refuses `\\u0000` to `\\u001f` in a path, which the RFC allows


@given(st.dictionaries(visible_names, values, max_size=5))
@settings(max_examples=50)
def test_the_bounded_jsonpath_finds_what_a_plain_walk_finds(document: dict[str, Any]) -> None:
    assert path_of("$.*").values(document) == list(document.values())
    found = path_of("$..*").values(document)
    assert len(found) == _nodes(document) - 1
    for name, value in document.items():
        [one] = path_of(f"$[{json.dumps(name, ensure_ascii=False)}]").values(document)
        assert same_json(one, value)


def _nodes(value: Any) -> int:
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return 1 + sum(map(_nodes, inside))
