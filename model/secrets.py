"""Which fields of a definition are secret, and how they part from the rest and come back (CONTRACT, "Common").

Secrets are stored apart, encrypted, and read back as ********; writing ******** keeps the stored value. A secret's path
says where it is: `headers.Authorization`, `variables.PASSWORD`, `steps.3.headers.Authorization`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

MASK = "********"
_HEADER_NAMES = frozenset({"authorization", "cookie", "proxy-authorization"})
_HEADER_PARTS = ("token", "key", "secret", "password")
_ALWAYS = (("basic_auth", "password"), ("client_certificate", "key"))
_STEPS = "steps"
_VARIABLE = re.compile(r"\{\{\s*[A-Za-z_][A-Za-z0-9_]*\s*\}\}")
_Place = tuple[str | int, ...]


def secret_header(name: str, extra: tuple[str, ...] = ()) -> bool:
    """Whether a header's value is secret by its name alone, or because the owner said so (`secret_headers`)."""
    lower = name.lower()
    return (
        lower in _HEADER_NAMES
        or any(part in lower for part in _HEADER_PARTS)
        or lower in {given.lower() for given in extra}
    )


def _places(definition: dict[str, Any]) -> Iterator[_Place]:
    extra = tuple(definition.get("secret_headers") or ())
    yield from _ALWAYS
    for group in ("headers", "extra_headers"):
        yield from ((group, name) for name in definition.get(group) or {} if secret_header(name, extra))
    yield from (("variables", name) for name in definition.get("variables") or {})
    steps = definition.get(_STEPS)
    for index, step in enumerate(steps if isinstance(steps, (list, tuple)) else ()):
        yield from ((_STEPS, index, *place) for place in _places_in_step(step))


def _places_in_step(step: Any) -> Iterator[_Place]:
    """`secret` is the seed of one-time codes. A text that is one `{{NAME}}` names a secret, and is none itself."""
    if not isinstance(step, dict):
        return
    if isinstance(step.get("secret"), str) and not _VARIABLE.fullmatch(step["secret"]):
        yield ("secret",)
    headers = step.get("headers")
    for name, value in headers.items() if isinstance(headers, dict) else ():
        if secret_header(name) and not (isinstance(value, str) and _VARIABLE.fullmatch(value)):
            yield ("headers", name)


def split(definition: dict[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """A definition -> (the same with each secret masked, {"headers.Authorization": value}). The input is kept."""
    public = _copy(definition)
    secrets: dict[str, str] = {}
    for place in _places(definition):
        holder = _holder(public, place)
        if holder is not None and isinstance(holder.get(place[-1]), str):
            secrets[".".join(map(str, place))] = holder[place[-1]]
            holder[place[-1]] = MASK
    return public, secrets


def join(public: dict[str, Any], secrets: Mapping[str, str]) -> dict[str, Any]:
    """The inverse of `split`: a masked definition with its secrets in place."""
    whole = _copy(public)
    for path, value in secrets.items():
        place = _place_of(path)
        holder = _holder(whole, place)
        if holder is not None and holder.get(place[-1]) == MASK:
            holder[place[-1]] = value
    return whole


def _place_of(path: str) -> _Place:
    """Names of headers may hold dots themselves; those of groups and steps do not."""
    group, _, rest = path.partition(".")
    if group != _STEPS:
        return group, rest
    index, _, rest = rest.partition(".")
    inner, dot, name = rest.partition(".")
    return (group, int(index), inner, name) if dot else (group, int(index), inner)


def _holder(definition: dict[str, Any], place: _Place) -> dict[Any, Any] | None:
    """What holds the value at a place; None where there is no such thing."""
    found: Any = definition
    for part in place[:-1]:
        if isinstance(part, int):
            found = found[part] if isinstance(found, list) and part < len(found) else None
        else:
            found = found.get(part) if isinstance(found, dict) else None
    return found if isinstance(found, dict) else None


def _copy(definition: dict[str, Any]) -> dict[str, Any]:
    """As deep as secrets lie: values may be replaced without a trace in the input."""
    copied = {key: dict(value) if isinstance(value, dict) else value for key, value in definition.items()}
    if isinstance(definition.get(_STEPS), (list, tuple)):
        copied[_STEPS] = [
            {key: dict(value) if isinstance(value, dict) else value for key, value in step.items()}
            if isinstance(step, dict)
            else step
            for step in definition[_STEPS]
        ]
    return copied
