"""The probe process: puts the parts together, runs until told to stop, and leaves nothing behind that matters.

SIGTERM or SIGINT: nothing more is taken, what runs is finished and reported, what has not started is handed back.
A second one: out at once; what is not acknowledged is on disk. SIGKILL costs a few ms of results, which are run again.
"""

from __future__ import annotations

import asyncio
import os
import re
import secrets
import signal
from collections.abc import Callable, Coroutine, Iterable
from contextlib import AbstractAsyncContextManager
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import structlog
import uvloop

from egress.resolver import Resolver
from journeys import chromium
from journeys.errors import BrowserMissingError
from journeys.pool import BrowserPool, slots_of_this_machine
from model.collector import spare_the_collector
from model.settings import Settings
from probes.attempts import CheckEngine
from probes.canaries import NetworkGuard
from probes.connection import AddressError, ApiConnection, KeyRefusedError, OutdatedError, vet_address
from probes.engine import BadNetworkError, address_policy, open_engine
from probes.evidence import EVIDENCE, EvidenceStore
from probes.lease_client import Identity, LeaseClient, WrongLocationError
from probes.progress import Progress
from probes.report import Reporter
from probes.soundings import BadCanaryError
from probes.spool import Spool, SpoolBusyError
from probes.worker import Worker

CANNOT_WORK = 2
_QUIT = 130
_DRAIN_S = 5.0
_DRAIN_AWAY_S = 1.0
_RENEW_S = 1.0
_LOCATION = re.compile(r"[a-z0-9-]{1,64}")
_FIRST = asyncio.FIRST_COMPLETED
_log = structlog.get_logger(__name__)


def run_probe(settings: Settings, *, location: str, insecure: bool = False) -> int:
    """Runs a probe for `location` against `settings.url` with `settings.probe_key`, in the foreground. Returns the
    exit code: 0 after a stop in order, 2 when it can't work as it is set up (the log says why)."""
    try:
        probe = Probe(settings, location=location, insecure=insecure)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            code = runner.run(_in_foreground(probe, settings))
            if code == _QUIT:
                # The results are on disk; no check that can't be cancelled may hold up the way out.
                os._exit(code)
            return code
    except (AddressError, SpoolBusyError, BadCanaryError, BadNetworkError, OSError) as error:
        _log.error("probe.cannot_start", reason=str(error))
        return CANNOT_WORK


async def _in_foreground(probe: Probe, settings: Settings) -> int:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, probe.stop)
    resolver = Resolver()
    spare_the_collector()
    opening = open_engine(
        address_policy(settings.allow_nets), resolver, lambda: open_browsers(probe.directory, settings.allow_nets)
    )
    return await probe.run(opening, resolver)


def open_browsers(directory: Path, allow_nets: Iterable[str]) -> BrowserPool | None:
    """Where this probe walks journeys; None, with a word in the log, where there is no Chromium."""
    try:
        program = chromium.find()
    except BrowserMissingError as error:
        _log.warning("probe.no_browser", reason=str(error))
        return None
    slots = slots_of_this_machine()
    _log.info("probe.browsers", program=str(program), at_once=slots, sandbox=chromium.sandboxed())
    return BrowserPool(directory / "browsers", slots, {"TRACER_ALLOW_NETS": ",".join(allow_nets)})


