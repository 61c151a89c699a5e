"""What was asked, without what differs from one time to the next: `http://Shop:80/orders/4711?x=1` -> `http://shop/orders/#`."""

from __future__ import annotations

import re
from urllib.parse import quote, unquote, urlsplit

_URL = re.compile(r"https?://[^\s\"'`<>{}|\\^…]+", re.IGNORECASE)
_AFTER = ".,;:!?)]*"
"""What ends a sentence rather than an address in it."""
_UUID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}", re.IGNORECASE)
_HEX = re.compile(r"(?=\w*\d)[0-9a-f]{8,}", re.IGNORECASE)
_VERSION = re.compile(r"v\d+(?:\.\d+)*", re.IGNORECASE)
_WORD = re.compile(r"[^\W_]+")
_PORTS = {"http": 80, "https": 443}
_MOST_URL, _MOST_SEGMENTS, _MOST_TARGET = 4_000, 30, 300
_SAFE = "!$&'()*+,=:@#"


def target_of(url: str) -> str | None:
    """Origin and path without ids, query, fragment or who signs in; None for what is no address of the web."""
    if not _URL.match(url) or "{{" in url:
        return None
    try:
        parts = urlsplit(url[:_MOST_URL])
        scheme, host, port = parts.scheme.lower(), parts.hostname, parts.port
    except ValueError:
        return None
    if not host:
        return None
    shown = f"[{host}]" if ":" in host else host
    origin = f"{scheme}://{shown}" if port in (None, _PORTS[scheme]) else f"{scheme}://{shown}:{port}"
    segments = [_without_id(segment) for segment in parts.path.split("/") if segment][:_MOST_SEGMENTS]
    return f"{origin}/{'/'.join(segments)}"[:_MOST_TARGET]


def url_in(text: str) -> str | None:
    """The first address in a text."""
    found = _URL.search(text)
    return found[0].rstrip(_AFTER) if found is not None else None


def without_urls(text: str) -> str:
    """A text in which every address is the same."""
    return _URL.sub("…", text)


def _without_id(segment: str) -> str:
    """`order-4711` -> `order-#`, `v2` and `step1` as they are: one digit in a word is part of its name."""
    plain = unquote(segment.partition(";")[0])
    if _VERSION.fullmatch(plain):
        return plain
    return quote(_WORD.sub(_named, _UUID.sub("#", plain)), safe=_SAFE)


def _named(word: re.Match[str]) -> str:
    text = word[0]
    digits = sum(character.isdigit() for character in text)
    return "#" if digits > 1 or text.isdigit() or _HEX.fullmatch(text) else text
