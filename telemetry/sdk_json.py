"""What an SDK sends, read with care and without pedantry: fields that nobody knows are kept, but what no store could
hold, or no program could walk through, is refused."""

from __future__ import annotations

import re
import zlib
from typing import Any

import msgspec

MAX_DEPTH = 100
"""What is nested deeper would reach the limits of those who handle it later."""
_NUL = b"\\u0000"
_HALF_A_PAIR = re.compile(rb"\\u[dD][89abAB][0-9a-fA-F]{2}(?!\\u[dD][c-fC-F])")


class BadBodyError(ValueError):
    """It can't be read; the text is for whoever sent it."""


class TooMuchError(ValueError):
    """Inflated, it is larger than it may be."""


def inflate(body: bytes, encoding: str, most_bytes: int) -> bytes:
    """A body as it was before `Content-Encoding`, read no further than its limit: a bomb costs what any body costs.
    BadBodyError, TooMuchError."""
    if encoding in ("", "identity"):
        return body
    if encoding not in ("gzip", "deflate"):
        raise BadBodyError("Content-Encoding must be gzip, deflate or left out")
    reading = zlib.decompressobj(wbits=47)  # either format, by its own head
    try:
        plain = reading.decompress(body, most_bytes + 1)
    except zlib.error:
        raise BadBodyError(f"The body is not {encoding}") from None
    if len(plain) > most_bytes:
        raise TooMuchError
    if not reading.eof:
        raise BadBodyError(f"The body ends in the middle of its {encoding}")
    return plain


def decode(raw: bytes | msgspec.Raw) -> Any:
    """JSON -> plain values. BadBodyError: it is none, or holds NaN, a lone surrogate, NUL, or is too deep."""
    try:
        value = msgspec.json.decode(raw)
    except RecursionError:
        raise BadBodyError(f"The JSON is nested deeper than {MAX_DEPTH} levels") from None
    except (msgspec.DecodeError, ValueError) as error:
        if _HALF_A_PAIR.search(raw):
            raise BadBodyError("A text holds half of a surrogate pair, which is no character") from None
        said = str(error).removeprefix("JSON is malformed: ").encode("utf-8", "replace").decode()
        raise BadBodyError(f"The body is not JSON: {said}") from None
    text = bytes(raw)
    if text.count(b"[") + text.count(b"{") > MAX_DEPTH or _NUL in text:
        _judge(value)
    return value


def _judge(value: Any) -> None:
    """Walk without recursion."""
    waiting: list[tuple[Any, int]] = [(value, 1)]
    while waiting:
        item, depth = waiting.pop()
        if depth > MAX_DEPTH:
            raise BadBodyError(f"The JSON is nested deeper than {MAX_DEPTH} levels")
        if isinstance(item, dict):
            waiting += [(child, depth + 1) for child in item.values()]
            waiting += [(key, depth) for key in item if "\x00" in key]
        elif isinstance(item, list):
            waiting += [(child, depth + 1) for child in item]
        elif isinstance(item, str) and "\x00" in item:
            raise BadBodyError("A text holds a character that no store takes (NUL, or half of a surrogate pair)")
