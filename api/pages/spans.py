"""Stretches of time as people type them: `90 s`, `5 min`, `2 h`, `1 d`; a bare number is seconds."""

from __future__ import annotations

import re

_UNITS = {"s": 1, "min": 60, "h": 3_600, "d": 86_400}
_TYPED = re.compile(r"(\d{1,12})\s*([a-z]*)", re.ASCII)
_ALSO = {"": "s", "sec": "s", "m": "min", "hour": "h", "hours": "h", "day": "d", "days": "d", "minutes": "min"}
_LIMIT = re.compile(r"\b(at least|at most|more than|less than) (\d+)$")
HINT = "such as 90 s, 5 min or 2 h"


def seconds_of(text: str) -> int | str:
    """The seconds that are meant; the text itself when it is no stretch of time, for validation to refuse."""
    found = _TYPED.fullmatch(text.strip().lower())
    unit = _UNITS.get(_ALSO.get(found[2], found[2])) if found is not None else None
    return int(found[1]) * unit if found is not None and unit is not None else text


def of_spans(message: str) -> str:
    """What validation says of seconds, for who typed a stretch of time: `must be at least 1 min`."""
    if message == "must be a whole number":
        return f"must be a stretch of time, {HINT}"
    return _LIMIT.sub(lambda found: f"{found[1]} {span_text(int(found[2]))}", message)


def span_text(seconds: int) -> str:
    """In the largest unit that is exact: `5 min`, `90 s`."""
    unit = next(name for name, size in reversed(_UNITS.items()) if seconds % size == 0)
    return f"{seconds // _UNITS[unit]} {unit}"
