"""Durations as people type them: 90s, 20m, 1h30m, 2d, or plain seconds."""

from __future__ import annotations

import re

_UNITS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}
_PART = re.compile(r"(\d{1,9})([smhdw])")
_WHOLE = re.compile(r"(\d{1,9}[smhdw])+")


def seconds_of(text: str) -> int:
    """`1h30m` -> 5400. ValueError with a sentence when it is no duration."""
    wanted = text.strip().lower()
    if wanted.isascii() and wanted.isdigit() and len(wanted) <= 9:
        return int(wanted)
    if _WHOLE.fullmatch(wanted) is None:
        raise ValueError(f"{text[:40]!r} is not a duration such as 90s, 20m, 1h30m or 2d")
    return sum(int(number) * _UNITS[unit] for number, unit in _PART.findall(wanted))