class Probe:
    """One probe, to be run once."""

    def __init__(self, settings: Settings, *, location: str, insecure: bool = False) -> None:
        """Raises AddressError when the API's address, the location or the key can't be used."""
        self._url = vet_address(settings.url or "", insecure=insecure)
        if not _LOCATION.fullmatch(location):
            raise AddressError(f"{location!r} is no location: 1 to 64 of a-z, 0-9 and -")
        if not settings.probe_key:
            raise AddressError("A probe needs its key: --key or TRACER_PROBE_KEY.")
        self._key = settings.probe_key
        self._canaries = settings.canaries
        self.directory = settings.data_dir / "probe" / location
        self._location = location
        self._stopping = asyncio.Event()
        self._quitting = asyncio.Event()
        self.instance = f"ins_{secrets.token_hex(12)}"

    def stop(self) -> None:
        """Once: stop in order. Twice: at once."""
        if self._stopping.is_set():
            self._quitting.set()
        self._stopping.set()

    @property
    def stopping(self) -> bool:
        """Whether it has been told to stop."""
        return self._stopping.is_set()

    async def run(self, opening: AbstractAsyncContextManager[CheckEngine], resolver: Resolver) -> int:
        """Until stopped. Returns the exit code; raises SpoolBusyError, BadCanaryError, OSError at the start."""
        spool = Spool(self.directory, self.instance)
        finished = False
        try:
            guard = NetworkGuard(self._canaries, resolver, self.directory / "canaries.json")
            async with opening as engine, ApiConnection(self._url, self._key, version("tracer")) as connection:
                waiting = [one for entry in spool.waiting for one in entry.evidence]
                evidence = EvidenceStore(self.directory / EVIDENCE, connection, waiting)
                progress = Progress(connection, self.instance)
                worker = Worker(engine, spool, guard, evidence=evidence, following=progress)
                reporter = Reporter(connection, spool, self.instance, worker.acknowledged, evidence)
                worker.on_result = reporter.notify
                capabilities = ("network", "browser") if engine.browser_slots else ("network",)
                identity = Identity(self.instance, version("tracer"), self._location, tuple(engine.types), capabilities)
                lease = LeaseClient(connection, identity, worker, spool, guard)
                lease.on_first_answer = partial(_log.info, "probe.ready", location=self._location, url=self._url)
                telling = asyncio.ensure_future(progress.run())
                code, finished = await self._work(worker, reporter, lease, connection)
                await _cancelled(telling)
                await guard.stop()
        finally:
            spool.close(finished=finished)
        return code

    async def _work(
        self, worker: Worker, reporter: Reporter, lease: LeaseClient, connection: ApiConnection
    ) -> tuple[int, bool]:
        """(the exit code, whether the API knows that this instance holds nothing any more)."""
        worker.pulse.start()
        leasing = asyncio.ensure_future(_after(reporter.earlier_sent, lease.run))
        reporting = asyncio.ensure_future(reporter.run())
        stopping = asyncio.ensure_future(self._stopping.wait())
        quitting = asyncio.ensure_future(self._quitting.wait())
        everything = (leasing, reporting, stopping, quitting)
        try:
            await asyncio.wait((leasing, reporting, stopping), return_when=_FIRST)
            code = _code_of(leasing, reporting)
            _log.info("probe.stopping", running=worker.running)
            if code:
                # Nothing more can be said to this API; what waits stays on disk for a probe that can.
                worker.stop()
                idle = asyncio.ensure_future(worker.idle.wait())
                await asyncio.wait((idle, quitting), return_when=_FIRST)
                await _cancelled(idle)
                return code, False
            ending = asyncio.ensure_future(_end(worker, reporter, lease, leasing, connection))
            await asyncio.wait((ending, quitting), return_when=_FIRST)
            if not ending.done():
                await _cancelled(ending)
                return _QUIT, False
            _log.info("probe.stopped", reported=ending.result())
            return code, ending.result()
        finally:
            worker.pulse.stop()
            await _cancelled(*everything)


async def _after(event: asyncio.Event, then: Callable[[], Coroutine[Any, Any, None]]) -> None:
    await event.wait()
    await then()


async def _end(
    worker: Worker, reporter: Reporter, lease: LeaseClient, leasing: asyncio.Future[None], connection: ApiConnection
) -> bool:
    """Stop in order; whether the API has all results and has been told that nothing is held any more. The open lease
    request is dropped only after the API has heard of the stop: from then on it gives this instance nothing."""
    worker.stop()
    await lease.say_goodbye()
    await _cancelled(leasing)
    renewing = asyncio.ensure_future(_renew(lease))
    try:
        await worker.idle.wait()
    finally:
        await _cancelled(renewing)
    drained = await reporter.drain(_DRAIN_AWAY_S if connection.away else _DRAIN_S)
    told = await lease.say_goodbye()
    return drained and told and not worker.holdings.holding()


async def _renew(lease: LeaseClient) -> None:
    """Keeps the leases of the last runs alive."""
    while True:
        await asyncio.sleep(_RENEW_S)
        await lease.say_goodbye()


async def _cancelled(*futures: asyncio.Future[Any]) -> None:
    for future in futures:
        future.cancel()
    await asyncio.gather(*futures, return_exceptions=True)


def _code_of(*ended: asyncio.Future[None]) -> int:
    """0, unless one of the tasks ended because this probe can't work as it is set up. Any other error is a fault of
    ours and goes on up."""
    for future in ended:
        error = future.exception() if future.done() and not future.cancelled() else None
        if isinstance(error, (WrongLocationError, KeyRefusedError, OutdatedError)):
            _log.error("probe.cannot_work", reason=str(error))
            return CANNOT_WORK
        if error is not None:
            raise error
    return 0
