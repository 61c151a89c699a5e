"""The HTTP engine: one hop over a fresh connection to a vetted address, within a deadline, timed by libcurl."""

from __future__ import annotations

import asyncio
import os
import socket
from typing import Any

import certifi
import pycurl

from model.errors import ErrorCode
from model.hosts import parse_url
from probes.certificates import facts_of_chain
from probes.http.exchange import Exchange, Failure, Request, Shape
from probes.http.failures import certificate_wanted, maybe_for_want_of_a_certificate
from probes.http.handle import Handle, Room
from probes.http.transfers import Transfers
from probes.untrusted import untrusted

_MAX_POOLED = 1_024
"""Idle handles kept, over all shapes: about 20 kB each."""
_WARM_S = 0.03
_LISTEN_S = 5.0
"""The most that a handshake may take which is only listened to."""
_ROUNDING_S = 0.002
"""The loop and libcurl count whole ms, each from an instant of its own."""


class HttpEngine:
    """One per event loop; made inside it, closed by its owner. `ca_file`: PEM bundle that servers are verified by;
    else SSL_CERT_FILE (a company's own authorities), else the bundle of the package certifi."""

    def __init__(self, ca_file: str | None = None) -> None:
        self._loop = asyncio.get_running_loop()
        self.ca_file = ca_file or os.environ.get("SSL_CERT_FILE") or certifi.where()
        self._transfers = Transfers(self._loop, _ended)
        self._pool: dict[Shape, list[Handle]] = {}
        self._pooled = 0
        self._serial = 0
        self._room = Room()
        self._running: set[Handle] = set()

    async def warm(self) -> None:
        """Reads the authorities' certificates now, so that no check's TLS phase does: 20-40 ms, once. libcurl reads
        them when a first handshake begins, and a socket of our own that never answers is enough for that."""
        with socket.create_server(("127.0.0.1", 0)) as silent:
            port = silent.getsockname()[1]
            request = Request(parse_url(f"https://127.0.0.1:{port}/"))
            await self.fetch(request, ("127.0.0.1",), self._loop.time() + _WARM_S)

    async def fetch(self, request: Request, addresses: tuple[str, ...], deadline: float) -> Exchange:
        """One hop to one of `addresses` (vetted by egress), over by `deadline` (loop time) whatever the server does.
        Never raises for what the target or the network did: `Exchange.failure` says it. Cancelled at its deadline or
        later it ends as the timeout it is."""
        left = deadline - self._loop.time()
        if left <= 0:
            return Exchange(failure=Failure(ErrorCode.TIMEOUT, "no time was left for the request"))
        handle = self._take(request.shape)
        try:
            number, exchange = await self._transfer(handle, request, addresses, deadline)
        except BaseException:
            handle.close()
            raise
        self._give_back(handle)
        if exchange.failure is not None and request.target.scheme == "https":
            exchange.failure = await self._explained(exchange.failure, number, exchange, request, addresses, deadline)
        return exchange

    async def _explained(
        self,
        failure: Failure,
        number: int,
        exchange: Exchange,
        request: Request,
        addresses: tuple[str, ...],
        deadline: float,
    ) -> Failure:
        """The failure of a hop over TLS, or what was behind it: a certificate that is not trusted, which the exchange
        has then, or that the server wants one of the client."""
        if number == pycurl.E_PEER_FAILED_VERIFICATION:
            if not exchange.certificates:
                seen = await self._shake_hands(request, addresses, deadline, request.shape._replace(verify_tls=False))
                exchange.certificates = [] if seen is None else seen.certificates
            why = untrusted(failure.message, request.target.host, facts_of_chain(exchange.certificates))
            return Failure(failure.code, f"the server's {why}")
        connected, began = exchange.connect_ms is not None, bool(exchange.header_lines)
        if not maybe_for_want_of_a_certificate(number, connected=connected, began=began):
            return failure
        asked: list[bytes] = []
        await self._shake_hands(request, addresses, deadline, request.shape, asked)
        if not asked:
            return failure
        return certificate_wanted(failure, shown=request.shape.client_certificate is not None)

    async def _shake_hands(
        self,
        request: Request,
        addresses: tuple[str, ...],
        deadline: float,
        shape: Shape,
        asked: list[bytes] | None = None,
    ) -> Exchange | None:
        """One more handshake, without a request, for what the first did not tell; None when there is no time. `asked`
        fills when the server asks for a client certificate. (libcurl tells of it in its log alone, which is too dear
        to keep for every check.)"""
        deadline = min(deadline, self._loop.time() + _LISTEN_S)
        if deadline <= self._loop.time():
            return None
        self._serial += 1
        handle = Handle(shape, self.ca_file, self._serial, self._room)
        handle.listen([] if asked is None else asked)
        try:
            _, exchange = await self._transfer(handle, request, addresses, deadline)
        finally:
            handle.close()
        return exchange

    async def _transfer(
        self, handle: Handle, request: Request, addresses: tuple[str, ...], deadline: float
    ) -> tuple[int, Exchange]:
        """(libcurl's error number or 0, the exchange)"""
        self._running.add(handle)
        try:
            handle.prepare(request, addresses, deadline - self._loop.time())
            handle.ended = self._loop.create_future()
            self._transfers.add(handle.curl)
            try:
                number, detail = await handle.ended
            except asyncio.CancelledError:
                self._transfers.remove(handle.curl)
                if self._loop.time() < deadline - _ROUNDING_S:
                    raise
                # Whoever stops it at its deadline does so because no answer came in time: libcurl's own timer is due
                # as well, and which of the two is heard first is chance.
                number, detail = _result_of(handle.ended) or (pycurl.E_OPERATION_TIMEDOUT, "")
            return number, handle.result(number, detail)
        finally:
            self._running.discard(handle)

    def close(self) -> None:
        """Breaks off what runs and frees libcurl's side."""
        for handle in self._running:
            self._transfers.remove(handle.curl)
            if handle.ended is not None:
                handle.ended.cancel()
        for handles in self._pool.values():
            for handle in handles:
                handle.close()
        self._pool.clear()
        self._pooled = 0
        self._transfers.close()

    def _take(self, shape: Shape) -> Handle:
        idle = self._pool.get(shape)
        if idle:
            self._pooled -= 1
            return idle.pop()
        self._serial += 1
        return Handle(shape, self.ca_file, self._serial, self._room)

    def _give_back(self, handle: Handle) -> None:
        # A client certificate's key is a secret of leased work: it is not kept beyond the hop.
        if handle.shape.client_certificate is not None or self._pooled >= _MAX_POOLED:
            handle.close()
            return
        self._pool.setdefault(handle.shape, []).append(handle)
        self._pooled += 1


def _result_of(future: asyncio.Future[tuple[int, str]]) -> tuple[int, str] | None:
    return future.result() if future.done() and not future.cancelled() else None


def _ended(curl: Any, number: int, detail: str) -> None:
    future = curl.handle.ended
    if not future.done():
        future.set_result((number, detail))
