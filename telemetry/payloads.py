"""What is kept of a thing as it was sent: its JSON, deflated."""

from __future__ import annotations

import zlib
from typing import Any

import msgspec

_LEVEL = 1
"""Repeated keys go at any level; more of it costs time that every event would pay."""
_encode = msgspec.json.Encoder().encode


def pack(item: Any) -> bytes:
    """Plain values, or their JSON as bytes -> what is kept."""
    return zlib.compress(item if isinstance(item, bytes) else _encode(item), _LEVEL)


def size_of(kept: bytes) -> int:
    """Bytes of the JSON of what is kept."""
    return len(zlib.decompress(kept))


def unpack(kept: bytes) -> Any:
    """What is kept -> plain values."""
    return msgspec.json.decode(zlib.decompress(kept))
