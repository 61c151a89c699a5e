"""When something happened, by the word of whoever sent it; their clock may be wrong."""

from __future__ import annotations

import math
from typing import Any

from model.times import DAY_MS, parse_iso

OLDEST_MS = 2 * 365 * DAY_MS
"""A clock may be a year off, and what an old one says is still an error that happened; before that, nothing is true."""
_MS_FROM = 1e11
"""No seconds: they would be in the year 5138. As milliseconds, it is 1973."""


class TooOldError(ValueError):
    """Nothing from then is kept."""


def instant(value: Any, received_ms: int) -> int:
    """ISO 8601, or seconds or ms since the epoch -> ms; what is missing is now, and nothing happens in the future.
    ValueError when it is no time; TooOldError."""
    if value is None:
        return received_ms
    at_ms = round(precise(value))
    if at_ms < received_ms - OLDEST_MS:
        raise TooOldError
    return min(at_ms, received_ms)


def precise(value: Any) -> float:
    """ISO 8601, or seconds or ms since the epoch -> ms with fractions. ValueError when it is no time."""
    if isinstance(value, str) and len(value) <= 40:
        return parse_iso(value)
    if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
        if 0 <= value < _MS_FROM:
            return value * 1000
        if _MS_FROM <= value < _MS_FROM * 1000:
            return value  # as JavaScript counts
        raise ValueError("is out of range")
    raise ValueError("must be an ISO 8601 time or seconds since the epoch")
