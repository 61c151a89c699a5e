"""Due times on the probe's own clock, and the standstills that spoil a measurement."""

from __future__ import annotations

import asyncio
import math
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from model.errors import ErrorCode
from model.outcome import Outcome, RunStatus
from model.protocol import LeasedRun
from probes.held import HeldDispatch, HeldRun
from probes.timers import BEAT_S, Agenda, Pulse, RoundTrip, beat_after, beat_before
from tests.probes.bench import PASSED, ScriptedCheck, ScriptedEngine, on_loop, running
from tests.probes.fake_api import FakeApi


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_half_the_round_trip_is_taken_off_but_not_the_time_the_api_let_us_wait() -> None:
    round_trip = RoundTrip()
    assert round_trip.half_s == 0.0
    round_trip.learn(elapsed_s=2.08, held_ms=2_000)
    assert round_trip.half_s == pytest.approx(0.04)


def test_the_shortest_of_the_latest_round_trips_counts() -> None:
    round_trip = RoundTrip()
    for elapsed_s in (0.3, 0.1, 0.5):
        round_trip.learn(elapsed_s, 0)
    assert round_trip.half_s == pytest.approx(0.05)
    for _ in range(16):
        round_trip.learn(0.4, 0)
    assert round_trip.half_s == pytest.approx(0.2)


def test_a_standstill_is_seen_by_whoever_asks_first_and_counts_for_what_overlaps_it() -> None:
    clock = Clock()
    pulse = Pulse(lambda now: None, clock)
    clock.now += 0.5
    pulse.note(clock.now)
    assert pulse.away_s(clock.now) == 0.0
    before = clock.now
    clock.now += 5.1
    assert pulse.away_s(clock.now) == pytest.approx(5.0)
    assert pulse.away_s(clock.now) == 0.0
    after = clock.now
    clock.now += 0.3
    assert pulse.away_since(before) == pytest.approx(5.0)
    assert pulse.away_since(after) == 0.0


def test_runs_come_at_their_due_time_to_the_ms_and_in_a_crowd_a_few_ms_later_never_before() -> None:
    async def scenario() -> None:
        came: dict[str, float] = {}
        everybody = asyncio.Event()

        def on_due(run: HeldRun) -> None:
            came[run.run_id] = time.monotonic() - run.due_at
            if len(came) == 400:
                everybody.set()

        agenda = Agenda(on_due)
        now = time.monotonic()
        dispatch = HeldDispatch("dsp_1", 1, 401)
        for number in range(400):
            agenda.add(HeldRun(LeasedRun(f"run_{number}", "mon_1", 0), dispatch, now + 0.05 + number * 0.0007))
        gone = HeldRun(LeasedRun("run_gone", "mon_1", 0), dispatch, now + 0.06)
        agenda.add(gone)
        gone.gone = True
        await asyncio.wait_for(everybody.wait(), 5)
        assert "run_gone" not in came
        assert min(came.values()) > -0.0015
        assert sorted(came.values())[200] < 0.02

    on_loop(scenario)


def test_in_a_crowd_the_runs_of_a_beat_begin_with_the_loops_other_work_in_between() -> None:
    async def scenario() -> None:
        happened: list[str] = []
        everybody = asyncio.Event()
        loop = asyncio.get_running_loop()

        def on_due(run: HeldRun) -> None:
            happened.append("begun")
            loop.call_soon(happened.append, "an answer")
            if happened.count("begun") == 20:
                everybody.set()

        agenda = Agenda(on_due)
        due_at = time.monotonic() + 0.05
        dispatch = HeldDispatch("dsp_1", 1, 20)
        for number in range(20):
            agenda.add(HeldRun(LeasedRun(f"run_{number}", "mon_1", 0), dispatch, due_at))
        await asyncio.wait_for(everybody.wait(), 5)
        assert happened[:39] == ["begun", *["begun", "an answer"] * 19]

    on_loop(scenario)


def test_what_somebody_waits_for_is_on_no_beat() -> None:
    async def scenario() -> None:
        begun: list[HeldRun] = []
        planned: list[float] = []
        agenda = Agenda(begun.append)
        agenda._loop = SimpleNamespace(call_at=lambda at_s, *_: planned.append(at_s))  # type: ignore[assignment]
        now = math.ceil(time.monotonic()) + 60.0
        dispatch = HeldDispatch("dsp_1", 1, 22)
        for number in range(20):
            agenda.add(HeldRun(LeasedRun(f"run_{number}", "mon_1", 0), dispatch, now + number / 1000))
        planned.clear()
        agenda.add(HeldRun(LeasedRun("run_s", "mon_1", 0, "schedule"), dispatch, now + 0.031))
        agenda.add(HeldRun(LeasedRun("run_m", "mon_1", 0, "manual"), dispatch, now + 0.031))
        assert [at_s - now - agenda._offset for at_s in planned] == pytest.approx([0.05, 0.031], abs=0.0011)

    on_loop(scenario)


@pytest.mark.parametrize("at_s", [100.0, 100.001, 100.024, 100.025, 12_345.6789])
def test_a_beat_lies_within_its_length_on_either_side(at_s: float) -> None:
    assert -0.0001 <= beat_after(at_s) - at_s < BEAT_S
    assert -0.0001 <= at_s - beat_before(at_s) < BEAT_S
    assert beat_after(at_s) == pytest.approx(beat_after(beat_after(at_s)))


def test_a_check_during_which_this_process_stood_still_is_unknown(tmp_path: Path) -> None:
    async def scenario() -> None:
        async def freeze(check: ScriptedCheck, run_id: str) -> Outcome:
            time.sleep(1.3)  # noqa: ASYNC251 - the loop itself is what must stand still
            return PASSED

        async with FakeApi() as api, running(api, tmp_path, ScriptedEngine(freeze=freeze)):
            await api.define("mon_1", {"script": "freeze"})
            (run,) = await api.dispatch(["mon_1"])
            result = await api.result(run)
            assert result.status is RunStatus.UNKNOWN
            assert result.error is not None
            assert result.error.code == ErrorCode.INTERNAL
            assert "stood still" in result.error.message

    on_loop(scenario)


def test_after_a_standstill_longer_than_a_lease_nothing_held_is_begun(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("probes.worker._LEASE_LOST_AFTER_S", 1.0)

    async def scenario() -> None:
        engine = ScriptedEngine()
        async with FakeApi() as api, running(api, tmp_path, engine):
            await api.define("mon_1", {})
            await api.dispatch(["mon_1"], due_in_s=1.0)
            await api.until(lambda: any(dispatch.instance for dispatch in api.dispatches.values()))
            time.sleep(1.3)  # noqa: ASYNC251 - the loop itself is what must stand still
            await api.until(lambda: any(lease.released for lease in api.leases))
            assert engine.started == []

    on_loop(scenario)
