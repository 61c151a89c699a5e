"""Stored secrets of a journey's steps and extra headers: they stay with their step, and with the origin they were given
for, when the steps are written anew around their masks (api/kept_secrets.py says why)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from api.errors import Invalid
from journeys.urls import is_absolute, origin_of
from model.secrets import MASK

_STEPS, _EXTRA = "steps", "extra_headers"
_Step = Mapping[str, Any]


def with_their_steps(stored: _Step, whole: _Step, secrets: Mapping[str, str]) -> dict[str, str]:
    """The stored secrets under the paths at which the new definition, masked, keeps them. Raises Invalid.

    A step keeps what the stored step of its type, address and name has, wherever that stood; else what the one at its
    own place has, if it goes to the same origin. A mask for which there is nothing is refused as such later."""
    _refuse_moved_headers(stored, whole, secrets)
    kept = {path: value for path, value in secrets.items() if not path.startswith(f"{_STEPS}.")}
    old, new = _steps(stored), _steps(whole)
    free = dict(enumerate(old))
    for place, step in enumerate(new):
        masked = list(_masked(step))
        source = _source(place, _identity(step, whole), [(at, _identity(one, stored)) for at, one in free.items()])
        if not masked or source is None:
            continue
        free.pop(source)
        for inner in masked:
            if f"{_STEPS}.{source}.{inner}" in secrets:
                kept[f"{_STEPS}.{place}.{inner}"] = secrets[f"{_STEPS}.{source}.{inner}"]
    return kept


_Identity = tuple[str, str, str]
"""What it is, where it goes, and what else tells it from its like."""


def _source(place: int, wanted: _Identity, free: Sequence[tuple[int, _Identity]]) -> int | None:
    alike = [at for at, identity in free if identity == wanted]
    if alike:
        return place if place in alike else alike[0]
    return next((at for at, identity in free if at == place and identity[:2] == wanted[:2]), None)


def _identity(step: _Step, definition: _Step) -> _Identity:
    url = str(step.get("url") or "")
    rest = "\n".join(str(step.get(name) or "") for name in ("name", "method", "variable"))
    return str(step.get("type")), _goes_to(url, definition) if url else "", f"{url}\n{rest}"


def _goes_to(url: str, definition: _Step) -> str:
    """The origin, or the text that decides it in a run."""
    return (origin_of(url) or url) if is_absolute(url) else _base(definition)


def _base(definition: _Step) -> str:
    """The origin that relative addresses, and extra headers, belong to."""
    first = next((step.get("url") for step in _steps(definition) if step.get("type") == "goto"), None)
    base = str(definition.get("base_url") or first or "")
    return origin_of(base) or base


def _refuse_moved_headers(stored: _Step, whole: _Step, secrets: Mapping[str, str]) -> None:
    old, new = _base(stored), _base(whole)
    headers = whole.get(_EXTRA)
    if old == new or not isinstance(headers, dict):
        return
    moved = [name for name, value in headers.items() if value == MASK and secrets.get(f"{_EXTRA}.{name}")]
    if moved:
        said = f"is kept for {old} and does not go to {new}: give it anew, or leave it out"
        raise Invalid({f"{_EXTRA}.{name}": [said] for name in moved})


def _steps(definition: _Step) -> list[_Step]:
    steps = definition.get(_STEPS)
    return [step if isinstance(step, dict) else {} for step in steps] if isinstance(steps, list) else []


def _masked(step: _Step) -> Iterator[str]:
    for name, value in step.items():
        if value == MASK:
            yield name
        elif name == "headers" and isinstance(value, dict):
            yield from (f"{name}.{header}" for header, inner in value.items() if inner == MASK)
