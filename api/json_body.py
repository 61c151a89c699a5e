"""Request bodies: strict JSON into plain values, or a refusal with a reason. Nothing here can raise a 5xx."""

from __future__ import annotations

import json
from typing import Any

import msgspec
from flask import Request

from api.dialects import MAX_BODY_BYTES as MAX_BODY_BYTES
from api.errors import Invalid, Malformed, UnsupportedMedia
from model.fields import printable

MAX_DEPTH = 50
"""No definition needs more; deeper values would reach the recursion limits of what handles them later."""
_LARGEST_INTEGER = 2**63 - 1
"""What both stores keep exactly."""
_MAX_FIELDS = 50
"""Enough for a person to see what is wrong; an answer is never larger than its question by much."""


def read_json(request: Request, *, required: bool = True) -> Any:
    """The decoded body. With `required=False` an absent body is None.

    Raises Malformed (not JSON, or ambiguous JSON), UnsupportedMedia, Invalid (a string or number no store can hold);
    werkzeug's RequestEntityTooLarge when the body is over the limit.
    """
    raw = request.get_data(cache=False)
    if not raw:
        if not required:
            return None
        raise Malformed("This needs a JSON body")
    if request.mimetype != "application/json":
        raise UnsupportedMedia("Send JSON, with the header Content-Type: application/json")
    return decode(raw)


def decode(raw: bytes) -> Any:
    """Bytes -> plain values; refuses NaN, Infinity, duplicate keys, lone surrogates, NUL, depth over MAX_DEPTH."""
    try:
        value = msgspec.json.decode(raw)
        json.loads(raw, object_pairs_hook=_without_duplicates)
    except RecursionError:
        raise Malformed(f"The JSON is nested deeper than {MAX_DEPTH} levels") from None
    except (msgspec.DecodeError, ValueError) as error:
        raise Malformed(f"The body is not JSON: {_readable(error)}") from None
    _judge(value)
    return value


def _without_duplicates(pairs: list[tuple[str, Any]]) -> None:
    seen: set[str] = set()
    for name, _ in pairs:
        if name in seen:
            raise ValueError(f"the key {name[:60]!r} stands there twice")
        seen.add(name)


def _readable(error: Exception) -> str:
    return str(error).removeprefix("JSON is malformed: ").encode("utf-8", "replace").decode()


_Trail = tuple["_Trail", str | int] | None
"""Where a value stands, linked to its parent: paths are spelled out only for errors, so that a long key with many
children costs nothing."""


def _judge(value: Any) -> None:
    """Walk without recursion: depth, characters and numbers that would break something further in."""
    fields: dict[str, list[str]] = {}
    waiting: list[tuple[_Trail, Any, int]] = [(None, value, 0)]
    while waiting and len(fields) < _MAX_FIELDS:
        trail, item, depth = waiting.pop()
        if depth > MAX_DEPTH:
            raise Malformed(f"The JSON is nested deeper than {MAX_DEPTH} levels")
        if isinstance(item, dict):
            waiting.extend(((trail, key), child, depth + 1) for key, child in item.items())
            waiting.extend(((trail, key), key, depth) for key in item if not _fits(key))
        elif isinstance(item, list):
            waiting.extend(((trail, index), child, depth + 1) for index, child in enumerate(item))
        elif isinstance(item, str):
            if not _fits(item):
                fields[_spelled(trail)] = ["must not contain a NUL character"]
        elif isinstance(item, int) and abs(item) > _LARGEST_INTEGER:
            fields[_spelled(trail)] = ["is a number out of range"]
    if fields:
        raise Invalid(fields)


def _fits(text: str) -> bool:
    try:
        printable(text)
    except ValueError:
        return False
    return True


def _spelled(trail: _Trail) -> str:
    parts: list[str] = []
    while trail is not None:
        trail, key = trail
        parts.append(str(key)[:60].replace("\x00", "\\u0000"))
    return ".".join(reversed(parts))
