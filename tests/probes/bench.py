"""What the probe's tests share: a check type whose runs a test scripts, and a probe run on the real loop."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from pathlib import Path
from typing import Any, ClassVar, Literal

import uvloop
from pydantic import BaseModel, Field

from egress.resolver import Resolver
from model.definition import CheckDefinition
from model.errors import ErrorCode
from model.outcome import Metrics, Outcome, RunError, RunStatus
from model.settings import Settings
from probes.held import HeldRun
from probes.process import Probe
from tests.probes.fake_api import KEY, FakeApi

Script = Callable[["ScriptedCheck", str], Awaitable[Outcome]]
PASSED = Outcome(RunStatus.SUCCESS, duration_ms=1.0, metrics=Metrics(connect_ms=1.0))


def failed(code: ErrorCode = ErrorCode.ASSERTION_FAILED, message: str = "no") -> Outcome:
    return Outcome(RunStatus.FAILED, duration_ms=2.0, error=RunError(code, message))


class ScriptedCheck(CheckDefinition):
    type: Literal["test"]
    host: str = "127.0.0.1"
    port: int | None = None
    script: str = "pass"
    headers: dict[str, str] | None = None
    assertion_types: ClassVar[frozenset[str]] = frozenset()


class ScriptedStep(BaseModel):
    type: str
    name: str | None = None


class ScriptedJourney(ScriptedCheck):
    kind: ClassVar[Literal["network", "browser", "heartbeat"]] = "browser"
    journey: Literal[True]
    steps: list[ScriptedStep] = Field(default_factory=list)


class ScriptedEngine:
    """`scripts` by the name a definition gives; `started` has the run id of each attempt, `runs` what was leased."""

    types = ("test",)
    browser_slots = 0

    def __init__(self, **scripts: Script) -> None:
        self.scripts: dict[str, Script] = {"pass": _pass, **scripts}
        self.started: list[str] = []
        self.parsed = 0
        self.runs: dict[str, HeldRun] = {}
        self._news = asyncio.Condition()

    def parse(self, raw: bytes) -> CheckDefinition:
        self.parsed += 1
        return (ScriptedJourney if b'"journey"' in raw else ScriptedCheck).model_validate_json(raw)

    async def run(self, check: CheckDefinition, run: HeldRun, deadline: float) -> Outcome:
        assert isinstance(check, ScriptedCheck)
        self.started.append(run.run_id)
        self.runs[run.run_id] = run
        async with self._news:
            self._news.notify_all()
        return await self.scripts[check.script](check, run.run_id)

    async def until_started(self, attempts: int, within_s: float = 10.0) -> None:
        async with asyncio.timeout(within_s), self._news:
            await self._news.wait_for(lambda: len(self.started) >= attempts)


async def _pass(check: ScriptedCheck, run_id: str) -> Outcome:
    return PASSED


@contextlib.asynccontextmanager
async def opened(engine: ScriptedEngine) -> AsyncIterator[ScriptedEngine]:
    yield engine


def probe_for(api: FakeApi, directory: Path, *, location: str = "eu-test", key: str = KEY, **settings: Any) -> Probe:
    canaries = settings.pop("canaries", ("127.0.0.1:1",))
    settings.setdefault("url", api.url)
    given = Settings(data_dir=directory, probe_key=key, canaries=canaries, **settings)
    return Probe(given, location=location)


@contextlib.asynccontextmanager
async def running(api: FakeApi, directory: Path, engine: ScriptedEngine, **settings: Any) -> AsyncIterator[Probe]:
    """A probe that has introduced itself; stopped in order at the end, with exit code 0."""
    probe = probe_for(api, directory, **settings)
    task = asyncio.ensure_future(probe.run(opened(engine), Resolver()))
    try:
        ready = asyncio.ensure_future(api.until(lambda: any(lease.instance == probe.instance for lease in api.leases)))
        await asyncio.wait((task, ready), return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            ready.cancel()
            raise AssertionError(f"the probe ended at once: {task.result()}")
        yield probe
        if not probe.stopping:
            probe.stop()
        async with asyncio.timeout(20):
            assert await task == 0
    finally:
        if not task.done():
            task.cancel()
            await asyncio.wait([task])


def on_loop(scenario: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run a scenario on the loop that probes use."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(scenario())
