"""Due times on the probe's own clock, and the standstills that spoil a measurement."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from model.errors import ErrorCode
from model.outcome import Outcome, RunStatus
from probes.timers import Pulse, RoundTrip
from tests.probes.bench import PASSED, ScriptedCheck, ScriptedEngine, on_loop, running
from tests.probes.fake_api import FakeApi


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_half_the_round_trip_is_taken_off_but_not_the_time_the_api_let_us_wait() -> None:
    round_trip = RoundTrip()
    assert round_trip.due_at(10.0, 500) == 10.5
    round_trip.learn(elapsed_s=2.08, held_ms=2_000)
    assert round_trip.due_at(10.0, 500) == pytest.approx(10.46)


def test_the_shortest_of_the_latest_round_trips_counts() -> None:
    round_trip = RoundTrip()
    for elapsed_s in (0.3, 0.1, 0.5):
        round_trip.learn(elapsed_s, 0)
    assert round_trip.due_at(0.0, 0) == pytest.approx(-0.05)
    for _ in range(16):
        round_trip.learn(0.4, 0)
    assert round_trip.due_at(0.0, 0) == pytest.approx(-0.2)


def test_a_standstill_is_seen_by_whoever_asks_first_and_counts_for_what_overlaps_it() -> None:
    clock = Clock()
    pulse = Pulse(lambda now: None, clock)
    clock.now += 0.5
    assert pulse.away_s() == 0.0
    before = clock.now
    clock.now += 5.1
    assert pulse.away_s() == pytest.approx(5.0)
    assert pulse.away_s() == 0.0
    after = clock.now
    clock.now += 0.3
    assert pulse.away_since(before) == pytest.approx(5.0)
    assert pulse.away_since(after) == 0.0


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
