"""Dates and times as people type them, in the zone that they read them in."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from zoneinfo import ZoneInfo

from api.errors import Invalid

TIMES = ("from", "to")
ZONE = "zone"
"""The name of the zone's field: scripts fill it in, without them times are UTC."""
HINT = "2026-11-26 14:30"


def zone_of(name: str) -> ZoneInfo:
    """By its IANA name; UTC where none is given. Invalid."""
    try:
        return ZoneInfo(name or "UTC")
    except (KeyError, ValueError, OSError):
        raise Invalid({"timezone": [f"{name[:60]!r} is not an IANA time zone such as Europe/Berlin"]}) from None


def moment_ms(text: str, zone: ZoneInfo) -> int:
    """A date, or a date and a time, which is of this zone unless it names its own -> ms. ValueError with a sentence."""
    try:
        at = datetime.fromisoformat(text)
        return round((at if at.tzinfo is not None else at.replace(tzinfo=zone)).timestamp() * 1000)
    except (ValueError, OverflowError):
        raise ValueError(f"must be a date and a time such as {HINT}") from None


def typed_moments(args: Mapping[str, str]) -> tuple[dict[str, int], dict[str, str]]:
    """(ms by the names of TIMES, what is wrong by those names). Invalid for a zone that is none."""
    zone = zone_of(args.get(ZONE, ""))
    found: dict[str, int] = {}
    wrong: dict[str, str] = {}
    for name in TIMES:
        if name in args:
            try:
                found[name] = moment_ms(args[name], zone)
            except ValueError as error:
                wrong[name] = str(error)
    if not wrong and len(found) == 2 and found["from"] >= found["to"]:
        wrong["to"] = "must be later than from"
    return found, wrong
