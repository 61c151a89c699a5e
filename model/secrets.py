"""Which fields of a definition are secret, and how they part from the rest and come back (CONTRACT, "Common").

Secrets are stored apart, encrypted, and read back as ********; writing ******** keeps the stored value.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

MASK = "********"
_HEADER_NAMES = frozenset({"authorization", "cookie", "proxy-authorization"})
_HEADER_PARTS = ("token", "key", "secret", "password")
_VARIABLE = re.compile(r"\{\{\s*[A-Za-z_][A-Za-z0-9_]*\s*\}\}")
_ALWAYS = (("basic_auth", "password"), ("client_certificate", "key"))


def secret_header(name: str, extra: tuple[str, ...] = ()) -> bool:
    """Whether a header's value is secret by its name alone, or because the owner said so (`secret_headers`)."""
    lower = name.lower()
    return (
        lower in _HEADER_NAMES
        or any(part in lower for part in _HEADER_PARTS)
        or lower in {given.lower() for given in extra}
    )


def _places(definition: dict[str, Any]) -> Iterator[tuple[str | int, ...]]:
    """Where secrets may stand, as keys and indexes from the outside in."""
    extra = tuple(definition.get("secret_headers") or ())
    yield from _ALWAYS
    for group in ("headers", "extra_headers"):
        yield from ((group, name) for name in definition.get(group) or {} if secret_header(name, extra))
    yield from (("variables", name) for name in definition.get("variables") or {})
    for index, step in enumerate(definition.get("steps") or ()):
        if isinstance(step, dict):
            for place in _places_of_a_step(step):
                yield "steps", index, *place


def _places_of_a_step(step: dict[str, Any]) -> Iterator[tuple[str, ...]]:
    """A text that is one `{{NAME}}` and nothing else names a secret, but is none, and says more when it is shown."""
    for name, value in (step.get("headers") or {}).items():
        if secret_header(name) and not _names_a_variable(value):
            yield "headers", name
    if "secret" in step and not _names_a_variable(step["secret"]):
        yield ("secret",)


def _names_a_variable(value: object) -> bool:
    return isinstance(value, str) and _VARIABLE.fullmatch(value) is not None


def split(definition: dict[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """A definition -> (the same with each secret masked, {"headers.Authorization": value}). The input is kept."""
    public = dict(definition)
    secrets: dict[str, str] = {}
    for place in _places(definition):
        value = _at(definition, place)
        if isinstance(value, str):
            secrets[".".join(map(str, place))] = value
            _put(public, place, MASK)
    return public, secrets


def join(public: dict[str, Any], secrets: dict[str, str]) -> dict[str, Any]:
    """The inverse of `split`: a masked definition with its secrets in place."""
    whole = dict(public)
    for path, value in secrets.items():
        place = _parsed(path)
        if _at(public, place) == MASK:
            _put(whole, place, value)
    return whole


def _parsed(path: str) -> tuple[str | int, ...]:
    """`steps.3.headers.X-Key` -> its keys. The last of them, a header's name, may hold dots itself."""
    if not path.startswith("steps."):
        return tuple(path.split(".", 1))
    group, index, *rest = path.split(".", 3)
    return group, int(index), *rest


def _at(holder: Any, place: tuple[str | int, ...]) -> Any:
    for key in place:
        if isinstance(key, int):
            holder = holder[key] if isinstance(holder, (list, tuple)) and key < len(holder) else None
        else:
            holder = holder.get(key) if isinstance(holder, dict) else None
    return holder


def _put(holder: Any, place: tuple[str | int, ...], value: str) -> None:
    """Puts a value where `_at` finds one, into copies of what leads there."""
    for key in place[:-1]:
        inside = holder[key]
        holder[key] = dict(inside) if isinstance(inside, dict) else list(inside)
        holder = holder[key]
    holder[place[-1]] = value
