"""Stretches of time as people type them: `90 s`, `5 min`, `2 h`, `1 d`, `800 ms`, `1.5 s`; a bare number is of the unit
that the value is stored in."""

from __future__ import annotations

import re
from decimal import Decimal

_UNITS = {"ms": 1, "s": 1_000, "min": 60_000, "h": 3_600_000, "d": 86_400_000}
_TYPED = re.compile(r"(\d{1,12}(?:\.\d{1,6})?)\s*([a-z]*)", re.ASCII)
_ALSO = {"sec": "s", "m": "min", "hour": "h", "hours": "h", "day": "d", "days": "d", "minutes": "min"}
_LIMIT = re.compile(r"\b(at least|at most|more than|less than) (\d+(?:\.\d+)?)$")
HINT = "such as 90 s, 5 min or 2 h"


def seconds_of(text: str) -> float | str:
    """The seconds that are meant; the text itself when it is no stretch of time, for validation to refuse."""
    return _read(text, "s")


def milliseconds_of(text: str) -> float | str:
    """The milliseconds that are meant; the text itself when it is no stretch of time."""
    return _read(text, "ms")


def _read(text: str, stored: str) -> float | str:
    found = _TYPED.fullmatch(text.strip().lower())
    unit = _UNITS.get(_ALSO.get(found[2], found[2]) or stored) if found is not None else None
    if found is None or unit is None:
        return text
    exact = Decimal(found[1]) * unit / _UNITS[stored]
    return int(exact) if exact == int(exact) else float(exact)


def of_spans(message: str, *, in_ms: bool = False) -> str:
    """What validation says of seconds, for who typed a stretch of time: `must be at least 1 min`. `in_ms`: of ms."""
    if message in ("must be a whole number", "must be a number"):
        return f"must be a stretch of time, {HINT}"
    return _LIMIT.sub(lambda found: f"{found[1]} {span_text(float(found[2]), in_ms=in_ms)}", message)


def span_text(value: float, *, in_ms: bool = False) -> str:
    """Seconds in the largest unit that is exact: `5 min`, `90 s`, `1.5 s`. `in_ms`: milliseconds."""
    exact = Decimal(str(value)) * (1 if in_ms else _UNITS["s"])
    if not exact:
        return "0 ms" if in_ms else "0 s"
    whole = [name for name, size in reversed(_UNITS.items()) if exact % size == 0]
    unit = whole[0] if whole and (in_ms or whole[0] != "ms") else "s"
    return f"{(exact / _UNITS[unit]).normalize():f} {unit}"
