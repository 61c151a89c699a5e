"""Instants are integer milliseconds since the epoch inside Tracer, and ISO 8601 with Z outside."""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo

HOUR_MS = 3_600_000
DAY_MS = 86_400_000


def iso(at_ms: int | None) -> str | None:
    """`1705314600123` -> `2024-01-15T10:30:00.123Z`; None stays None."""
    if at_ms is None:
        return None
    seconds, milliseconds = divmod(at_ms, 1000)
    moment = datetime.fromtimestamp(seconds, UTC).replace(tzinfo=None)
    return f"{moment.isoformat()}.{milliseconds:03d}Z"  # not strftime, which writes the year 1 as 1


def iso_seconds(at_ms: int) -> str:
    """`1705314600000` -> `2024-01-15T10:30:00Z`, for what is told in whole seconds."""
    return f"{datetime.fromtimestamp(at_ms // 1000, UTC).replace(tzinfo=None).isoformat()}Z"


def spoken(at_ms: int) -> str:
    """`1705314600123` -> `2024-01-15 10:30:00 UTC`, for sentences."""
    return f"{datetime.fromtimestamp(at_ms // 1000, UTC):%Y-%m-%d %H:%M:%S} UTC"


def parse_iso(text: str, zone: tzinfo = UTC) -> int:
    """ISO 8601 (a missing zone is `zone`) -> ms. ValueError with a sentence when it is no time."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{text[:40]!r} is not an ISO 8601 time such as 2024-01-15T10:30:00Z") from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=zone)
    try:
        return round(moment.timestamp() * 1000)
    except OverflowError:
        raise ValueError(f"{text[:40]!r} is out of range") from None
