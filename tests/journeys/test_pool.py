"""The pool of browsers: warm ones used again, hung ones gone with all they started, each end with its reason."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec
import pytest

from journeys import pool as pools
from journeys.definition import JourneyCheck
from journeys.descendants import children_by_parent, processes_at_home
from journeys.pool import BrowserPool
from journeys.scratch import scratch_of
from model.evidence import StepResult
from model.outcome import Outcome, RunStatus
from tests.journeys.site import Site

CHILD = Path(__file__).with_name("scripted_child.py")


def with_pool(folder: Path, work: Callable[[BrowserPool], Awaitable[None]]) -> None:
    async def scenario() -> None:
        pool = BrowserPool(folder / "browsers", 2, command=(sys.executable, str(CHILD)))
        try:
            await work(pool)
        finally:
            await pool.close()
        assert processes_at_home(folder / "browsers") == []

    asyncio.run(scenario())


async def walk(pool: BrowserPool, name: str, timeout_s: float = 20) -> Outcome:
    return await pool.walk(msgspec.json.encode({"name": name}), "run_1", timeout_s)


def test_a_browser_that_is_warm_walks_the_next_journey(tmp_path: Path) -> None:
    async def work(pool: BrowserPool) -> None:
        first, second = await walk(pool, "pass"), await walk(pool, "pass")
        assert first.status is RunStatus.SUCCESS
        assert first.response == second.response

    with_pool(tmp_path, work)


def test_steps_are_told_as_they_end(tmp_path: Path) -> None:
    async def work(pool: BrowserPool) -> None:
        told: list[StepResult] = []
        await pool.walk(msgspec.json.encode({"name": "pass"}), "run_1", 20, on_step=told.append)
        assert [step.type for step in told] == ["goto"]

    with_pool(tmp_path, work)


def test_one_that_hangs_is_killed_with_all_that_it_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pools, "KILL_AFTER_S", 0.5)

    async def work(pool: BrowserPool) -> None:
        outcome = await walk(pool, "hang", timeout_s=0.5)
        assert outcome.error is not None
        assert (outcome.status, outcome.error.code) == (RunStatus.UNKNOWN, "browser_crashed")
        assert processes_at_home(tmp_path / "browsers") == []
        assert (await walk(pool, "pass")).status is RunStatus.SUCCESS

    with_pool(tmp_path, work)


@pytest.mark.parametrize("name", ["die", "babble", "crash"])
def test_one_that_fails_is_unknown_and_not_used_again(tmp_path: Path, name: str) -> None:
    async def work(pool: BrowserPool) -> None:
        before = await walk(pool, "pass")
        outcome = await walk(pool, name)
        assert outcome.error is not None
        assert (outcome.status, outcome.error.code) == (RunStatus.UNKNOWN, "browser_crashed")
        after = await walk(pool, "pass")
        assert after.status is RunStatus.SUCCESS
        assert after.response != before.response

    with_pool(tmp_path, work)


def test_a_worn_one_is_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pools, "MOST_JOURNEYS", 2)

    async def work(pool: BrowserPool) -> None:
        seen = [(await walk(pool, "pass")).response for _ in range(3)]
        assert seen[0] == seen[1] != seen[2]

    with_pool(tmp_path, work)


def test_what_a_dead_probe_left_is_gone_before_the_first_journey(tmp_path: Path) -> None:
    async def work(pool: BrowserPool) -> None:
        left = asyncio.ensure_future(walk(pool, "hang"))
        while len(processes_at_home(tmp_path / "browsers")) < 3:  # noqa: ASYNC110 - processes tell nobody
            await asyncio.sleep(0.01)
        another = BrowserPool(tmp_path / "browsers", 1, command=(sys.executable, str(CHILD)))
        assert (await walk(another, "pass")).status is RunStatus.SUCCESS
        outcome = await left
        assert outcome.status is RunStatus.UNKNOWN
        await another.close()

    with_pool(tmp_path, work)


def test_a_data_folder_may_lie_as_deep_as_a_path_can_be(tmp_path: Path, site: Site) -> None:
    deep = tmp_path / "a-folder-deep-enough-for-no-socket" / "and-another-one-of-those" / "and-one-more"
    site.page("/", "<h1>here</h1>")

    async def scenario() -> None:
        pool = BrowserPool(deep, 1, {"TRACER_ALLOW_NETS": "127.0.0.1"})
        steps = [{"type": "goto", "url": site.url}]
        definition = JourneyCheck.model_validate({"name": "x", "steps": steps}).model_dump_json(exclude_none=True)
        try:
            assert scratch_of(deep) is None, "nothing is made before it is needed"
            assert (await pool.walk(definition.encode(), "run_1", 60)).error is None
            assert processes_at_home(deep) != []
            made = scratch(deep)
            assert list(made.rglob("*.trace*")) == [], "what the driver wrote down, secrets and all"
        finally:
            await pool.close()
        assert processes_at_home(deep) == []
        assert not made.exists()

    asyncio.run(scenario())


def scratch(home: Path) -> Path:
    found = scratch_of(home)
    assert found is not None
    return found


def test_no_zombie_is_left_of_what_outlived_its_child(tmp_path: Path) -> None:
    async def work(pool: BrowserPool) -> None:
        before = children_by_parent().get(os.getpid(), [])
        await walk(pool, "leave")
        assert set(children_by_parent().get(os.getpid(), [])) <= set(before)

    with_pool(tmp_path, work)
