"""Times and durations as a sleepy person reads them."""

from __future__ import annotations

from model.times import parse_iso


def moment(text: str | None) -> str:
    """`2024-01-15T10:30:00.123Z` -> `2024-01-15 10:30:00 UTC`; "" for None."""
    return f"{text[:10]} {text[11:19]} UTC" if text else ""


def seconds_between(earlier: str | None, later: str | None) -> float | None:
    """From one ISO time to another; None when one is missing or is no time."""
    if not earlier or not later:
        return None
    try:
        return (parse_iso(later) - parse_iso(earlier)) / 1000
    except ValueError:
        return None


def lasting(seconds: float | None) -> str:
    """`45 s`, `12 min`, `3 h 5 min`, `2 d 4 h`; "" for None."""
    if seconds is None:
        return ""
    whole = max(0, round(seconds))
    if whole < 90:
        return f"{whole} s"
    minutes = round(whole / 60)
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    days, hours = divmod(hours, 24)
    return f"{days} d {hours} h" if hours else f"{days} d"
