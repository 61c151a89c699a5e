"""Hosts and URLs as people and servers write them, brought to the one form that is judged and connected to.

One parser (the WHATWG URL standard's, in pydantic-core) decides for all: what it returns is vetted, resolved and
handed to libcurl, so no second reading of the same text can lead elsewhere. It reads `2130706433`, `0x7f.1`, `127.1`,
fullwidth digits and ideographic full stops as the addresses they are; what people would misread is refused before it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import ip_address
from typing import Annotated
from urllib.parse import unquote, urljoin

from pydantic import AfterValidator, Field, StringConstraints
from pydantic_core import Url, ValidationError

from model.addresses import Address

MAX_URL = 8_192
MAX_HOST = 253
"""The longest name DNS can hold, without its final dot."""

_UNSEEN = re.compile(r"[\s\x00-\x20\x7f-\xa0\u200b-\u200f\u2028-\u202e\u2060\ufeff\ud800-\udfff\\]")
"""What makes a URL look other than it is: white space, controls, marks of direction, lone surrogates, backslashes."""
_START = re.compile(r"https?://[^/?#]", re.IGNORECASE)
_LABEL = re.compile(r"[a-z0-9_-]{1,63}")
_NOT_IN_A_HOST = re.compile(r"[@/?#%:\[\]]")
_DEFAULT_PORTS = {"http": 80, "https": 443}


class BadHostError(ValueError):
    """Neither a name nor an address; the text is a sentence for people."""


@dataclass(frozen=True, slots=True)
class Target:
    """A URL taken apart. `url` is what is sent to: no user-info, no fragment, everything percent-encoded; `host` is
    lower case, punycode, without brackets; `address` is set when the host is one."""

    url: str
    scheme: str
    host: str
    port: int
    address: Address | None
    username: str | None = None
    password: str | None = None

    @property
    def origin(self) -> tuple[str, str, int]:
        return self.scheme, self.host, self.port


@lru_cache(maxsize=16_384)
def parse_url(text: str) -> Target:
    """An absolute http(s) URL as people write it. Raises BadHostError."""
    if len(text) > MAX_URL:
        raise BadHostError(f"must be at most {MAX_URL} characters long")
    if _UNSEEN.search(text):
        raise BadHostError("must not contain spaces, control characters or backslashes")
    return _parsed(text)


def parse_redirect(base: Target, location: str) -> Target:
    """Where a Location header leads from `base`. Servers send spaces and backslashes, browsers forgive them: they
    are read as the standard says, and the result is vetted like any other. Raises BadHostError."""
    if len(location) > MAX_URL:
        raise BadHostError(f"is longer than {MAX_URL} characters")
    try:
        return _parsed(urljoin(base.url, location.strip()))
    except BadHostError:
        raise
    except ValueError as error:
        raise BadHostError(str(error)) from None


def _parsed(text: str) -> Target:
    if not _START.match(text):
        raise BadHostError("must begin with http:// or https://, then a host")
    try:
        url = Url(text)
    except ValidationError as error:
        reason = error.errors(include_url=False)[0].get("ctx", {}).get("error", "not a URL")
        raise BadHostError(f"is not a URL: {reason}") from None
    host = _checked(url.host or "")
    port = url.port
    if port is None or not 0 < port < 65_536:
        raise BadHostError("must have a port between 1 and 65535")
    shown = f"[{host}]" if ":" in host else host
    place = shown if port == _DEFAULT_PORTS[url.scheme] else f"{shown}:{port}"
    query = "" if url.query is None else f"?{url.query}"
    return Target(
        url=f"{url.scheme}://{place}{url.path or '/'}{query}",
        scheme=url.scheme,
        host=host,
        port=port,
        address=address_of(host),
        username=None if url.username is None else unquote(url.username),
        password=None if url.password is None else unquote(url.password),
    )


@lru_cache(maxsize=16_384)
def parse_host(text: str) -> str:
    """A host alone, as in a tcp check: a name (lower case, punycode) or an address in its usual form, IPv6 with or
    without brackets. Raises BadHostError."""
    if _UNSEEN.search(text):
        raise BadHostError("must not contain spaces, control characters or backslashes")
    bare = text[1:-1] if text.startswith("[") and text.endswith("]") else text
    if ":" in bare:
        address = address_of(bare)
        if address is None or address.version != 6 or "%" in bare:
            raise BadHostError("is neither a name nor an address (a port has a field of its own)")
        return str(address)
    if _NOT_IN_A_HOST.search(text):
        raise BadHostError("must be a host alone, without scheme, port, user or path")
    try:
        return _checked(Url(f"http://{text}/").host or "")
    except ValidationError:
        raise BadHostError("is neither a name nor an address") from None


def _checked(host: str) -> str:
    if host.startswith("["):
        host = host[1:-1]
    if ":" in host:
        return host
    labels = host.removesuffix(".").split(".")
    if len(host.removesuffix(".")) > MAX_HOST or not all(_LABEL.fullmatch(label) for label in labels):
        raise BadHostError("has a host that no name server could know: labels are 1 to 63 letters, digits, - or _")
    return host


def address_of(host: str) -> Address | None:
    """The address a canonical host is; None for a name."""
    try:
        return ip_address(host)
    except ValueError:
        return None


def _is_web_url(text: str) -> str:
    parse_url(text)
    return text


def _is_host(text: str) -> str:
    parse_host(text)
    return text


WebUrl = Annotated[
    str,
    StringConstraints(min_length=1, max_length=MAX_URL),
    AfterValidator(_is_web_url),
    Field(json_schema_extra={"format": "uri"}),
]
"""Kept as it was written; `parse_url` gives its parts."""
Host = Annotated[str, StringConstraints(min_length=1, max_length=MAX_HOST + 2), AfterValidator(_is_host)]
"""A name or address, kept as it was written; `parse_host` gives the form that is judged."""
