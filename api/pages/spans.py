"""Stretches of time as people type them: `90 s`, `5 min`, `2 h`, `1 d`; a bare number is seconds."""

from __future__ import annotations

import re

_UNITS = {"s": 1, "min": 60, "h": 3_600, "d": 86_400}
_TYPED = re.compile(r"(\d{1,12})\s*([a-z]*)", re.ASCII)
_ALSO = {"": "s", "sec": "s", "m": "min", "hour": "h", "hours": "h", "day": "d", "days": "d", "minutes": "min"}
HINT = "such as 90 s, 5 min or 2 h"


def seconds_of(text: str) -> int | str:
    """The seconds that are meant; the text itself when it is no stretch of time, for validation to refuse."""
    found = _TYPED.fullmatch(text.strip().lower())
    unit = _UNITS.get(_ALSO.get(found[2], found[2])) if found is not None else None
    return int(found[1]) * unit if found is not None and unit is not None else text


def span_text(seconds: int) -> str:
    """In the largest unit that is exact: `5 min`, `90 s`."""
    unit = next(name for name, size in reversed(_UNITS.items()) if seconds % size == 0)
    return f"{seconds // _UNITS[unit]} {unit}"
