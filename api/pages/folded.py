"""A text of any length on a page: its beginning stands open, the rest is folded away, and what is beyond all measure is
counted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec

OPEN_CHARACTERS, OPEN_LINES = 700, 12
ONE_LINE = 100
"""JSON that is no longer stands in one line."""
MOST_CHARACTERS = 8_000


@dataclass(frozen=True)
class Folded:
    """`label`: what it is. `open`: what is seen at once; `whole`: all of it where that is more, up to
    MOST_CHARACTERS; `left_out`: characters beyond. `code`: whether blanks and letters want their own width."""

    label: str
    open: str
    whole: str = ""
    left_out: int = 0
    code: bool = False


def folded(label: str, value: Any, *, code: bool = False, closed: bool = False) -> list[Folded]:
    """None of nothing, else one. Values that are no texts are printed as JSON. `closed`: nothing of it stands open."""
    text = value if isinstance(value, str) else printed(value)
    code = code or not isinstance(value, str)
    if value is None or not text.strip():
        return []
    beginning = "" if closed else _beginning(text)
    if beginning == text:
        return [Folded(label, text, code=code)]
    return [Folded(label, beginning, text[:MOST_CHARACTERS], max(0, len(text) - MOST_CHARACTERS), code)]


def printed(value: Any) -> str:
    """A value as JSON, indented unless it is short."""
    encoded = msgspec.json.encode(value)
    return msgspec.json.format(encoded, indent=2 if len(encoded) > ONE_LINE else 0).decode()


def _beginning(text: str) -> str:
    lines = text.split("\n", OPEN_LINES)
    cut = "\n".join(lines[:OPEN_LINES])[:OPEN_CHARACTERS]
    return text if len(cut) == len(text) else f"{cut.rstrip()} …"
