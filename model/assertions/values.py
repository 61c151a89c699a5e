"""What may stand as an assertion's value, for each operator, and the sentence for what may not."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from model.fields import MAX_TEXT, printable
from model.matching.comparison import ORDER, is_number
from model.matching.patterns import pattern_of

MAX_CHOICES = 1_000
"""Entries of the list that `in` takes."""
MAX_VALUE_NODES = 5_000
MAX_VALUE_DEPTH = 50
"""What a JSON value may hold; a definition is read often."""
_LARGEST_INTEGER = 2**63 - 1
"""What everything that keeps or sends a definition can hold."""
_NO_VALUE = (None, "", True)
"""What `exists` may be given: forms and SDKs send something in every field."""


def expected_value(operator: str, value: Any, one: Callable[[Any], Any]) -> Any:
    """The value, judged for its operator; `one` judges a single value of the assertion's type.

    Raises ValueError with a sentence."""
    if operator in ("exists", "not_exists"):
        if not any(value is allowed or value == allowed == "" for allowed in _NO_VALUE):
            raise ValueError(f"must be left out: {operator} takes no value")
        return None
    if operator in ("in", "not_in"):
        return _choices(operator, value, one)
    if operator in ("matches", "not_matches"):
        return pattern(value)
    if operator in ORDER:
        value = one(value)
        if not is_number(value) and not isinstance(value, str):
            raise ValueError(f"must be a number or text: {operator} needs something that has an order")
        return value
    return one(value)


def _choices(operator: str, value: Any, one: Callable[[Any], Any]) -> list[Any]:
    if not isinstance(value, (list, tuple)):
        raise ValueError(f"must be a list: {operator} takes the values to choose from")
    if not value:
        raise ValueError("must have at least one entry")
    if len(value) > MAX_CHOICES:
        raise ValueError(f"must have at most {MAX_CHOICES} entries")
    choices = []
    for index, item in enumerate(value):
        try:
            choices.append(one(item))
        except ValueError as error:
            raise ValueError(f"entry {index} {error}") from None
    return choices


def pattern(value: Any) -> str:
    """A regular expression that RE2 takes."""
    if not isinstance(value, str):
        raise ValueError("must be text: a regular expression")
    pattern_of(value)
    return value


def number(value: Any) -> float | int:
    """A finite number; true and false are none."""
    if not is_number(value):
        raise ValueError("must be a number")
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError("must be a finite number")
    if isinstance(value, int) and abs(value) > _LARGEST_INTEGER:
        raise ValueError("must be a number of at most 64 bits")
    return value  # type: ignore[no-any-return]


def whole_number(value: Any) -> int:
    """A number without a fraction; 200.0 is 200."""
    exact = number(value)
    if exact != int(exact):
        raise ValueError("must be a whole number")
    return int(exact)


def text(value: Any) -> str:
    """Text that every store and terminal can hold."""
    if not isinstance(value, str):
        raise ValueError("must be text")
    if len(value) > MAX_TEXT:
        raise ValueError(f"must have at most {MAX_TEXT} characters")
    return printable(value)


def text_or_number(value: Any) -> str | float | int:
    """For facts that are always text: a number is held against the number that the text writes."""
    if isinstance(value, str):
        return text(value)
    if not is_number(value):
        raise ValueError("must be text or a number")
    return number(value)


def json_value(value: Any) -> Any:
    """Any JSON, of a size that a definition may have. `null` is a value."""
    nodes = 0
    waiting = [(value, 0)]
    while waiting:
        item, depth = waiting.pop()
        nodes += 1
        if nodes > MAX_VALUE_NODES or depth > MAX_VALUE_DEPTH:
            raise ValueError(f"must be of at most {MAX_VALUE_NODES} parts, nested {MAX_VALUE_DEPTH} deep")
        if isinstance(item, dict):
            for key in item:
                text(key)
            waiting.extend((child, depth + 1) for child in item.values())
        elif isinstance(item, (list, tuple)):
            waiting.extend((child, depth + 1) for child in item)
        elif isinstance(item, str):
            text(item)
        elif is_number(item):
            number(item)
        elif item is not None and not isinstance(item, bool):
            raise ValueError("must be JSON")
    return value
