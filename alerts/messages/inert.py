"""Text that came from a target, made fit to be shown: one line, nothing invisible, no longer than it may be (R17).

What each channel's markup would make of it is that channel's to prevent.
"""

from __future__ import annotations

import unicodedata
from typing import Any

_MARKS_OF_DIRECTION = frozenset("\u200b\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2060\u2066\u2067\u2068\u2069\ufeff")


def inert(value: Any, limit: int = 300) -> str:
    """Line ends, tabs and other control characters become one space; marks that turn or hide text go; the rest is kept
    as it is, up to `limit` characters. None is ""."""
    if value is None:
        return ""
    text = str(value)[: limit * 4]
    shown = "".join(
        " " if unicodedata.category(character) in ("Cc", "Zl", "Zp", "Cs") else character
        for character in text
        if character not in _MARKS_OF_DIRECTION
    )
    line = " ".join(shown.split())
    return line if len(line) <= limit else line[: limit - 1].rstrip() + "…"
