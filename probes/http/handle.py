"""One pooled libcurl handle: set up once for a shape of request, then given an address, a URL and a deadline a hop."""

from __future__ import annotations

import asyncio
import os
import socket
from typing import Any

import pycurl

from model.errors import ErrorCode
from model.hosts import Target, address_of
from probes.http.exchange import MAX_BODY, Exchange, Failure, Request, Shape
from probes.http.failures import failure_of

REDIRECTS = frozenset({301, 302, 303, 307, 308})
_REDIRECT_CODES = frozenset(str(code).encode() for code in REDIRECTS)
_VERSIONS = {
    pycurl.CURL_HTTP_VERSION_1_0: "1.0",
    pycurl.CURL_HTTP_VERSION_1_1: "1.1",
    pycurl.CURL_HTTP_VERSION_2_0: "2",
}
_GROUPS = "X25519:X25519MLKEM768:secp256r1:secp384r1:secp521r1"
"""The first one's key is sent unasked. OpenSSL's own default sends a post-quantum key beside it, 85 us of CPU a check;
a server that insists on one may still ask for it."""
_CA_CACHE_TIMEOUT = 321
"""CURLOPT_CA_CACHE_TIMEOUT, which pycurl has no name for."""
_REFUSED_SOCKET = -1
_FREE_ROOM = 65_536
"""Bytes of a body that are kept without asking for room."""


class Room:
    """The memory that large bodies share, in bytes: sixty hostile servers at once must not fill the machine."""

    __slots__ = ("_left",)

    def __init__(self, size: int = 48 * 1024 * 1024) -> None:
        self._left = size

    def take(self, size: int) -> bool:
        """Whether there was room."""
        if size > self._left:
            return False
        self._left -= size
        return True

    def give(self, size: int) -> None:
        self._left += size


class _Lent:
    """A socket for libcurl, which takes a duplicate; the original goes at once, so that epoll sees one owner."""

    __slots__ = ("_fd",)

    def __init__(self, fd: int) -> None:
        self._fd = fd

    def fileno(self) -> int:
        return self._fd

    def __del__(self) -> None:
        os.close(self._fd)


