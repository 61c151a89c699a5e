"""JSON from outside: decoded within limits, compared as JSON compares, shown no longer than a run should be."""

from __future__ import annotations

import json
from typing import Any, Final

import msgspec

MAX_JSON_BYTES = 4 * 1024 * 1024
"""A larger text would hold the probe's loop for more than some 20 ms while it is decoded."""
MAX_SHOWN = 1_000
"""Characters of a value kept on a run, so that runs stay small."""
_MAX_SHOWN_DEPTH = 20
"""Deeper values are kept as text: what stores and sends them later may recurse."""
CUT = "…"
"""The last character of a text that was cut."""
_SMALLEST, _LARGEST = -(2**63), 2**63 - 1


class NotJsonError(ValueError):
    """The text is no JSON, or beyond the limits; the message is a sentence's end for people, without the text."""


def decode_json(text: str) -> Any:
    """Plain values from JSON text of at most MAX_JSON_BYTES; Infinity and NaN are not JSON. Raises NotJsonError."""
    if len(text) > MAX_JSON_BYTES:
        raise NotJsonError(f"is larger than {MAX_JSON_BYTES // 1024 // 1024} MiB")
    try:
        return msgspec.json.decode(text.removeprefix("\ufeff"))
    except RecursionError:
        raise NotJsonError("is nested too deeply") from None
    except UnicodeEncodeError:
        raise NotJsonError("is not JSON: it is not valid Unicode") from None
    except msgspec.DecodeError as error:
        reason = str(error).removeprefix("JSON is malformed: ")
        raise NotJsonError(f"is not JSON: {reason}") from None


def same_json(left: object, right: object) -> bool:
    """JSON equality, at any depth: 1 is 1.0, but true is not 1; the order of an object's members says nothing."""
    waiting = [(left, right)]
    while waiting:
        one, other = waiting.pop()
        if isinstance(one, bool) or isinstance(other, bool):
            if one is not other:
                return False
        elif isinstance(one, dict) and isinstance(other, dict):
            if one.keys() != other.keys():
                return False
            waiting.extend((value, other[key]) for key, value in one.items())
        elif isinstance(one, (list, tuple)) and isinstance(other, (list, tuple)):
            if len(one) != len(other):
                return False
            waiting.extend(zip(one, other, strict=True))
        elif one != other:
            return False
    return True


class Absent:
    """There is no such value. Unlike null, which is one."""

    def __repr__(self) -> str:
        return "ABSENT"


ABSENT: Final = Absent()


def shown(value: object) -> Any:
    """The value as a run keeps it: itself when it is small, else the beginning of its text."""
    if value is None or value is ABSENT:
        return None
    if isinstance(value, str):
        return value if len(value) <= MAX_SHOWN else value[:MAX_SHOWN] + CUT
    if isinstance(value, (bool, float)):
        return value
    if isinstance(value, int) and _SMALLEST <= value <= _LARGEST:
        return value
    return value if _is_small(value) else as_text(value)


def as_text(value: object) -> str:
    """The value as one line of JSON (a text as it is), cut at MAX_SHOWN characters."""
    if isinstance(value, str):
        return value if len(value) <= MAX_SHOWN else value[:MAX_SHOWN] + CUT
    parts: list[str] = []
    size = 0
    try:
        for part in json.JSONEncoder(ensure_ascii=False).iterencode(value):
            parts.append(part)
            size += len(part)
            if size > MAX_SHOWN:
                return "".join(parts)[:MAX_SHOWN] + CUT
    except (RecursionError, ValueError):
        return ("".join(parts) + CUT)[: MAX_SHOWN + len(CUT)]
    return "".join(parts)


def _is_small(value: object) -> bool:
    """Whether the JSON text is certainly within MAX_SHOWN, not deep, and of numbers that everything can hold."""
    room = MAX_SHOWN
    waiting: list[tuple[object, int]] = [(value, 0)]
    while waiting:
        item, depth = waiting.pop()
        room -= 3
        if isinstance(item, str):
            room -= len(item)
        elif isinstance(item, (int, float)):
            if isinstance(item, int) and not _SMALLEST <= item <= _LARGEST:
                return False
            room -= len(repr(item))
        elif isinstance(item, (dict, list, tuple)):
            if depth == _MAX_SHOWN_DEPTH or len(item) > room:
                return False
            waiting.extend((child, depth + 1) for child in (item.values() if isinstance(item, dict) else item))
            room -= sum(len(key) + 3 for key in item) if isinstance(item, dict) else 0
        if room < 0:
            return False
    return True
