"""A probe against an API on loopback: what it leases runs once, on time, and its result arrives."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import msgspec

from model.errors import ErrorCode
from model.outcome import Outcome, RunStatus
from tests.probes.bench import PASSED, ScriptedCheck, ScriptedEngine, failed, on_loop, running
from tests.probes.fake_api import FakeApi


def test_a_leased_run_is_started_at_its_due_time_and_reported(tmp_path: Path) -> None:
    async def scenario() -> None:
        engine = ScriptedEngine()
        async with FakeApi() as api, running(api, tmp_path, engine):
            await api.define("mon_1", {})
            begun = time.monotonic()
            (run,) = await api.dispatch(["mon_1"], due_in_s=0.3)
            result = await api.result(run)
            assert 0.3 <= api.accepted_times[run] - begun < 1.0
            assert (result.status, result.check_version, result.dispatch_id[:4]) == (RunStatus.SUCCESS, 1, "dsp_")
            assert -5 < result.late_ms < 100
            assert [attempt.status for attempt in result.attempts] == [RunStatus.SUCCESS]
            assert engine.started == [run]

    on_loop(scenario)


def test_a_run_asked_for_by_hand_starts_and_arrives_at_once(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with FakeApi() as api, running(api, tmp_path, ScriptedEngine()):
            await api.define("mon_1", {})
            begun = time.monotonic()
            (run,) = await api.dispatch(["mon_1"], trigger="manual")
            await api.result(run)
            assert api.accepted_times[run] - begun < 0.2

    on_loop(scenario)


def test_a_run_that_is_late_already_starts_at_once_and_says_how_late_it_is(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with FakeApi() as api, running(api, tmp_path, ScriptedEngine()):
            await api.define("mon_1", {})
            (run,) = await api.dispatch(["mon_1"], due_in_s=-2.0)
            assert 2_000 <= (await api.result(run)).late_ms < 2_300

    on_loop(scenario)


def test_an_edit_replaces_the_definition_of_a_run_that_has_not_started(tmp_path: Path) -> None:
    async def scenario() -> None:
        engine = ScriptedEngine(fail=lambda check, run_id: _async(failed()))
        async with FakeApi() as api, running(api, tmp_path, engine):
            await api.define("mon_1", {}, version=1)
            (run,) = await api.dispatch(["mon_1"], due_in_s=0.5)
            await api.until(lambda: any(dispatch.instance for dispatch in api.dispatches.values()))
            await api.define("mon_1", {"script": "fail"}, version=2)
            result = await api.result(run)
            assert (result.check_version, result.status) == (2, RunStatus.FAILED)

    on_loop(scenario)


def test_runs_of_a_cancelled_check_that_have_not_started_end_as_cancelled(tmp_path: Path) -> None:
    async def scenario() -> None:
        engine = ScriptedEngine()
        async with FakeApi() as api, running(api, tmp_path, engine):
            await api.define("mon_1", {})
            await api.define("mon_2", {})
            paused, other = await api.dispatch(["mon_1", "mon_2"], due_in_s=0.4)
            await api.until(lambda: any(dispatch.instance for dispatch in api.dispatches.values()))
            await api.cancel("mon_1")
            assert (await api.result(paused)).status is RunStatus.CANCELLED
            assert (await api.result(other)).status is RunStatus.SUCCESS
            assert engine.started == [other]

    on_loop(scenario)


def test_an_answer_that_was_lost_is_sent_again_and_its_runs_are_done_once(tmp_path: Path) -> None:
    async def scenario() -> None:
        engine = ScriptedEngine()
        async with FakeApi() as api, running(api, tmp_path, engine):
            await api.define("mon_1", {})
            api.lose_answers = 1
            (run,) = await api.dispatch(["mon_1"], due_in_s=0.1)
            await api.result(run)
            assert api.lose_answers == 0
            assert engine.started == [run]

    on_loop(scenario)


def test_a_stop_finishes_what_runs_hands_back_the_rest_and_says_goodbye(tmp_path: Path) -> None:
    async def scenario() -> None:
        begun, release = asyncio.Event(), asyncio.Event()

        async def slow(check: ScriptedCheck, run_id: str) -> Outcome:
            begun.set()
            await release.wait()
            return PASSED

        engine = ScriptedEngine(slow=slow)
        async with FakeApi() as api:
            async with running(api, tmp_path, engine) as probe:
                await api.define("mon_slow", {"script": "slow"})
                await api.define("mon_later", {})
                slow_run, later = await api.dispatch(["mon_slow"]) + await api.dispatch(["mon_later"], due_in_s=60)
                await begun.wait()
                await api.until(lambda: all(dispatch.instance for dispatch in api.dispatches.values()))
                probe.stop()
                await api.until(lambda: any(lease.stopping for lease in api.leases))
                handed_back = [dispatch for dispatch in api.dispatches.values() if dispatch.instance is None]
                assert [run[0] for dispatch in handed_back for run in dispatch.runs] == [later]
                release.set()
            assert api.results[slow_run].status is RunStatus.SUCCESS
            assert later not in api.results
            assert api.leases[-1].stopping
            assert api.leases[-1].holding == []
            assert list((tmp_path / "probe" / "eu-test").glob("results-*")) == []
            async with running(api, tmp_path, ScriptedEngine()) as successor:
                await api.until(
                    lambda: any(lease.capacity for lease in api.leases if lease.instance == successor.instance)
                )
                assert api.replaced == []

    on_loop(scenario)


def test_while_the_api_is_away_leased_runs_are_done_and_delivered_after(tmp_path: Path) -> None:
    async def scenario() -> None:
        engine = ScriptedEngine()
        async with FakeApi() as api, running(api, tmp_path, engine):
            for number in range(5):
                await api.define(f"mon_{number}", {})
            runs = await api.dispatch([f"mon_{number}" for number in range(5)], due_in_s=0.3)
            await api.until(lambda: any(dispatch.instance for dispatch in api.dispatches.values()))
            await api.close()
            await engine.until_started(5)
            assert api.results == {}
            await api.start()
            back = time.monotonic()
            for run in runs:
                assert (await api.result(run)).status is RunStatus.SUCCESS
            assert time.monotonic() - back < 2.5

    on_loop(scenario)


def test_a_definition_this_probe_cannot_read_makes_its_runs_unknown_not_lost(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with FakeApi() as api, running(api, tmp_path, ScriptedEngine()):
            await api.define("mon_1", {"timeout": "soon", "headers": {"Authorization": "s3cr3t"}})
            (run,) = await api.dispatch(["mon_1"])
            result = await api.result(run)
            assert result.status is RunStatus.UNKNOWN
            assert result.error is not None
            assert result.error.code == ErrorCode.INTERNAL
            assert "timeout" in result.error.message
            assert "s3cr3t" not in result.error.message

    on_loop(scenario)


def test_definitions_with_secrets_leave_memory_with_their_runs_and_secrets_never_leave_the_probe(
    tmp_path: Path,
) -> None:
    async def scenario() -> None:
        async def echo(check: ScriptedCheck, run_id: str) -> Outcome:
            assert check.headers is not None
            return failed(message=f"said {check.headers['Authorization']}")

        engine = ScriptedEngine(echo=echo)
        async with FakeApi() as api, running(api, tmp_path, engine):
            await api.define("mon_1", {"script": "echo", "headers": {"Authorization": "hunter2"}})
            for expected_parses in (1, 2):
                (run,) = await api.dispatch(["mon_1"])
                result = await api.result(run)
                assert result.error is not None
                assert result.error.message == "said ********"
                assert engine.parsed == expected_parses
            assert not any(b"hunter2" in body for body in api.raw_results)

    on_loop(scenario)


def test_a_definition_without_secrets_is_parsed_once_per_version(tmp_path: Path) -> None:
    async def scenario() -> None:
        engine = ScriptedEngine()
        async with FakeApi() as api, running(api, tmp_path, engine):
            await api.define("mon_1", {})
            for _ in range(3):
                (run,) = await api.dispatch(["mon_1"])
                await api.result(run)
            assert engine.parsed == 1

    on_loop(scenario)


def test_a_slow_success_is_marked_degraded(tmp_path: Path) -> None:
    async def scenario() -> None:
        engine = ScriptedEngine()
        async with FakeApi() as api, running(api, tmp_path, engine):
            await api.define("mon_quick", {"degraded_ms": 2})
            engine.scripts["two"] = lambda check, run_id: _async(msgspec.structs.replace(PASSED, duration_ms=2.5))
            await api.define("mon_slow", {"degraded_ms": 2, "script": "two"})
            slow, quick = await api.dispatch(["mon_slow", "mon_quick"])
            assert (await api.result(slow)).degraded
            assert not (await api.result(quick)).degraded

    on_loop(scenario)


async def _async(outcome: Outcome) -> Outcome:
    return outcome
