"""One hop, as asked and as it went: the values that pass between the engine and the checks."""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from model.errors import ErrorCode
from model.hosts import Target

MAX_BODY = 10 * 1024 * 1024
"""Decoded bytes that are read of one answer: a decompression bomb or an endless body ends here."""


class ClientCertificate(NamedTuple):
    """PEM texts, in memory only."""

    certificate: bytes
    key: bytes


class Shape(NamedTuple):
    """What a pooled libcurl handle is set up for once; requests of one shape reuse each other's handles."""

    method: str = "GET"
    has_body: bool = False
    http_version: str = "auto"
    verify_tls: bool = True
    client_certificate: ClientCertificate | None = None


PLAIN = Shape()


class Request(msgspec.Struct, frozen=True):
    """`headers`: whole lines, encoded; `keep`: how many bytes of the decoded body the caller wants back, all up to
    MAX_BODY are read; `stop_at_redirect`: a redirect's body is not waited for."""

    target: Target
    shape: Shape = PLAIN
    headers: tuple[bytes, ...] = ()
    body: bytes | None = None
    keep: int = 4_096
    stop_at_redirect: bool = False


class Failure(NamedTuple):
    """Why there is no whole answer: the contract's code, and a sentence for people."""

    code: ErrorCode
    message: str


class Exchange(msgspec.Struct):
    """One hop. Phases in ms, from libcurl's microsecond counters, each alone except `first_byte_ms` (from the start
    to the answer's first byte) and `total_ms`; None where the phase did not happen. `header_lines` as received, those
    of interim answers before; `certificates` as libcurl lists the chain, leaf first."""

    status: int = 0
    http_version: str | None = None
    header_lines: list[bytes] = msgspec.field(default_factory=list)
    body: bytes = b""
    received: int = 0
    remote_ip: str | None = None
    connect_ms: float | None = None
    tls_ms: float | None = None
    first_byte_ms: float | None = None
    total_ms: float = 0.0
    certificates: list[tuple[tuple[str, str], ...]] = msgspec.field(default_factory=list)
    failure: Failure | None = None

    @property
    def answered(self) -> bool:
        """Whether a status line arrived, so that there is something to hold assertions against."""
        return self.status > 0

    def headers(self) -> tuple[tuple[str, str], ...]:
        """(name, value) of the final answer, in order of arrival, names as sent; trailers left out."""
        first = 0
        for index, line in enumerate(self.header_lines):
            if line.startswith(b"HTTP/"):
                first = index + 1
        found: list[tuple[str, str]] = []
        for line in self.header_lines[first:]:
            if line in (b"\r\n", b"\n"):
                break
            name, colon, value = line.partition(b":")
            if colon:
                found.append((_text(name.strip()), _text(value.strip())))
        return tuple(found)

    def header(self, name: str) -> str | None:
        """The first value of a header, by its lower-case name."""
        return next((value for known, value in self.headers() if known.lower() == name), None)


def _text(raw: bytes) -> str:
    """Header bytes are UTF-8 in practice and ISO 8859-1 by the book."""
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("latin-1")
