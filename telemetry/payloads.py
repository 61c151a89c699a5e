"""What is kept of a thing as it was sent: its JSON, deflated where that pays."""

from __future__ import annotations

import zlib
from typing import Any

import msgspec

_LEVEL = 1
"""Repeated keys go at any level; more of it costs time that every event would pay."""
_SMALL = 256
"""Bytes: what is no larger stays as it is, since deflating it costs more time than it saves room."""
_DEFLATED = 0x78
"""What a zlib stream of this window begins with (RFC 1950); no JSON does."""
_encode = msgspec.json.Encoder().encode


def pack(item: Any) -> bytes:
    """Plain values, or their JSON as bytes -> what is kept."""
    said = item if isinstance(item, bytes) else _encode(item)
    return said if len(said) <= _SMALL else zlib.compress(said, _LEVEL)


def size_of(kept: bytes) -> int:
    """Bytes of the JSON of what is kept."""
    return len(_inflated(kept))


def unpack(kept: bytes) -> Any:
    """What is kept -> plain values."""
    return msgspec.json.decode(_inflated(kept))


def _inflated(kept: bytes) -> bytes:
    return zlib.decompress(kept) if kept[0] == _DEFLATED else kept
