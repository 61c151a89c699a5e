"""Stored secrets stay with the origin they were given for: `********` does not carry them to another one.

Whoever may edit a monitor or channel, but was never told its token, must not learn it by having it sent elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from api.errors import Invalid
from model.hosts import BadHostError, parse_url
from model.secrets import MASK

NOTHING_KEPT = f"is {MASK}, but no value is stored to keep"


def refuse_elsewhere(
    old_url: object, new_url: object, definition: Mapping[str, Any], secrets: Mapping[str, str], prefix: str = ""
) -> None:
    """Raises Invalid, a message for each secret that would move. `definition`: the new one, masked; `secrets`: what is
    stored, by path. Says nothing of a URL that is none: that is refused elsewhere."""
    old, new = _origin(old_url), _origin(new_url)
    if old is None or new is None or old == new:
        return
    moved = [path for path in _masked(definition) if secrets.get(path)]
    if moved:
        said = f"is kept for {_shown(old)} and does not go to {_shown(new)}: give it anew, or leave it out"
        raise Invalid({f"{prefix}{path}": [said] for path in moved})


def _masked(definition: Mapping[str, Any]) -> Iterable[str]:
    for group, holder in definition.items():
        if isinstance(holder, dict):
            yield from (f"{group}.{name}" for name, value in holder.items() if value == MASK)


def _origin(url: object) -> tuple[str, str, int] | None:
    try:
        return parse_url(url).origin if isinstance(url, str) else None
    except BadHostError:
        return None


def _shown(origin: tuple[str, str, int]) -> str:
    scheme, host, port = origin
    place = f"[{host}]" if ":" in host else host
    return f"{scheme}://{place}" if port == {"http": 80, "https": 443}[scheme] else f"{scheme}://{place}:{port}"
