"""Which fields of a definition are secret, and how they part from the rest and come back (CONTRACT, "Common").

Secrets are stored apart, encrypted, and read back as ********; writing ******** keeps the stored value.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

MASK = "********"
_HEADER_NAMES = frozenset({"authorization", "cookie", "proxy-authorization"})
_HEADER_PARTS = ("token", "key", "secret", "password")
_ALWAYS = (("basic_auth", "password"), ("client_certificate", "key"))


def secret_header(name: str, extra: tuple[str, ...] = ()) -> bool:
    """Whether a header's value is secret by its name alone, or because the owner said so (`secret_headers`)."""
    lower = name.lower()
    return (
        lower in _HEADER_NAMES
        or any(part in lower for part in _HEADER_PARTS)
        or lower in {given.lower() for given in extra}
    )


def _paths(definition: dict[str, Any]) -> Iterator[tuple[str, str]]:
    extra = tuple(definition.get("secret_headers") or ())
    yield from _ALWAYS
    for name in definition.get("headers") or {}:
        if secret_header(name, extra):
            yield "headers", name
    for name in definition.get("variables") or {}:
        yield "variables", name


def split(definition: dict[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """A definition -> (the same with each secret masked, {"headers.Authorization": value}). The input is kept."""
    public = {key: dict(value) if isinstance(value, dict) else value for key, value in definition.items()}
    secrets: dict[str, str] = {}
    for group, name in _paths(definition):
        holder = public.get(group)
        if isinstance(holder, dict) and isinstance(holder.get(name), str):
            secrets[f"{group}.{name}"] = holder[name]
            holder[name] = MASK
    return public, secrets


def join(public: dict[str, Any], secrets: dict[str, str]) -> dict[str, Any]:
    """The inverse of `split`: a masked definition with its secrets in place."""
    whole = {key: dict(value) if isinstance(value, dict) else value for key, value in public.items()}
    for path, value in secrets.items():
        group, _, name = path.partition(".")
        holder = whole.get(group)
        if isinstance(holder, dict) and holder.get(name) == MASK:
            holder[name] = value
    return whole
