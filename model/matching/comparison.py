"""What each operator means, for every kind of value an assertion may find. Pure.

Equality is JSON's: 1 equals 1.0, true does not equal 1, "5" does not equal 5. Only where the target has no way to
send anything but text (a header, a body, a record) is a number in the definition held against that text's number.
Order: numbers by size, texts that both are numbers by size too, other texts by their characters (so ISO 8601 times
order rightly); anything else has no order and the assertion fails.
"""

from __future__ import annotations

import operator as of
import re
from collections.abc import Callable
from typing import Any

from model.matching.json_text import same_json
from model.matching.patterns import pattern_of

Test = Callable[[Any], bool]
"""Whether a value that was found fits."""

NEGATED = {"not_equals": "equals", "not_contains": "contains", "not_matches": "matches", "not_in": "in"}
"""The second passes exactly where the first fails, as long as there is a value at all."""
ORDER: dict[str, Callable[[Any, Any], bool]] = {
    "less_than": of.lt,
    "less_or_equal": of.le,
    "greater_than": of.gt,
    "greater_or_equal": of.ge,
}
_NUMBER = re.compile(r"[+-]?\d{1,40}(\.\d{0,40})?([eE][+-]?\d{1,3})?", re.ASCII)


def compiled_test(operator: str, expected: Any, *, from_text: bool = False) -> Test:
    """The test of a positive operator (NEGATED has the others). `from_text`: what is found is always text, so a
    number expected is held against the number in it. `exists` fits everything."""
    if operator == "equals":
        return lambda found: equals(found, expected, from_text=from_text)
    if operator == "in":
        return lambda found: any(equals(found, item, from_text=from_text) for item in expected)
    if operator == "contains":
        return lambda found: contains(found, expected)
    if operator == "matches":
        pattern = pattern_of(expected)
        return lambda found: _any_text(found, pattern.found_in)
    if operator in ORDER:
        return lambda found: in_order(found, operator, expected)
    return lambda _found: True


def equals(found: object, expected: object, *, from_text: bool = False) -> bool:
    """JSON equality; with `from_text`, a number expected equals a text that writes that number."""
    if from_text and isinstance(found, str) and is_number(expected):
        return number_in(found) == expected
    return same_json(found, expected)


def contains(found: object, expected: Any) -> bool:
    """A text has the part, a list the entry, an object the key. Nothing else contains anything."""
    if isinstance(found, str):
        return (expected if isinstance(expected, str) else str(expected)) in found
    if isinstance(found, (list, tuple)):
        return any(same_json(item, expected) for item in found)
    return isinstance(found, dict) and isinstance(expected, str) and expected in found


def in_order(found: object, operator: str, expected: object) -> bool:
    """Whether `found` stands to `expected` as the operator says; False where the two have no order."""
    one, other = _as_number(found), _as_number(expected)
    if one is not None and other is not None:
        return ORDER[operator](one, other)
    if isinstance(found, str) and isinstance(expected, str):
        return ORDER[operator](found, expected)
    return False


def is_number(value: object) -> bool:
    """A JSON number: true and false are none."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def number_in(text: str) -> float | int | None:
    """The number that a text writes in full, white space around it aside; None when it writes none."""
    bare = text.strip()
    if not _NUMBER.fullmatch(bare):
        return None
    return float(bare) if any(sign in bare for sign in ".eE") else int(bare)


def _as_number(value: object) -> float | int | None:
    if isinstance(value, str):
        return number_in(value)
    return value if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def _any_text(found: object, test: Callable[[str], bool]) -> bool:
    """A pattern looks at a text, at a number or true/false as JSON writes it, and at each entry of a list."""
    if isinstance(found, str):
        return test(found)
    if isinstance(found, bool):
        return test("true" if found else "false")
    if isinstance(found, (int, float)):
        return test(repr(found))
    if isinstance(found, (list, tuple)):
        return any(_any_text(item, test) for item in found if not isinstance(item, (list, tuple)))
    return False
