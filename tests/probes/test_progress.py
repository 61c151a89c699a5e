"""How far journeys have come is told as they walk, and whatever becomes of the word, the run does not wait for it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from model.evidence import StepResult
from model.outcome import Outcome, RunStatus
from model.protocol import RunProgress, StepName
from probes import progress
from tests.probes.bench import ScriptedCheck, ScriptedEngine, failed, on_loop, running
from tests.probes.fake_api import FakeApi

JOURNEY = {"journey": True, "script": "walks", "steps": [{"type": "goto"}, {"type": "click", "name": "Pay"}]}
PASSED = Outcome(RunStatus.SUCCESS, duration_ms=1.0)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is new is told at once."""
    monkeypatch.setattr(progress, "EVERY_S", 0.0)
    monkeypatch.setattr(progress, "_UNHEARD_S", 0.001)


class Walker(ScriptedEngine):
    """A browser whose steps end when the test says so."""

    browser_slots = 2

    def __init__(self, *outcomes: Outcome) -> None:
        super().__init__(walks=self._walk)
        self.outcomes = list(outcomes or [PASSED])
        self.go = asyncio.Event()

    async def _walk(self, check: ScriptedCheck, run_id: str) -> Outcome:
        await self.go.wait()
        self.go.clear()
        return self.outcomes.pop(0)

    def step(self, run_id: str, index: int, status: str = "success", error: str | None = None) -> None:
        step = JOURNEY["steps"][index]  # type: ignore[index]
        self.runs[run_id].on_step(
            StepResult(index, step["type"], status, step.get("name"), 5.0, error, "f" * 64)  # type: ignore[arg-type]
        )


def seen(walk: RunProgress) -> tuple[int, list[str], StepName | None]:
    return walk.attempt, [step.status for step in walk.steps], walk.under_way


def test_each_step_is_told_as_it_ends_under_the_token_of_the_lease_and_without_words_of_pages(tmp_path: Path) -> None:
    async def scenario() -> None:
        engine = Walker()
        async with FakeApi() as api, running(api, tmp_path, engine):
            await api.define("jny_1", JOURNEY, version=7)
            (run,) = await api.dispatch(["jny_1"])
            await api.until(lambda: len(api.progress) == 1)
            assert seen(api.progress[0]) == (1, [], StepName("goto"))
            engine.step(run, 0)
            await api.until(lambda: len(api.progress) == 2)
            engine.step(run, 1, "failed", "the page says: hush")
            await api.until(lambda: len(api.progress) == 3)
            engine.go.set()
            await api.result(run)
            assert [seen(walk) for walk in api.progress[1:]] == [
                (1, ["success"], StepName("click", "Pay")), (1, ["success", "failed"], None),
            ]  # fmt: skip
            last = api.progress[-1]
            (dispatch,) = api.dispatches.values()
            assert (last.dispatch_id, last.token, last.check_version, last.total) == (dispatch.dispatch_id, 1, 7, 2)
            assert last.elapsed_ms >= 0
            assert all((step.error, step.screenshot) == (None, None) for step in last.steps)

    on_loop(scenario)


def test_another_attempt_begins_anew(tmp_path: Path) -> None:
    async def scenario() -> None:
        engine = Walker(failed(), PASSED)
        async with FakeApi() as api, running(api, tmp_path, engine):
            await api.define("jny_1", {**JOURNEY, "retries": {"count": 1, "delay": 0}})
            (run,) = await api.dispatch(["jny_1"])
            await engine.until_started(1)
            engine.step(run, 0, "failed")
            engine.go.set()
            await engine.until_started(2)
            engine.step(run, 0)
            await api.until(lambda: bool(api.progress) and api.progress[-1].attempt == 2)
            assert seen(api.progress[-1]) == (2, ["success"], StepName("click", "Pay"))
            engine.go.set()
            assert (await api.result(run)).status is RunStatus.SUCCESS

    on_loop(scenario)


def test_an_older_api_that_does_not_listen_costs_nothing(tmp_path: Path) -> None:
    async def scenario() -> None:
        engine = Walker()
        api = FakeApi()
        api.listens = False
        async with api, running(api, tmp_path, engine):
            await api.define("jny_1", JOURNEY)
            (run,) = await api.dispatch(["jny_1"])
            await engine.until_started(1)
            engine.step(run, 0)
            engine.go.set()
            assert (await api.result(run)).status is RunStatus.SUCCESS
            assert api.progress == []

    on_loop(scenario)


def test_no_run_waits_for_an_api_that_hears_slowly(tmp_path: Path) -> None:
    async def scenario() -> None:
        engine = Walker()
        async with FakeApi() as api, running(api, tmp_path, engine):
            api.hears_slowly.clear()
            await api.define("jny_1", JOURNEY)
            (run,) = await api.dispatch(["jny_1"])
            await engine.until_started(1)
            engine.step(run, 0)
            engine.go.set()
            assert (await api.result(run)).status is RunStatus.SUCCESS
            api.hears_slowly.set()
            assert api.told == 1, "one word at a time is under way"

    on_loop(scenario)


def test_what_another_probe_walks_by_now_is_not_told_again(tmp_path: Path) -> None:
    async def scenario() -> None:
        engine = Walker()
        async with FakeApi() as api, running(api, tmp_path, engine):
            await api.define("jny_1", JOURNEY)
            (run,) = await api.dispatch(["jny_1"])
            await api.until(lambda: len(api.progress) == 1)
            (dispatch,) = api.dispatches.values()
            dispatch.token += 1
            engine.step(run, 0)
            leases = len(api.leases)
            await api.until(lambda: api.told == 2)
            engine.step(run, 1)
            await api.until(lambda: len(api.leases) > leases)
            dispatch.token -= 1
            engine.go.set()
            await api.result(run)
            assert (len(api.progress), api.told) == (1, 2)

    on_loop(scenario)
