"""Keeps one lease request open at all times: it renews what this instance holds, brings new work the moment there is
some, and carries what the API should know of this probe (docs/reference/probe-protocol.md)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Protocol

import msgspec
import structlog

from model.protocol import PROTOCOL, RENEW_MS, LeaseAnswer, LeaseRequest
from probes.connection import (
    ApiAwayError,
    ApiConnection,
    Backoff,
    KeyRefusedError,
    OutdatedError,
    RequestRefusedError,
)
from probes.spool import Spool
from probes.worker import Worker

PATH = "/v1/probe/lease"
_FULL_WAIT_MS = 200
"""A probe without room asks again soon: room comes back faster than a long poll ends, which offers what there was when
it began."""
_TRANSIT_S = 2.5
"""What an answer may take beyond its wait: with RENEW_MS well below LEASE_MS, so a dead connection costs no lease."""
_REFUSED_PAUSE_S = 2.0
_HASTE_S = 0.02
_log = structlog.get_logger(__name__)
_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(LeaseAnswer)


class WrongLocationError(Exception):
    """The key belongs to another location than this probe was started for; the text is for people."""


class Identity(msgspec.Struct, frozen=True):
    """What a probe says of itself. `location`: what it was started for, checked against the key's."""

    instance: str
    version: str
    location: str
    types: tuple[str, ...]
    capabilities: tuple[str, ...] = ("network",)


class SelfCheck(Protocol):
    @property
    def self_check(self) -> str: ...


def _nobody() -> None:
    """Until somebody wants to know."""


class LeaseClient:
    """`run` until cancelled; then, with the worker stopped, `say_goodbye` as often as needed."""

    def __init__(
        self, connection: ApiConnection, identity: Identity, worker: Worker, spool: Spool, guard: SelfCheck
    ) -> None:
        self.on_first_answer: Callable[[], None] = _nobody
        self._connection = connection
        self._identity = identity
        self._worker = worker
        self._spool = spool
        self._guard = guard
        self._seen = 0

    async def run(self) -> None:
        """Raises WrongLocationError, and KeyRefusedError or OutdatedError (see ApiConnection.post). The first request
        takes no work: it finds out whether this is the right place, and the round trip."""
        try:
            await self._persist(self._introduce)
        except WrongLocationError:
            # Or the key's location would count as served for as long as this lease: for ever, under a supervisor.
            self._worker.stop()
            await self.say_goodbye()
            raise
        self.on_first_answer()
        while True:
            await self._persist(self._poll)

    async def say_goodbye(self) -> bool:
        """Tell the API that this instance takes nothing more, renew what it still does, hand back the rest. Whether
        the API heard."""
        try:
            await self._exchange(capacity=0, wait_ms=0)
        except (ApiAwayError, RequestRefusedError, KeyRefusedError, OutdatedError, WrongLocationError):
            return False
        return True

    async def _persist(self, exchange: Callable[[], Awaitable[None]]) -> None:
        """Until it succeeds, with pauses that grow to 2 s."""
        backoff = Backoff()
        while True:
            try:
                return await exchange()
            except ApiAwayError as away:
                await asyncio.sleep(backoff.pause_s(away.retry_after_s))
            except RequestRefusedError as refused:
                _log.error("lease.refused", reason=str(refused))
                await asyncio.sleep(_REFUSED_PAUSE_S)

    async def _introduce(self) -> None:
        """Also ends the leases of every former instance whose spool this process took over."""
        await self._exchange(capacity=0, wait_ms=0)
        while self._spool.former_instances:
            await self._exchange(capacity=0, wait_ms=0)

    async def _poll(self) -> None:
        capacity, browsers = self._worker.capacity, self._worker.browser_capacity
        begun = time.monotonic()
        wait_ms = RENEW_MS if capacity and not self._worker.short_of_browsers else _FULL_WAIT_MS
        brought = await self._exchange(capacity=capacity, browsers=browsers, wait_ms=wait_ms)
        if not brought and time.monotonic() - begun < _HASTE_S:
            # An answer that brings nothing and did not wait (woken for another's sake): don't turn into a busy loop.
            await asyncio.sleep(_HASTE_S)

    async def _exchange(self, *, capacity: int, wait_ms: int, browsers: int = 0) -> bool:
        """One request and its answer, acted upon. Whether it brought runs."""
        request = self._request(capacity, browsers, wait_ms)
        sent_at = time.monotonic()
        body = await self._connection.post(PATH, _encoder.encode(request), wait_ms / 1000 + _TRANSIT_S)
        received_at = time.monotonic()
        try:
            answer = _decoder.decode(body)
        except msgspec.DecodeError as error:
            raise ApiAwayError(f"an answer that is not Tracer's: {error}", answered=True) from error
        if answer.location != self._identity.location:
            raise WrongLocationError(
                f"This key belongs to the location {answer.location!r}, but the probe was started "
                f"for {self._identity.location!r}."
            )
        if request.replaces is not None:
            self._spool.replaced(request.replaces)
        self._worker.holdings.release_confirmed(request.released)
        if answer.held_ms is not None or wait_ms == 0:
            self._worker.round_trip.learn(received_at - sent_at, answer.held_ms or 0.0)
        self._seen = answer.seen
        self._worker.accept(answer, received_at)
        return bool(answer.batches)

    def _request(self, capacity: int, browsers: int, wait_ms: int) -> LeaseRequest:
        worker, identity = self._worker, self._identity
        return LeaseRequest(
            protocol=PROTOCOL,
            instance=identity.instance,
            version=identity.version,
            types=list(identity.types),
            capabilities=list(identity.capabilities),
            capacity=capacity,
            browser_capacity=browsers,
            by_hand_capacity=worker.by_hand_capacity,
            running=worker.running,
            spool=len(self._spool.waiting),
            seen=self._seen,
            self_check=self._guard.self_check,
            stopping=worker.stopping,
            replaces=next(iter(self._spool.former_instances), None),
            wait_ms=wait_ms,
            holding=worker.holdings.holding(),
            released=worker.holdings.released(),
        )
