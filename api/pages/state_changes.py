"""What is different between two states that an agent recorded."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from api.pages.words import text_of

MOST_CHANGES = 40
_DEEPEST = 4
_MOST_VALUE = 300
_MISSING: Any = object()


@dataclass(frozen=True)
class Change:
    """`path`: names of fields, the outermost first, with dots between. `before`, `now`: as texts; None: not there."""

    path: str
    before: str | None
    now: str | None


def changes_between(before: Any, now: Any) -> tuple[list[Change], int]:
    """Fields that one of them lacks or that say something else, and how many more of these there are. Lists and plain
    values are compared whole; objects field by field."""
    found = list(_changes("", before if isinstance(before, dict) else {}, now if isinstance(now, dict) else {}, 0))
    return found[:MOST_CHANGES], max(0, len(found) - MOST_CHANGES)


def _changes(path: str, before: dict[str, Any], now: dict[str, Any], depth: int) -> Iterator[Change]:
    for name in dict.fromkeys((*now, *before)):
        old, new = before.get(name, _MISSING), now.get(name, _MISSING)
        here = f"{path}.{name}" if path else name
        if isinstance(old, dict) and isinstance(new, dict) and depth < _DEEPEST:
            yield from _changes(here, old, new, depth + 1)
        elif old is _MISSING or new is _MISSING or (type(old), old) != (type(new), new):
            yield Change(_cut(here), _said(old), _said(new))


def _said(value: Any) -> str | None:
    return None if value is _MISSING else _cut(text_of(value))


def _cut(text: str) -> str:
    return text if len(text) <= _MOST_VALUE else f"{text[: _MOST_VALUE - 1]}…"
