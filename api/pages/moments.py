"""Dates and times as people type them, in the zone that they read them in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from zoneinfo import ZoneInfo

from flask import request

from api.errors import Invalid
from model.times import parse_iso

TIMES = ("from", "to")
ZONE = "zone"
"""The name of the zone's field: scripts fill it in, without them times are UTC."""
HINT = "2026-11-26 14:30"


def asked_for(names: Iterable[str], most: int) -> dict[str, str]:
    """What the address says of these filters and of TIMES, cut to `most` characters; a zone only beside times."""
    typed = {name: request.args.get(name, "").strip()[:most] for name in (*names, *TIMES, ZONE)}
    beside_times = any(typed[name] for name in TIMES)
    return {name: text for name, text in typed.items() if text and (beside_times or name != ZONE)}


def zone_of(name: str) -> ZoneInfo:
    """By its IANA name; UTC where none is given. Invalid."""
    try:
        return ZoneInfo(name or "UTC")
    except (KeyError, ValueError, OSError):
        raise Invalid({"timezone": [f"{name[:60]!r} is not an IANA time zone such as Europe/Berlin"]}) from None


def moment_ms(text: str, zone: ZoneInfo) -> int:
    """A date, or a date and a time, which is of this zone unless it names its own -> ms. ValueError with a sentence."""
    try:
        return parse_iso(text, zone)
    except ValueError:
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
