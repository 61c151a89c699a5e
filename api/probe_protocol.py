"""The probe protocol over HTTP: POST /v1/probe/lease, a long poll, and POST /v1/probe/results (model/protocol.py).

A waiting lease is a coroutine and holds no thread and no connection to the database. It is woken when something was
committed for its organization, looks by itself once a second in case that word was lost (R4), and ends at once when
its client hangs up, when the same instance asks anew, or when the server stops.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import msgspec
import structlog

from api.errors import Unavailable
from api.probe_access import ProbeKeys
from api.probe_leases import Found, Leasing
from api.probe_messages import read_lease_request, read_results
from api.probe_results import take_results
from api.serving_pools import Pool
from api.serving_requests import Reply, Request
from model.protocol import LeaseRequest, ResultAnswer
from store.keyring import Keyring
from store.leases import lease_topic
from store.open_dispatches import Holder
from store.sessions import Database

LOOK_S = 1.0
WAITING = 2_000
"""Long polls held at one time; more are told to come back."""
_encode = msgspec.json.Encoder().encode
_log = structlog.get_logger(__name__)


class _Poll:
    """One waiting lease request: anything that happens to it sets the event."""

    def __init__(self) -> None:
        self.happened = asyncio.Event()
        self.over = False

    def end(self) -> None:
        """It is to answer now, with what it has."""
        self.over = True
        self.happened.set()

    async def wait(self, timeout_s: float) -> None:
        """Until something happens, or the time is up."""
        try:
            async with asyncio.timeout(timeout_s):
                await self.happened.wait()
        except TimeoutError:
            return
        self.happened.clear()


class ProbeProtocol:
    """Its handlers run on the server's event loop; what touches the database, in threads of `pool`."""

    def __init__(self, database: Database, keyring: Keyring, pool: Pool, keys: ProbeKeys) -> None:
        self._database = database
        self._keys = keys
        self._leasing = Leasing(database, keyring)
        self._pool = pool
        self._polls: dict[tuple[str, str], _Poll] = {}
        self._closing = False

    @property
    def waiting(self) -> int:
        """How many long polls are held."""
        return len(self._polls)

    def close(self) -> None:
        """End every long poll at once; from now on none waits."""
        self._closing = True
        for poll in list(self._polls.values()):
            poll.end()

    async def lease(self, request: Request) -> Reply:
        """POST /v1/probe/lease."""
        holder = await self._holder(request)
        asked = read_lease_request(request.body)
        found = await self._lease(request, holder, asked)
        held_ms = (asyncio.get_running_loop().time() - request.began) * 1000
        answer = found.answer(holder, held_ms)
        if answer.batches:
            _log.debug(
                "lease.granted",
                probe_id=holder.probe_id,
                location=holder.location,
                dispatches=[batch.dispatch_id for batch in answer.batches],
            )
        return Reply(_encode(answer), headers={"Cache-Control": "no-store"})

    async def results(self, request: Request) -> Reply:
        """POST /v1/probe/results."""
        holder = await self._holder(request)
        answer = await self._pool.run(self._take, holder, request.body)
        if answer.refused:
            _log.info("results.refused", probe_id=holder.probe_id, refused=len(answer.refused))
        return Reply(_encode(answer), headers={"Cache-Control": "no-store"})

    async def _holder(self, request: Request) -> Holder:
        key = request.bearer()
        remembered = self._keys.remembered(key)
        return remembered if remembered is not None else await self._pool.run(self._keys.holder, key, request.client)

    def _take(self, holder: Holder, body: bytes) -> ResultAnswer:
        results, malformed = read_results(body)
        if not results:
            return ResultAnswer(0, malformed)
        answer = take_results(self._database, holder, results)
        return ResultAnswer(answer.accepted, malformed + answer.refused)

    async def _lease(self, request: Request, holder: Holder, asked: LeaseRequest) -> Found:
        """What there is, or what comes until the request's time is up. A request of an instance that waits already
        ends that one: its client has given it up."""
        name = (holder.probe_id, asked.instance)
        former = self._polls.get(name)
        if former is not None:
            former.end()
        if asked.wait_ms == 0 or self._closing:
            return await self._pool.run(self._leasing.begin, holder, asked)
        if len(self._polls) >= WAITING:
            raise Unavailable("Too many probes wait here; try again shortly")
        poll = self._polls[name] = _Poll()
        unsubscribe = self._subscribe(holder, poll)  # before the first look: nothing falls between the two
        watch = asyncio.create_task(_end_when_gone(request, poll))
        try:
            found = await self._pool.run(self._leasing.begin, holder, asked)
            return found if found.anything else await self._wait(request, holder, asked, poll) or found
        finally:
            unsubscribe()
            watch.cancel()
            if self._polls.get(name) is poll:
                del self._polls[name]

    async def _wait(self, request: Request, holder: Holder, asked: LeaseRequest, poll: _Poll) -> Found | None:
        """Woken, or once a second: one read; the first that finds something is followed by the second transaction."""
        loop = asyncio.get_running_loop()
        ends_at = request.began + asked.wait_ms / 1000
        while (left_s := ends_at - loop.time()) > 0:
            await poll.wait(min(LOOK_S, left_s))
            if poll.over:
                break
            if await self._holder(request) != holder:
                break  # the key is another probe's by now; one that was revoked has raised
            found = await self._pool.run(self._leasing.look, holder, asked)
            if found is not None:
                return found
        return None

    def _subscribe(self, holder: Holder, poll: _Poll) -> Callable[[], None]:
        loop = asyncio.get_running_loop()

        def wake() -> None:
            if not loop.is_closed():
                loop.call_soon_threadsafe(poll.happened.set)

        return self._database.wakeups.subscribe(lease_topic(holder.organization_id), wake)


async def _end_when_gone(request: Request, poll: _Poll) -> None:
    await request.gone()
    poll.end()
