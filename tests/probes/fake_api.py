"""A stand-in for the API's probe side that refuses what the real one refuses: keys, protocols, stale tokens, sizes."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import msgspec
from aiohttp import web

from model.protocol import (
    PROTOCOL,
    RENEW_MS,
    RESULTS_PER_REQUEST,
    LeaseAnswer,
    LeasedBatch,
    LeasedCheck,
    LeasedRun,
    LeaseRequest,
    ProgressBatch,
    Refusal,
    Result,
    ResultAnswer,
    ResultBatch,
    RunProgress,
)

KEY = "tprb_test_key_0123456789abcdef"
MAX_BODY = 1024 * 1024


@dataclass
class FakeDispatch:
    """`runs`: (run_id, check_id, due on the fake's monotonic clock, trigger)."""

    dispatch_id: str
    runs: list[tuple[str, str, float, str]]
    token: int = 0
    instance: str | None = None
    closed: set[str] = field(default_factory=set)


class FakeApi:
    """Runs on loopback; `results` holds what was accepted, by run id. `away`: an HTTP status every request gets."""

    def __init__(self, location: str = "eu-test", max_body: int = MAX_BODY) -> None:
        self.location = location
        self.max_body = max_body
        self.definitions: dict[str, tuple[int, dict[str, Any]]] = {}
        self.dispatches: dict[str, FakeDispatch] = {}
        self.results: dict[str, Result] = {}
        self.accepted_times: dict[str, float] = {}
        self.refused: list[tuple[str, str]] = []
        self.leases: list[LeaseRequest] = []
        self.batches: list[ResultBatch] = []
        self.raw_results: list[bytes] = []
        self.artifacts: dict[str, bytes] = {}
        self.heard: list[str] = []
        self.artifacts_away: int | None = None
        self.listens = True
        self.progress: list[RunProgress] = []
        self.told = 0
        self.hears_slowly = asyncio.Event()
        self.hears_slowly.set()
        self.cancelled: list[str] = []
        self.changed: list[str] = []
        self.stopping: set[str] = set()
        self.replaced: list[str] = []
        self.away: int | None = None
        self.results_away: int | None = None
        self.lose_answers = 0
        self.overlapping_results = 0
        self.url = ""
        self._reporting = 0
        self._numbers = itertools.count(1)
        self._news = asyncio.Condition()
        self._runner: web.AppRunner | None = None
        self._port = 0

    async def __aenter__(self) -> FakeApi:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def start(self) -> None:
        app = web.Application(client_max_size=self.max_body)
        app.router.add_post("/v1/probe/lease", self._lease)
        app.router.add_post("/v1/probe/results", self._results)
        if self.listens:
            app.router.add_post("/v1/probe/progress", self._progress)
        app.router.add_put("/v1/probe/artifacts/{sha256}", self._artifact)
        self._runner = web.AppRunner(app, shutdown_timeout=0, handler_cancellation=True)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self._port)
        await site.start()
        self._port = site._server.sockets[0].getsockname()[1]  # type: ignore[union-attr]
        self.url = f"http://127.0.0.1:{self._port}"

    async def close(self) -> None:
        """Gone from the network; `start` brings it back at the same address."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def define(self, check_id: str, definition: dict[str, Any], version: int = 1) -> None:
        self.definitions[check_id] = (version, {"name": check_id, "type": "test", **definition})
        self.changed.append(check_id)
        await self.wake()

    async def dispatch(
        self, check_ids: Iterable[str], *, due_in_s: float = 0.0, trigger: str = "schedule"
    ) -> list[str]:
        """One dispatch with a run of each; returns the run ids."""
        due = time.monotonic() + due_in_s
        runs = [(f"run_{next(self._numbers):08d}", check_id, due, trigger) for check_id in check_ids]
        dispatch = FakeDispatch(f"dsp_{next(self._numbers):08d}", runs)
        self.dispatches[dispatch.dispatch_id] = dispatch
        await self.wake()
        return [run[0] for run in runs]

    async def cancel(self, check_id: str) -> None:
        self.cancelled.append(check_id)
        await self.wake()

    async def wake(self) -> None:
        async with self._news:
            self._news.notify_all()

    async def until(self, condition: Any, within_s: float = 10.0) -> None:
        """Wait until the condition holds; it is looked at after every request."""
        async with asyncio.timeout(within_s):
            async with self._news:
                await self._news.wait_for(condition)

    async def result(self, run_id: str, within_s: float = 10.0) -> Result:
        await self.until(lambda: run_id in self.results, within_s)
        return self.results[run_id]

    async def _lease(self, request: web.Request) -> web.Response:
        refusal = await self._refusal(request)
        if refusal is not None:
            return refusal
        begun = time.monotonic()
        lease = msgspec.json.decode(await request.read(), type=LeaseRequest)
        if lease.protocol != PROTOCOL:
            return web.Response(status=426)
        if not lease.instance or lease.capacity < 0 or not 0 <= lease.wait_ms <= RENEW_MS or not lease.types:
            return web.Response(status=400, text="bad lease")
        self.leases.append(lease)
        self._apply(lease)
        await self.wake()
        answer = self._answer(lease)
        try:
            async with asyncio.timeout(lease.wait_ms / 1000):
                while not (answer.batches or answer.cancelled or answer.checks):
                    async with self._news:
                        await self._news.wait()
                    answer = self._answer(lease)
        except TimeoutError:
            pass
        if answer.batches and self.lose_answers:
            self.lose_answers -= 1
            if request.transport is not None:
                request.transport.abort()
        answer.held_ms = (time.monotonic() - begun) * 1000
        return _json(answer)

    def _apply(self, lease: LeaseRequest) -> None:
        if lease.replaces:
            self.replaced.append(lease.replaces)
            for dispatch in self.dispatches.values():
                if dispatch.instance == lease.replaces:
                    dispatch.instance = None
        if lease.stopping:
            self.stopping.add(lease.instance)
        for release in lease.released:
            held = self.dispatches.get(release.dispatch_id)
            if held is None or held.token != release.token or held.instance != lease.instance:
                continue
            again = [run for run in held.runs if run[0] in release.runs]
            held.runs = [run for run in held.runs if run[0] not in release.runs]
            fresh = FakeDispatch(f"dsp_{next(self._numbers):08d}", again)
            self.dispatches[fresh.dispatch_id] = fresh
        for dispatch in self.dispatches.values():
            lost = dispatch.instance == lease.instance and dispatch.dispatch_id not in lease.holding
            if lost and len(dispatch.closed) < len(dispatch.runs):
                dispatch.instance, dispatch.token = None, dispatch.token - 1

    def _answer(self, lease: LeaseRequest) -> LeaseAnswer:
        now = time.monotonic()
        room = 0 if lease.instance in self.stopping else lease.capacity
        batches = []
        for dispatch in self.dispatches.values():
            runs = [run for run in dispatch.runs if run[0] not in dispatch.closed]
            if dispatch.instance is not None or not runs or room <= 0:
                continue
            dispatch.instance = lease.instance
            dispatch.token += 1
            room -= len(runs)
            leased = [LeasedRun(run_id, check, round((due - now) * 1000), why) for run_id, check, due, why in runs]
            batches.append(LeasedBatch(dispatch.dispatch_id, dispatch.token, leased))
        needed = {run.check_id for batch in batches for run in batch.runs} | set(self.changed)
        answer = LeaseAnswer(
            PROTOCOL, self.location, 1, batches, [self._check(c) for c in sorted(needed) if c in self.definitions]
        )
        answer.cancelled, self.cancelled = self.cancelled, []
        self.changed = []
        return answer

    def _check(self, check_id: str) -> LeasedCheck:
        version, definition = self.definitions[check_id]
        return LeasedCheck(check_id, version, msgspec.Raw(msgspec.json.encode(definition)))

    async def _results(self, request: web.Request) -> web.Response:
        refusal = await self._refusal(request)
        if refusal is not None:
            return refusal
        if self.results_away is not None:
            return web.Response(status=self.results_away)
        self._reporting += 1
        self.overlapping_results += self._reporting > 1
        try:
            body = await request.read()
        finally:
            self._reporting -= 1
        batch = msgspec.json.decode(body, type=ResultBatch)
        if not 0 < len(batch.results) <= RESULTS_PER_REQUEST:
            return web.Response(status=400, text="too many results")
        self.raw_results.append(body)
        self.batches.append(batch)
        answer = ResultAnswer(0)
        for result in batch.results:
            dispatch = self.dispatches.get(result.dispatch_id)
            if dispatch is None or dispatch.token != result.token:
                answer.refused.append(Refusal(result.run_id, "stale token"))
                self.refused.append((result.run_id, "stale token"))
                continue
            answer.accepted += 1
            dispatch.closed.add(result.run_id)
            self.heard.append(result.run_id)
            self.results.setdefault(result.run_id, result)
            self.accepted_times.setdefault(result.run_id, time.monotonic())
        await self.wake()
        return _json(answer)

    async def _progress(self, request: web.Request) -> web.Response:
        refusal = await self._refusal(request)
        if refusal is not None:
            return refusal
        self.told += 1
        await self.hears_slowly.wait()
        answer = ResultAnswer(0)
        for walk in msgspec.json.decode(await request.read(), type=ProgressBatch).runs:
            dispatch = self.dispatches.get(walk.dispatch_id)
            if dispatch is None or dispatch.token != walk.token:
                answer.refused.append(Refusal(walk.run_id, "stale token"))
            else:
                self.progress.append(walk)
        await self.wake()
        return _json(answer)

    async def _artifact(self, request: web.Request) -> web.Response:
        if self.artifacts_away is not None or self.away is not None:
            await request.read()
            self.heard.append("refused")
            await self.wake()
            return web.Response(status=self.artifacts_away or self.away or 503, headers={"Retry-After": "0"})
        self.artifacts[request.match_info["sha256"]] = await request.read()
        self.heard.append(request.match_info["sha256"])
        await self.wake()
        return _json({"stored": True})

    async def _refusal(self, request: web.Request) -> web.Response | None:
        if self.away is not None:
            await request.read()
            return web.Response(status=self.away, headers={"Retry-After": "0"})
        if request.headers.get("Authorization") != f"Bearer {KEY}":
            return web.Response(status=401, text='{"error": {"code": "unauthorized"}}')
        if request.content_type != "application/json":
            return web.Response(status=415)
        return None


def _json(answer: object) -> web.Response:
    return web.Response(body=msgspec.json.encode(answer), content_type="application/json")