class Handle:
    """`ended` is the running transfer's future. A handle runs one transfer at a time."""

    __slots__ = (
        "_blocked",
        "_crowded",
        "_held",
        "_keep",
        "_kept",
        "_lines",
        "_os_errno",
        "_pin_name",
        "_pins",
        "_redirected",
        "_request",
        "_room",
        "_size",
        "_stop_at_redirect",
        "_stopped",
        "curl",
        "ended",
        "shape",
    )  # fmt: skip

    def __init__(self, shape: Shape, ca_file: str, serial: int, room: Room) -> None:
        self.shape = shape
        self.ended: asyncio.Future[tuple[int, str]] | None = None
        self._pin_name = f"pin-{serial}.invalid"
        self._lines: list[bytes] = []
        self._kept: list[bytes] = []
        self._size = self._keep = self._os_errno = 0
        self._redirected = False
        self._room = room
        self._held = 0
        self._crowded = False
        self._blocked: str | None = None
        self._stopped = self._stop_at_redirect = False
        self._pins: tuple[str, ...] = ()
        self._request: Request | None = None
        self.curl = _configured(shape, ca_file)
        self.curl.handle = self
        self.curl.setopt(pycurl.HEADERFUNCTION, self._lines.append)
        self.curl.setopt(pycurl.WRITEFUNCTION, self._write)
        self.curl.setopt(pycurl.OPENSOCKETFUNCTION, self._open_socket)

    def prepare(self, request: Request, addresses: tuple[str, ...], timeout_s: float) -> None:
        """Everything that differs from hop to hop. `addresses`: the vetted ones, the only ones it may connect to."""
        target = request.target
        self._request = request
        self._pins = addresses
        self._lines.clear()
        self._kept.clear()
        self._size = self._os_errno = 0
        self._keep = request.keep
        self._stop_at_redirect = request.stop_at_redirect
        self._blocked = None
        self._stopped = self._crowded = False
        setopt = self.curl.setopt
        setopt(pycurl.URL, target.url)
        if request.headers:
            setopt(pycurl.HTTPHEADER, request.headers)
        else:
            self.curl.unsetopt(pycurl.HTTPHEADER)  # an empty list would leave the last one in force
        setopt(pycurl.TIMEOUT_MS, max(1, round(timeout_s * 1000)))
        if self.shape.has_body:
            setopt(pycurl.POSTFIELDS, request.body or b"")
        if self.shape.http_version == "2":
            # Over TLS it is agreed on; in the clear both must know it beforehand.
            known = pycurl.CURL_HTTP_VERSION_2_PRIOR_KNOWLEDGE
            setopt(pycurl.HTTP_VERSION, pycurl.CURL_HTTP_VERSION_2TLS if target.scheme == "https" else known)
        self._pin(target, addresses)

    def listen(self, heard: list[bytes]) -> None:
        """From now on only handshakes, no request; `heard` fills with what the log says of a client certificate that
        the server asks for."""

        def hear(kind: int, text: bytes) -> None:
            if kind == pycurl.INFOTYPE_TEXT and b"Request CERT" in text:
                heard.append(text)

        self.curl.setopt(pycurl.CONNECT_ONLY, 1)
        self.curl.setopt(pycurl.DEBUGFUNCTION, hear)
        self.curl.setopt(pycurl.VERBOSE, 1)

    def _pin(self, target: Target, addresses: tuple[str, ...]) -> None:
        """Where the name leads, for libcurl: one address directly; several under a name of this handle's own, so
        that no two checks' answers mix. "+" lets libcurl forget them by itself."""
        setopt = self.curl.setopt
        if target.address is not None:
            if self._redirected:
                self.curl.unsetopt(pycurl.CONNECT_TO)  # an empty list would leave the last one in force
            self._redirected = False
            return
        self._redirected = True
        if len(addresses) == 1:
            place = f"[{addresses[0]}]" if ":" in addresses[0] else addresses[0]
            setopt(pycurl.CONNECT_TO, [f"::{place}:{target.port}"])
            return
        setopt(pycurl.RESOLVE, [f"+{self._pin_name}:{target.port}:{','.join(addresses)}"])
        setopt(pycurl.CONNECT_TO, [f"::{self._pin_name}:{target.port}"])

    def _open_socket(self, _purpose: int, address: Any) -> Any:
        """The last word before a packet leaves: only an address that was vetted for this hop."""
        family, kind, protocol, sockaddr = address
        if sockaddr[0] not in self._pins and not self._pinned_otherwise(sockaddr[0]):
            self._blocked = str(sockaddr[0])
            return _REFUSED_SOCKET
        try:
            return _Lent(socket.SocketType(family, kind, protocol).detach())
        except OSError as error:
            self._os_errno = error.errno or 0
            return _REFUSED_SOCKET

    def _pinned_otherwise(self, text: str) -> bool:
        """The same address in another spelling."""
        address = address_of(text)
        return address is not None and any(address == address_of(pin) for pin in self._pins)

    def _write(self, data: bytes) -> int | None:
        """Keeps the body's beginning, counts the rest; anything but None ends the transfer."""
        if self._size == 0 and self._stop_at_redirect and _redirects(self._lines):
            self._stopped = True
            return -1
        self._size += len(data)
        if self._keep > 0:
            if self._size > _FREE_ROOM and not self._room.take(len(data)):
                self._crowded = True
                return -1
            self._held += len(data) if self._size > _FREE_ROOM else 0
            self._kept.append(data[: self._keep])
            self._keep -= len(data)
        return -1 if self._size > MAX_BODY else None

    def result(self, number: int, detail: str) -> Exchange:
        """The hop as it went, once libcurl has ended it with an error `number` or 0."""
        get = self.curl.getinfo
        connect_us, first_us, total_us = (
            get(pycurl.CONNECT_TIME_T), get(pycurl.STARTTRANSFER_TIME_T), get(pycurl.TOTAL_TIME_T)
        )  # fmt: skip
        tls_us = get(pycurl.APPCONNECT_TIME_T)
        exchange = Exchange(
            status=get(pycurl.RESPONSE_CODE),
            http_version=_VERSIONS.get(get(pycurl.INFO_HTTP_VERSION)),
            header_lines=self._lines.copy(),
            body=b"".join(self._kept),
            received=get(pycurl.SIZE_DOWNLOAD_T),
            remote_ip=get(pycurl.PRIMARY_IP) or None,
            total_ms=total_us / 1000,
        )
        if connect_us:
            exchange.connect_ms = (connect_us - get(pycurl.NAMELOOKUP_TIME_T)) / 1000
        if tls_us:
            exchange.tls_ms = (tls_us - connect_us) / 1000
            exchange.certificates = get(pycurl.INFO_CERTINFO)
        if exchange.status and first_us:
            exchange.first_byte_ms = first_us / 1000
        if number and not self._stopped:
            exchange.failure = self._failure(number, detail, exchange, secured=bool(tls_us))
        self._let_go()
        return exchange

    def _let_go(self) -> None:
        """Nothing of an exchange outlives it."""
        self._request = None
        self._kept.clear()
        self._room.give(self._held)
        self._held = 0

    def _failure(self, number: int, detail: str, exchange: Exchange, *, secured: bool) -> Failure:
        if self._blocked is not None:
            return Failure(ErrorCode.BLOCKED_ADDRESS, f"the connection would have gone to {self._blocked}")
        if self._crowded:
            return Failure(ErrorCode.INTERNAL, "too many large answers came at once for this probe's memory")
        if self._size > MAX_BODY:
            return Failure(ErrorCode.BODY_TOO_LARGE, f"the body is longer than {MAX_BODY // 2**20} MiB once decoded")
        target = self._request.target if self._request is not None else None
        place = exchange.remote_ip or (self._pins[0] if self._pins else "the target")
        return failure_of(
            number,
            detail,
            os_errno=self._os_errno or int(self.curl.getinfo(pycurl.OS_ERRNO)),
            place=f"{place} port {target.port}" if target else place,
            connected=exchange.connect_ms is not None,
            secured=secured or target is None or target.scheme == "http",
            began=exchange.status > 0 or bool(self._lines),
        )

    def close(self) -> None:
        """Frees libcurl's side, and the circle of references."""
        self._let_go()
        del self.curl.handle
        self.curl.close()


