"""A payload as it is searched: the object and those in it that hold some of its facts one layer deeper.

Agents say one thing under many names, and payloads of one kind have the same keys again and again: where a name stands
is found once for all payloads of a shape.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

Keys = tuple[tuple[str, ...], ...]


class Names(tuple[str, ...]):
    """Names of one thing, those that count more first. `known`: the same, to tell in one step that there is none."""

    known: frozenset[str]

    def __new__(cls, *names: str) -> Names:
        made = super().__new__(cls, names)
        made.known = frozenset(names)
        return made

    __hash__ = object.__hash__
    """Each is made once, so that a shape need not look at its names to find it."""


class Shape(dict[Names, tuple[tuple[int, str], ...]]):
    """The keys of a payload's layers. By names: where any of them stands, as (layer, name), those that count more
    first; an outer layer counts more than any in it."""

    def __init__(self, keys: Keys) -> None:
        super().__init__()
        self._keys = keys

    def __missing__(self, names: Names) -> tuple[tuple[int, str], ...]:
        found = tuple((place, name) for place, keys in enumerate(self._keys) for name in names if name in keys)
        self[names] = found
        return found


class Layers(msgspec.Struct, gc=False):
    """`each`: the payload and what belongs to it, the outermost first; none of a payload that is no object."""

    each: list[dict[str, Any]]
    shape: Shape

    def lack(self, names: Names) -> bool:
        """Whether none of these names is in any of them."""
        return not self.shape[names]

    def first(self, names: Names) -> Any:
        """The value of the first of these names that has one."""
        for place, name in self.shape[names]:
            value = self.each[place][name]
            if value is not None:
                return value
        return None

    @property
    def payload(self) -> dict[str, Any]:
        """The outermost."""
        return self.each[0] if self.each else {}

    @property
    def outermost(self) -> Layers:
        """It alone."""
        return self if len(self.each) < 2 else Layers(self.each[:1], _shape_of((tuple(self.each[0]),)))


_WITHIN = Names(
    "function", "tool_call", "tool_use", "tool_result", "action", "data", "request", "response", "llm_output", "usage",
    "token_usage", "tokens", "metadata", "limits", "attributes", "serialized", "choices", "generations", "candidates",
    "message", "generation_info", "usage_metadata", "response_metadata", "usageMetadata", "incomplete_details",
    "return_values",
)  # fmt: skip
_SEVERAL = frozenset({"choices", "generations", "candidates"})
"""Lists of answers, LangChain's in a list of prompts: the first is meant."""
_MOST_LAYERS = 16
_CONSTRUCTED = "lc"
"""LangChain writes an object as `{"lc": 1, "id": [its class], "kwargs": {its fields}}`."""
_MOST_SHAPES, _MOST_NAMES, _MOST_NAME = 1_000, 64, 100
"""What is kept of shapes: what senders make up each time would fill the memory."""
_shapes: dict[Keys, Shape] = {}


def layers_of(payload: Any) -> Layers:
    if not isinstance(payload, dict):
        return Layers([], _shape_of(()))
    if _WITHIN.known.isdisjoint(payload):
        return Layers([payload], _shape_of((tuple(payload),)))
    each = [payload]
    for layer in each:  # it grows: response.usage, generations[0][0].message.usage_metadata
        each += _within(layer)[: _MOST_LAYERS - len(each)]
    return Layers(each, _shape_of(tuple([tuple(layer) for layer in each])))


def own(layer: dict[str, Any], names: Names) -> Any:
    """The value of the first of these names that has one in this layer alone."""
    for name in names:
        if name in layer and layer[name] is not None:
            return layer[name]
    return None


def _within(layer: dict[str, Any]) -> Sequence[dict[str, Any]]:
    if _WITHIN.known.isdisjoint(layer):
        return ()
    names = sorted(_WITHIN.known.intersection(layer), key=_WITHIN.index)
    return [found for name in names if (found := _object_in(name, layer[name])) is not None]


def _object_in(name: str, value: Any) -> dict[str, Any] | None:
    if name in _SEVERAL:
        for _ in range(2):
            value = value[0] if isinstance(value, list) and value else value
    if not isinstance(value, dict):
        return None
    inner = value.get("kwargs") if _CONSTRUCTED in value else None
    return inner if isinstance(inner, dict) else value


def _shape_of(keys: Keys) -> Shape:
    found = _shapes.get(keys)
    if found is None:
        found = Shape(keys)
        if sum(map(len, keys)) <= _MOST_NAMES and all(len(name) <= _MOST_NAME for layer in keys for name in layer):
            if len(_shapes) >= _MOST_SHAPES:
                _shapes.clear()
            _shapes[keys] = found
    return found
