"""Journeys beside network checks: leased apart, never two of one at a time, what shows them sent before the result."""

from __future__ import annotations

import asyncio
import hashlib
from pathlib import Path

from model.evidence import Evidence
from model.outcome import Outcome, RunStatus
from probes.evidence import EVIDENCE
from tests.probes.bench import ScriptedCheck, ScriptedEngine, on_loop, running
from tests.probes.fake_api import FakeApi

PICTURE = b"a picture"
NAMED = Evidence("screenshot", hashlib.sha256(PICTURE).hexdigest(), "image/png", len(PICTURE))
JOURNEY = {"journey": True}


def with_browsers(slots: int, **scripts: object) -> ScriptedEngine:
    engine = ScriptedEngine(**scripts)  # type: ignore[arg-type]
    engine.browser_slots = slots
    return engine


def leaves_a_picture(directory: Path) -> object:
    folder = directory / "probe" / "eu-test" / EVIDENCE

    async def walk(check: ScriptedCheck, run_id: str) -> Outcome:
        (folder / NAMED.sha256).write_bytes(PICTURE)
        return Outcome(RunStatus.SUCCESS, duration_ms=1.0, artifacts=(NAMED,))

    return walk


def test_a_probe_says_how_many_journeys_it_has_browsers_for(tmp_path: Path) -> None:
    async def scenario() -> None:
        go = asyncio.Event()

        async def waits(check: ScriptedCheck, run_id: str) -> Outcome:
            await go.wait()
            return Outcome(RunStatus.SUCCESS, duration_ms=1.0)

        engine = with_browsers(3, waits=waits)
        async with FakeApi() as api, running(api, tmp_path, engine):
            await api.until(lambda: any(lease.browser_capacity == 3 for lease in api.leases))
            assert api.leases[-1].capabilities == ["network", "browser"]
            assert api.leases[-1].by_hand_capacity == 1
            await api.define("jny_1", {"script": "waits", **JOURNEY})
            (run,) = await api.dispatch(["jny_1"])
            await api.until(lambda: api.leases[-1].browser_capacity == 2)
            assert api.leases[-1].capacity == api.leases[0].capacity or api.leases[-1].capacity > 1_000
            go.set()
            await api.result(run)
            await api.until(lambda: api.leases[-1].browser_capacity == 3)

    on_loop(scenario)


def test_a_probe_whose_browsers_for_people_are_taken_asks_again_soon(tmp_path: Path) -> None:
    """A request that waits offers what there was when it began: the next of many would wait for its end each time."""

    async def scenario() -> None:
        go = asyncio.Event()

        async def waits(check: ScriptedCheck, run_id: str) -> Outcome:
            await go.wait()
            return Outcome(RunStatus.SUCCESS, duration_ms=1.0)

        engine = with_browsers(2, waits=waits)
        async with FakeApi() as api, running(api, tmp_path, engine):
            await api.define("jny_1", {"script": "waits", **JOURNEY})
            (run,) = await api.dispatch(["jny_1"], trigger="ci")
            await api.until(lambda: api.leases[-1].by_hand_capacity == 0)
            await api.until(lambda: 0 < api.leases[-1].wait_ms <= 200)
            go.set()
            await api.result(run)
            await api.until(lambda: api.leases[-1].by_hand_capacity == 1 and api.leases[-1].wait_ms > 1_000)

    on_loop(scenario)


def test_a_journey_that_still_walks_makes_the_next_slot_missed(tmp_path: Path) -> None:
    async def scenario() -> None:
        go = asyncio.Event()

        async def waits(check: ScriptedCheck, run_id: str) -> Outcome:
            await go.wait()
            return Outcome(RunStatus.SUCCESS, duration_ms=1.0)

        engine = with_browsers(3, waits=waits)
        async with FakeApi() as api, running(api, tmp_path, engine):
            await api.define("jny_1", {"script": "waits", **JOURNEY})
            (first,) = await api.dispatch(["jny_1"])
            await engine.until_started(1)
            (second,) = await api.dispatch(["jny_1"])
            (by_hand,) = await api.dispatch(["jny_1"], trigger="manual")
            missed = await api.result(second)
            assert missed.error is not None
            assert (missed.status, missed.error.code) == (RunStatus.MISSED, "overlap")
            go.set()
            assert (await api.result(first)).status is RunStatus.SUCCESS
            assert (await api.result(by_hand)).status is RunStatus.SUCCESS

    on_loop(scenario)


def test_what_shows_a_run_is_with_the_api_before_its_result(tmp_path: Path) -> None:
    async def scenario() -> None:
        engine = with_browsers(1, walks=leaves_a_picture(tmp_path))
        async with FakeApi() as api, running(api, tmp_path, engine):
            await api.define("jny_1", {"script": "walks", **JOURNEY})
            (run,) = await api.dispatch(["jny_1"])
            assert (await api.result(run)).artifacts == (NAMED,)
            assert api.heard == [NAMED.sha256, run]
            assert api.artifacts[NAMED.sha256] == PICTURE
        assert list((tmp_path / "probe" / "eu-test" / EVIDENCE).iterdir()) == []

    on_loop(scenario)


def test_while_the_api_is_away_it_waits_on_disk_and_goes_first_afterwards(tmp_path: Path) -> None:
    async def scenario() -> None:
        engine = with_browsers(1, walks=leaves_a_picture(tmp_path))
        async with FakeApi() as api:
            async with running(api, tmp_path, engine) as probe:
                await api.define("jny_1", {"script": "walks", **JOURNEY})
                api.artifacts_away = 503
                (run,) = await api.dispatch(["jny_1"])
                await api.until(lambda: "refused" in api.heard)
                probe.stop()
            assert run not in api.results
            api.artifacts_away = None
            async with running(api, tmp_path, with_browsers(1)):
                assert (await api.result(run)).artifacts == (NAMED,)
            assert [word for word in api.heard if word != "refused"] == [NAMED.sha256, run]

    on_loop(scenario)


def test_a_file_that_the_api_will_not_have_costs_the_file_and_not_the_run(tmp_path: Path) -> None:
    async def scenario() -> None:
        engine = with_browsers(1, walks=leaves_a_picture(tmp_path))
        async with FakeApi() as api, running(api, tmp_path, engine):
            api.artifacts_away = 507
            await api.define("jny_1", {"script": "walks", **JOURNEY})
            (run,) = await api.dispatch(["jny_1"])
            assert (await api.result(run)).status is RunStatus.SUCCESS

    on_loop(scenario)