def _redirects(lines: list[bytes]) -> bool:
    """Whether these headers lead elsewhere. (libcurl may not be asked while it calls us.)"""
    code = lines[0].partition(b" ")[2][:3] if lines else b""
    if code[:1] == b"1":  # an interim answer, and others may come after it
        final = next((line for line in reversed(lines) if line.startswith(b"HTTP/")), b"")
        code = final.partition(b" ")[2][:3]
    if code not in _REDIRECT_CODES:
        return False
    return any(line[:9].lower() == b"location:" for line in lines)


def _configured(shape: Shape, ca_file: str) -> Any:
    curl = pycurl.Curl()
    setopt = curl.setopt
    setopt(pycurl.NOSIGNAL, 1)
    setopt(pycurl.PROTOCOLS, pycurl.PROTO_HTTP | pycurl.PROTO_HTTPS)
    setopt(pycurl.PROXY, "")  # not even the environment's
    setopt(pycurl.NETRC, pycurl.NETRC_IGNORED)
    setopt(pycurl.FOLLOWLOCATION, 0)  # each hop is vetted by us
    setopt(pycurl.FRESH_CONNECT, 1)
    setopt(pycurl.FORBID_REUSE, 1)
    setopt(pycurl.SSL_SESSIONID_CACHE, 0)  # a whole handshake each time, as a new visitor has it
    setopt(pycurl.SSL_EC_CURVES, _GROUPS)
    setopt(pycurl.CAINFO, ca_file)
    setopt(_CA_CACHE_TIMEOUT, -1)  # read once in the engine's life
    setopt(pycurl.SSL_VERIFYPEER, int(shape.verify_tls))
    setopt(pycurl.SSL_VERIFYHOST, 2 if shape.verify_tls else 0)
    setopt(pycurl.OPT_CERTINFO, 1)
    setopt(pycurl.ACCEPT_ENCODING, "")  # all that libcurl can decode
    if shape.http_version == "1.1":
        setopt(pycurl.HTTP_VERSION, pycurl.CURL_HTTP_VERSION_1_1)
    if shape.method == "HEAD":
        setopt(pycurl.NOBODY, 1)
    elif shape.method != "GET" or shape.has_body:
        setopt(pycurl.CUSTOMREQUEST, shape.method)
    if shape.client_certificate is not None:
        setopt(pycurl.SSLCERT_BLOB, shape.client_certificate.certificate)
        setopt(pycurl.SSLKEY_BLOB, shape.client_certificate.key)
    return curl
