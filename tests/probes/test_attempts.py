"""Retries, overruns and crashes of a runner: every run ends, with each attempt on record."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

import msgspec
import pycurl

from model.errors import ErrorCode
from model.outcome import Metrics, Outcome, RunError, RunStatus
from model.protocol import LeasedRun
from probes.admission import Admission
from probes.attempts import OVERRUN_GRACE_S
from probes.held import HeldDispatch, HeldRun
from probes.timers import PULSE_S
from tests.probes.bench import PASSED, ScriptedCheck, ScriptedEngine, failed, on_loop, running
from tests.probes.fake_api import FakeApi


def test_a_failure_is_tried_again_and_every_attempt_is_kept_with_its_own_phases(tmp_path: Path) -> None:
    async def scenario() -> None:
        outcomes = [
            failed(ErrorCode.CONNECT_REFUSED, "first"),
            failed(ErrorCode.TLS_ERROR, "second"),
            Outcome(RunStatus.SUCCESS, duration_ms=7.0, metrics=Metrics(connect_ms=3.0)),
        ]

        async def next_one(check: ScriptedCheck, run_id: str) -> Outcome:
            return outcomes.pop(0)

        async with FakeApi() as api, running(api, tmp_path, ScriptedEngine(next_one=next_one)):
            await api.define("mon_1", {"script": "next_one", "retries": {"count": 2, "delay": 0.2}})
            (run,) = await api.dispatch(["mon_1"])
            result = await api.result(run)
            assert (result.status, result.duration_ms, result.metrics.connect_ms) == (RunStatus.SUCCESS, 7.0, 3.0)
            assert [attempt.error and attempt.error.message for attempt in result.attempts] == ["first", "second", None]
            assert result.late_ms == result.attempts[0].late_ms
            assert result.attempts[2].late_ms - result.attempts[0].late_ms >= 395
            assert result.elapsed_ms >= 395

    on_loop(scenario)


def test_a_failure_is_reported_only_when_its_last_retry_has_failed(tmp_path: Path) -> None:
    async def scenario() -> None:
        engine = ScriptedEngine(fail=_failing)
        async with FakeApi() as api, running(api, tmp_path, engine):
            await api.define("mon_1", {"script": "fail", "retries": {"count": 1, "delay": 0.1}})
            (run,) = await api.dispatch(["mon_1"])
            result = await api.result(run)
            assert result.status is RunStatus.FAILED
            assert len(result.attempts) == 2
            assert engine.started == [run, run]

    on_loop(scenario)


def test_a_journey_whose_browser_died_is_walked_once_more(tmp_path: Path) -> None:
    async def scenario() -> None:
        died = Outcome(RunStatus.UNKNOWN, error=RunError(ErrorCode.BROWSER_CRASHED, "the browser crashed"))
        outcomes = {"once": [died, PASSED], "twice": [died, died, PASSED], "then_fails": [died, failed(), PASSED]}

        async def next_one(check: ScriptedCheck, run_id: str) -> Outcome:
            return outcomes[check.script].pop(0)

        engine = ScriptedEngine(**dict.fromkeys(outcomes, next_one))
        engine.browser_slots = 1
        async with FakeApi() as api, running(api, tmp_path, engine):
            ended = {}
            for name in outcomes:
                await api.define(f"jny_{name}", {"script": name, "journey": True})
                (run,) = await api.dispatch([f"jny_{name}"])
                result = await api.result(run)
                ended[name] = (result.status, len(result.attempts))
        assert ended == {
            "once": (RunStatus.SUCCESS, 2), "twice": (RunStatus.UNKNOWN, 2), "then_fails": (RunStatus.FAILED, 2),
        }  # fmt: skip

    on_loop(scenario)


def test_a_run_that_pauses_before_a_retry_is_handed_back_by_a_stop(tmp_path: Path) -> None:
    async def scenario() -> None:
        engine = ScriptedEngine(fail=_failing)
        async with FakeApi() as api:
            async with running(api, tmp_path, engine):
                await api.define("mon_1", {"script": "fail", "retries": {"count": 1, "delay": 60}})
                (run,) = await api.dispatch(["mon_1"])
                await engine.until_started(1)
            assert run not in api.results
            open_again = [d for d in api.dispatches.values() if d.instance is None and d.runs]
            assert [entry[0] for entry in open_again[0].runs] == [run]

    on_loop(scenario)


def test_an_attempt_that_fails_during_a_stop_is_not_reported_before_its_retries(tmp_path: Path) -> None:
    async def scenario() -> None:
        begun, release = asyncio.Event(), asyncio.Event()

        async def slow_failure(check: ScriptedCheck, run_id: str) -> Outcome:
            begun.set()
            await release.wait()
            return failed()

        async with FakeApi() as api:
            async with running(api, tmp_path, ScriptedEngine(slow=slow_failure)) as probe:
                await api.define("mon_1", {"script": "slow", "retries": {"count": 1, "delay": 0.1}})
                (run,) = await api.dispatch(["mon_1"])
                await begun.wait()
                probe.stop()
                await api.until(lambda: any(lease.stopping for lease in api.leases))
                release.set()
            assert run not in api.results
            assert [d.runs[0][0] for d in api.dispatches.values() if d.runs and d.instance is None] == [run]

    on_loop(scenario)


def test_a_runner_that_overruns_its_timeout_is_cancelled_and_its_run_is_unknown(tmp_path: Path) -> None:
    async def scenario() -> None:
        async def hang(check: ScriptedCheck, run_id: str) -> Outcome:
            await asyncio.Event().wait()
            return PASSED

        async with FakeApi() as api, running(api, tmp_path, ScriptedEngine(hang=hang)):
            await api.define("mon_1", {"script": "hang", "timeout": 0.2})
            begun = time.monotonic()
            (run,) = await api.dispatch(["mon_1"])
            result = await api.result(run)
            assert api.accepted_times[run] - begun < 1.5
            _is_internal(result, "ran on past its timeout")

    on_loop(scenario)


def test_a_timeout_is_the_targets_though_the_loop_was_held_up_past_it(tmp_path: Path) -> None:
    async def scenario() -> None:
        async def keeps_its_deadline(check: ScriptedCheck, run_id: str) -> Outcome:
            try:
                async with asyncio.timeout(check.timeout):
                    asyncio.get_running_loop().call_soon(time.sleep, check.timeout + OVERRUN_GRACE_S + PULSE_S)
                    await asyncio.Event().wait()
            except TimeoutError:
                return failed(ErrorCode.TIMEOUT, "no answer came in time")
            return PASSED

        async with FakeApi() as api, running(api, tmp_path, ScriptedEngine(slow=keeps_its_deadline)):
            await api.define("mon_1", {"script": "slow", "timeout": 0.1})
            (run,) = await api.dispatch(["mon_1"])
            result = await api.result(run)
            assert result.status is RunStatus.FAILED, result.error
            assert result.error is not None
            assert result.error.code == ErrorCode.TIMEOUT

    on_loop(scenario)


def test_a_runner_that_ignores_its_cancellation_is_left_behind(tmp_path: Path) -> None:
    async def scenario() -> None:
        released = asyncio.Event()

        async def stubborn(check: ScriptedCheck, run_id: str) -> Outcome:
            while not released.is_set():
                try:
                    await released.wait()
                except asyncio.CancelledError:
                    continue
            return PASSED

        async with FakeApi() as api, running(api, tmp_path, ScriptedEngine(stubborn=stubborn)):
            await api.define("mon_1", {"script": "stubborn", "timeout": 0.1})
            (run,) = await api.dispatch(["mon_1"])
            _is_internal(await api.result(run), "could not be stopped")
            released.set()
            await api.define("mon_2", {})
            (other,) = await api.dispatch(["mon_2"])
            await api.result(other)
            assert [result.status for batch in api.batches for result in batch.results if result.run_id == run] == [
                RunStatus.UNKNOWN
            ]

    on_loop(scenario)


def test_a_crash_of_a_runner_makes_its_run_unknown_and_nothing_else(tmp_path: Path) -> None:
    async def scenario() -> None:
        async def crash(check: ScriptedCheck, run_id: str) -> Outcome:
            raise ZeroDivisionError("a secret in a traceback")

        async def libcurl(check: ScriptedCheck, run_id: str) -> Outcome:
            raise pycurl.error("a secret in a traceback")

        async def cancel_itself(check: ScriptedCheck, run_id: str) -> Outcome:
            raise asyncio.CancelledError

        async def nothing(check: ScriptedCheck, run_id: str) -> Any:
            return None

        async def unspeakable(check: ScriptedCheck, run_id: str) -> Outcome:
            return msgspec.structs.replace(PASSED, response={"body": "\ud800", "odd": object()})

        async def huge(check: ScriptedCheck, run_id: str) -> Outcome:
            return msgspec.structs.replace(PASSED, response={"body": "x" * 400_000})

        async def contradiction(check: ScriptedCheck, run_id: str) -> Outcome:
            return failed(ErrorCode.PROBE_LOST)

        scripts = {
            "huge": huge,
            "crash": crash,
            "cancel": cancel_itself,
            "nothing": nothing,
            "contradiction": contradiction,
            "libcurl": libcurl,
            "unspeakable": unspeakable,
        }
        async with FakeApi() as api, running(api, tmp_path, ScriptedEngine(**scripts)):
            for name in scripts:
                await api.define(f"mon_{name}", {"script": name})
            await api.define("mon_fine", {})
            runs = await api.dispatch([*(f"mon_{name}" for name in scripts), "mon_fine"])
            big, *results = [await api.result(run) for run in runs]
            assert (big.status, big.response) == (RunStatus.SUCCESS, None)
            _is_internal(results[0], "ZeroDivisionError")
            assert "secret" not in repr(results[0])
            _is_internal(results[1], "cancelled from within")
            _is_internal(results[2], "no proper outcome")
            _is_internal(results[3], "no proper outcome")
            _is_internal(results[4], "pycurl.error")
            assert [result.status for result in results[5:]] == [RunStatus.SUCCESS, RunStatus.SUCCESS]

    on_loop(scenario)


def test_no_more_than_the_limit_is_in_flight_and_the_rest_follow_in_order() -> None:
    admission = Admission(in_flight=2, per_target=2)
    first, second, third, fourth = (_held(number, f"host{number}") for number in range(4))
    assert [admission.enter(run) for run in (first, second, third, fourth)] == [True, True, False, False]
    assert admission.exhausted
    assert admission.leave(first) is third
    assert admission.leave(second) is fourth
    assert admission.leave(third) is None
    assert admission.leave(fourth) is None
    assert admission.in_flight == 0


def test_one_target_has_a_limit_of_its_own_that_holds_up_nobody_else() -> None:
    admission = Admission(in_flight=10, per_target=1)
    first, second, other = _held(1, "a.example"), _held(2, "a.example"), _held(3, "b.example")
    assert [admission.enter(run) for run in (first, second, other)] == [True, False, True]
    assert admission.leave(other) is None
    assert admission.leave(first) is second


def test_loopback_targets_are_limited_only_in_all() -> None:
    admission = Admission(in_flight=10, per_target=1)
    assert all(admission.enter(_held(number, "127.0.0.1")) for number in range(5))


def test_a_waiting_run_that_was_given_back_is_passed_over() -> None:
    admission = Admission(in_flight=1, per_target=1)
    first, gone, last = _held(1, "a"), _held(2, "b"), _held(3, "c")
    assert [admission.enter(run) for run in (first, gone, last)] == [True, False, False]
    gone.gone = True
    assert admission.leave(first) is last


async def _failing(check: ScriptedCheck, run_id: str) -> Outcome:
    return failed()


def _held(number: int, target: str) -> HeldRun:
    run = HeldRun(LeasedRun(f"run_{number}", f"mon_{number}", 0), HeldDispatch("dsp_1", 1, 1), 0.0)
    run.target = target
    return run


def _is_internal(result: Any, part: str) -> None:
    assert result.status is RunStatus.UNKNOWN
    assert result.error.code == ErrorCode.INTERNAL
    assert part in result.error.message
