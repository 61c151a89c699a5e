"""Calendar months in UTC, by the millisecond at which they begin."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache

from model.times import DAY_MS


def month_of(at_ms: int) -> int:
    """When the month of an instant began."""
    return _month_of_day(at_ms // DAY_MS)


def next_month(month_ms: int) -> int:
    """When the month after this one begins."""
    return month_of(month_ms + 31 * DAY_MS)


def month_name(month_ms: int) -> str:
    """`2024-01`"""
    return f"{datetime.fromtimestamp(month_ms // 1000, UTC):%Y-%m}"


@lru_cache(maxsize=1_000)
def _month_of_day(day: int) -> int:
    moment = datetime.fromtimestamp(day * DAY_MS // 1000, UTC)
    return (day - moment.day + 1) * DAY_MS
