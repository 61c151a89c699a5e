"""Results reach the API in batches, in order, exactly as long as it takes."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from egress.resolver import Resolver
from model.outcome import RunStatus
from model.protocol import Result
from probes.connection import AddressError, Backoff, vet_address
from probes.results import encode
from probes.spool import Spool
from tests.probes.bench import ScriptedEngine, on_loop, opened, probe_for, running
from tests.probes.fake_api import FakeApi


def test_results_go_a_hundred_at_a_time_with_one_request_in_flight(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with FakeApi() as api, running(api, tmp_path, ScriptedEngine()):
            await api.define("mon_1", {})
            runs = await api.dispatch(["mon_1"] * 350)
            await api.until(lambda: len(api.results) == 350)
            assert set(api.results) == set(runs)
            assert max(len(batch.results) for batch in api.batches) == 100
            assert len(api.batches) <= 6
            assert api.overlapping_results == 0

    on_loop(scenario)


def test_a_lone_result_leaves_within_a_quarter_of_a_second(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with FakeApi() as api, running(api, tmp_path, ScriptedEngine()):
            await api.define("mon_1", {})
            begun = time.monotonic()
            (run,) = await api.dispatch(["mon_1"])
            await api.result(run)
            assert 0.2 < api.accepted_times[run] - begun < 0.6

    on_loop(scenario)


@pytest.mark.parametrize("status", [500, 503, 429])
def test_results_are_sent_again_until_acknowledged(tmp_path: Path, status: int) -> None:
    async def scenario() -> None:
        engine = ScriptedEngine()
        async with FakeApi() as api, running(api, tmp_path, engine):
            api.results_away = status
            await api.define("mon_1", {})
            (run,) = await api.dispatch(["mon_1"], trigger="manual")
            await api.until(lambda: any(lease.spool for lease in api.leases))
            assert api.results == {}
            api.results_away = None
            assert (await api.result(run)).status is RunStatus.SUCCESS
            assert engine.started == [run]

    on_loop(scenario)


def test_results_of_a_killed_process_are_sent_before_anything_is_leased_and_it_is_replaced(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with FakeApi() as api:
            await api.define("mon_1", {})
            (run,) = await api.dispatch(["mon_1"])
            (dispatch,) = api.dispatches.values()
            dispatch.instance, dispatch.token = "ins_dead", 4
            _leave_behind(tmp_path, Result(run, dispatch.dispatch_id, 4, "mon_1", 1, RunStatus.FAILED))
            engine = ScriptedEngine()
            async with running(api, tmp_path, engine):
                assert (await api.result(run)).status is RunStatus.FAILED
                await api.until(lambda: api.replaced)
                assert api.replaced == ["ins_dead"]
                assert api.leases[0].spool == 0
            assert engine.started == []

    on_loop(scenario)


def test_a_refused_result_is_off_the_probes_hands(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with FakeApi() as api:
            _leave_behind(tmp_path, Result("run_old", "dsp_gone", 1, "mon_1", 1, RunStatus.SUCCESS))
            async with running(api, tmp_path, ScriptedEngine()):
                assert api.refused == [("run_old", "stale token")]
                assert api.leases[0].spool == 0

    on_loop(scenario)


def test_a_result_the_api_can_never_take_does_not_hold_up_the_others(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with FakeApi(max_body=20_000) as api:
            await api.define("mon_1", {})
            runs = await api.dispatch(["mon_1"] * 3)
            (dispatch,) = api.dispatches.values()
            dispatch.instance, dispatch.token = "ins_dead", 1
            results = [Result(run, dispatch.dispatch_id, 1, "mon_1", 1, RunStatus.FAILED) for run in runs]
            results[1].response = {"body": "x" * 30_000}
            _leave_behind(tmp_path, *results)
            async with running(api, tmp_path, ScriptedEngine()):
                for run in runs:
                    assert (await api.result(run)).status is RunStatus.FAILED
                assert api.results[runs[1]].response is None

    on_loop(scenario)


def test_a_revoked_key_at_the_start_ends_the_probe_with_code_2_and_keeps_its_results(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with FakeApi() as api:
            _leave_behind(tmp_path, Result("run_1", "dsp_1", 1, "mon_1", 1, RunStatus.SUCCESS))
            probe = probe_for(api, tmp_path, key="tprb_wrong")
            assert await probe.run(opened(ScriptedEngine()), Resolver()) == 2
            again = Spool(tmp_path / "probe" / "eu-test", "ins_3")
            assert [entry.run_id for entry in again.waiting] == ["run_1"]
            again.close()

    on_loop(scenario)


def test_a_key_that_is_refused_later_does_not_end_the_probe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("probes.connection._KEY_RETRY_S", 0.05)

    async def scenario() -> None:
        async with FakeApi() as api, running(api, tmp_path, ScriptedEngine()):
            await api.define("mon_1", {})
            api.results_away = 401
            (run,) = await api.dispatch(["mon_1"], trigger="manual")
            await api.until(lambda: any(lease.spool for lease in api.leases))
            api.results_away = None
            await api.result(run)

    on_loop(scenario)


def test_a_probe_of_another_location_than_its_keys_ends_with_code_2_before_it_takes_work(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with FakeApi(location="us-east") as api:
            await api.define("mon_1", {})
            await api.dispatch(["mon_1"])
            assert await probe_for(api, tmp_path).run(opened(ScriptedEngine()), Resolver()) == 2
            assert all(lease.capacity == 0 for lease in api.leases)
            assert all(dispatch.instance is None for dispatch in api.dispatches.values())

    on_loop(scenario)


def test_an_api_that_no_longer_speaks_this_protocol_ends_the_probe_with_code_2(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with FakeApi() as api:
            api.away = 426
            assert await probe_for(api, tmp_path).run(opened(ScriptedEngine()), Resolver()) == 2

    on_loop(scenario)


@pytest.mark.parametrize(
    ("url", "fine"),
    [
        ("https://tracer.example.com/", True),
        ("http://127.0.0.1:8000", True),
        ("http://[::1]:8000", True),
        ("http://localhost:8000", True),
        ("http://tracer.example.com", False),
        ("http://10.0.0.5:8000", False),
        ("http://localhost.evil.example", False),
        ("http://127.0.0.1@evil.example", False),
        ("ftp://tracer.example.com", False),
        ("tracer.example.com", False),
        ("", False),
    ],
)
def test_secrets_cross_only_loopback_in_the_clear(url: str, fine: bool) -> None:
    if fine:
        assert vet_address(url, insecure=False) == url.rstrip("/")
    else:
        with pytest.raises(AddressError):
            vet_address(url, insecure=False)


def test_plain_http_needs_the_word_insecure() -> None:
    assert vet_address("http://10.0.0.5:8000/", insecure=True) == "http://10.0.0.5:8000"


def test_pauses_grow_to_two_seconds_and_honour_the_apis_wish() -> None:
    backoff = Backoff()
    pauses = [backoff.pause_s() for _ in range(12)]
    assert pauses[0] <= 0.1
    assert all(0.05 <= pause <= 2.0 for pause in pauses)
    assert pauses[-1] >= 1.0
    assert backoff.pause_s(wish_s=7.0) == 7.0
    assert backoff.pause_s(wish_s=10_000.0) == 60.0
    backoff.reset()
    assert backoff.pause_s() <= 0.1


def _leave_behind(directory: Path, *results: Result) -> None:
    """What a process `ins_dead` that was killed leaves on disk."""
    spool_directory = directory / "probe" / "eu-test"
    spool_directory.mkdir(parents=True)
    (spool_directory / "instances").write_text('["ins_dead"]')
    lines = b"".join(encode(result) + b"\n" for result in results)
    (spool_directory / "results-0000000001.jsonl").write_bytes(lines)
