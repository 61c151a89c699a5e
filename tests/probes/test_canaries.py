"""A probe tells a dead target from its own dead network, and does not hide real outages."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest

from egress.resolver import Resolver
from model.definition import CheckDefinition
from model.errors import ErrorCode
from model.outcome import Metrics, Outcome, RunStatus
from model.protocol import LeasedRun
from model.scrub import Scrubber
from probes.attempts import Execution
from probes.canaries import NetworkGuard
from probes.checks.dns import DnsCheck
from probes.definitions import Definition, target_of
from probes.held import HeldDispatch, HeldRun
from probes.rounds import Rounds
from probes.soundings import BadCanaryError, Canary, WorkedHosts, gateways, parse_canary, reached
from probes.timers import Pulse
from tests.probes.bench import PASSED, ScriptedCheck, ScriptedEngine, failed, on_loop, running
from tests.probes.fake_api import FakeApi

TIMED_OUT = failed(ErrorCode.CONNECT_TIMEOUT, "no answer")
NO_NAME = failed(ErrorCode.DNS_FAILURE, "no such name")


class Place:
    """A canary on loopback that can go silent: its backlog is full, so that connecting gets no answer."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=0)
        self.port: int = self._listener.getsockname()[1]
        self.name = f"127.0.0.1:{self.port}"
        self._fillers: list[socket.socket] = []

    def go_silent(self) -> None:
        for _ in range(4):
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex(("127.0.0.1", self.port))
            self._fillers.append(filler)

    def answer_again(self) -> None:
        for each in self._fillers:
            each.close()
        self._fillers.clear()
        self._listener.listen(16)

    def close(self) -> None:
        for each in (*self._fillers, self._listener):
            each.close()


@asynccontextmanager
async def guarded(directory: Path, *canaries: str, resolver: Resolver | None = None) -> AsyncIterator[NetworkGuard]:
    routes = directory / "no-routes"
    guard = NetworkGuard(canaries, resolver or _no_resolver(directory), directory / "canaries.json", routes)
    try:
        yield guard
    finally:
        await guard.stop()


def test_with_every_canary_silent_a_failure_to_reach_is_unknown(tmp_path: Path, place: Place) -> None:
    async def scenario() -> None:
        async with guarded(tmp_path, place.name) as guard:
            await _look(guard)
            assert guard.self_check == "on"
            place.go_silent()
            verdict = await _verdict(guard, _execution("192.0.2.7"), TIMED_OUT)
            assert verdict.status is RunStatus.UNKNOWN
            assert verdict.error is not None
            assert verdict.error.code == ErrorCode.NETWORK_UNAVAILABLE
            assert "no answer" in verdict.error.message

    on_loop(scenario)


def test_a_network_that_is_back_before_it_was_asked_about_an_attempt_is_not_forgotten(
    tmp_path: Path, place: Place
) -> None:
    async def scenario() -> None:
        async with guarded(tmp_path, place.name) as guard:
            await _look(guard)
            place.go_silent()
            assert (await _verdict(guard, _execution("192.0.2.7"), TIMED_OUT)).status is RunStatus.UNKNOWN
            place.answer_again()
            second = _execution("192.0.2.8")
            assert second.tried_at > guard._network.began_at, "it has a round of its own"
            assert (await _verdict(guard, second, TIMED_OUT)).status is RunStatus.UNKNOWN
            later = _execution("192.0.2.9")
            assert (await _verdict(guard, later, TIMED_OUT)) is TIMED_OUT

    on_loop(scenario)


def test_with_a_canary_alive_the_target_has_failed(tmp_path: Path, place: Place) -> None:
    async def scenario() -> None:
        silent = Place()
        silent.go_silent()
        async with guarded(tmp_path, place.name, silent.name) as guard:
            assert (await _verdict(guard, _execution("192.0.2.7"), TIMED_OUT)) is TIMED_OUT
        silent.close()

    on_loop(scenario)


def test_where_no_canary_ever_answered_the_guard_is_off_and_failures_stand(tmp_path: Path, place: Place) -> None:
    place.go_silent()

    async def scenario() -> None:
        async with guarded(tmp_path, place.name) as guard:
            await _look(guard)
            assert guard.self_check == "off"
            assert (await _verdict(guard, _execution("192.0.2.7"), TIMED_OUT)) is TIMED_OUT

    on_loop(scenario)


def test_a_probe_that_starts_into_a_dead_network_knows_it_from_before(tmp_path: Path, place: Place) -> None:
    async def scenario() -> None:
        async with guarded(tmp_path, place.name) as guard:
            await _look(guard)
        place.go_silent()
        async with guarded(tmp_path, place.name) as restarted:
            verdict = await _verdict(restarted, _execution("192.0.2.7"), TIMED_OUT)
            assert verdict.status is RunStatus.UNKNOWN
            assert restarted.self_check == "on"

    on_loop(scenario)


def test_a_refused_connection_and_anything_on_loopback_are_never_doubted(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with guarded(tmp_path) as guard:
            refused = failed(ErrorCode.CONNECT_REFUSED)
            assert not guard.doubts(_execution("192.0.2.7"), refused)
            assert not guard.doubts(_execution("127.0.0.1"), TIMED_OUT)
            assert not guard.doubts(_execution("localhost"), TIMED_OUT)
            assert not guard.doubts(_execution("192.0.2.7"), failed(ErrorCode.ASSERTION_FAILED))
            assert guard.doubts(_execution("192.0.2.7"), TIMED_OUT)

    on_loop(scenario)


def test_a_success_that_began_after_the_failing_attempt_is_proof_enough(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with guarded(tmp_path) as guard:
            earlier = _execution("198.51.100.1")
            failing = _execution("192.0.2.7")
            later = _execution("198.51.100.1")
            earlier.tried_at = failing.tried_at - 1
            guard.passed(earlier, PASSED)
            assert guard.doubts(failing, TIMED_OUT)
            later.tried_at = failing.tried_at + 0.001
            guard.passed(_execution("127.0.0.1"), PASSED)
            assert guard.doubts(failing, TIMED_OUT)
            guard.passed(later, _from("93.184.216.34"))
            assert not guard.doubts(failing, TIMED_OUT)

    on_loop(scenario)


def test_a_success_in_ones_own_network_proves_nothing_about_the_internet(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with guarded(tmp_path) as guard:
            failing, near = _execution("example.com"), _execution("10.1.2.4")
            near.tried_at = failing.tried_at + 0.001
            guard.passed(near, PASSED)
            assert guard.doubts(failing, TIMED_OUT)
            neighbour = _execution("10.1.2.3")
            neighbour.tried_at = near.tried_at - 0.0005
            assert not guard.doubts(neighbour, TIMED_OUT)

    on_loop(scenario)


def test_a_network_that_came_back_while_an_attempt_hung_still_makes_it_unknown(tmp_path: Path, place: Place) -> None:
    async def scenario() -> None:
        async with guarded(tmp_path, place.name) as guard:
            await _look(guard)
            failing = _execution("192.0.2.7")
            place.go_silent()
            other = _execution("192.0.2.8")
            assert (await _verdict(guard, other, TIMED_OUT)).status is RunStatus.UNKNOWN
            later = _execution("198.51.100.1")
            guard.passed(later, _from("93.184.216.34"))
            assert guard.doubts(failing, TIMED_OUT)
            assert (await guard.judge(failing, TIMED_OUT)).status is RunStatus.UNKNOWN

    on_loop(scenario)


def test_hosts_beside_the_target_do_not_speak_for_the_network(tmp_path: Path) -> None:
    """Two monitors of one hosting network: when it fails, each must not excuse the other."""

    async def scenario() -> None:
        async with guarded(tmp_path) as guard:
            for host in ("127.99.0.1", "127.99.0.2"):
                guard._worked.note(host, None, 9)
            first, second = "192.0.2.1", "192.0.2.2"
            guard._worked.note(first, None, 9)
            guard._worked.note(second, None, 9)
            answers = {Canary(first, (9,), "192.0.0.0/16", worked=True): False}
            assert not guard._network_dead(answers, second)
            assert guard._network_dead(answers, "198.51.100.9")

    on_loop(scenario)


def test_three_unrelated_public_hosts_gone_silent_outweigh_a_gateway_that_answers(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with guarded(tmp_path) as guard:
            gone = [Canary(f"{first}.1.1.1", (443,), f"{first}.1.0.0/16", worked=True) for first in (8, 9, 11)]
            answers = {Canary("192.168.1.1", (53,)): True, **dict.fromkeys(gone, False)}
            assert guard._network_dead(answers, "example.com")
            answers[gone[0]] = True
            assert not guard._network_dead(answers, "example.com")

    on_loop(scenario)


def test_when_names_that_worked_no_longer_resolve_the_resolver_is_dead(tmp_path: Path) -> None:
    async def scenario() -> None:
        resolver = Names({"good.example.com": True, "other.example.net": True})
        async with guarded(tmp_path, resolver=resolver) as guard:
            for name in ("good.example.com", "other.example.net"):
                guard.passed(_named(name), msgspec.structs.replace(PASSED, metrics=Metrics(dns_ms=3.0, connect_ms=1.0)))
            failing = _execution("gone.example.org")
            assert (await _verdict(guard, failing, NO_NAME)) is NO_NAME
            resolver.known.clear()
            verdict = await _verdict(guard, _execution("gone.example.org"), NO_NAME)
            assert verdict.error is not None
            assert (verdict.status, verdict.error.code) == (RunStatus.UNKNOWN, ErrorCode.RESOLVER_UNAVAILABLE)

    on_loop(scenario)


def test_names_of_the_targets_own_domain_do_not_excuse_its_failure(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with guarded(tmp_path, resolver=Names({})) as guard:
            guard.passed(
                _named("www.example.org"), msgspec.structs.replace(PASSED, metrics=Metrics(dns_ms=3.0, connect_ms=1.0))
            )
            assert (await _verdict(guard, _execution("api.example.org"), NO_NAME)) is NO_NAME

    on_loop(scenario)


def test_what_a_nameserver_says_that_the_check_names_is_never_doubted(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with guarded(tmp_path, resolver=Names({})) as guard:
            guard.passed(
                _named("www.example.org"), msgspec.structs.replace(PASSED, metrics=Metrics(dns_ms=3.0, connect_ms=1.0))
            )
            named = _execution_of(_dns("gone.example.net", nameserver="192.0.2.53"))
            assert (await _verdict(guard, named, NO_NAME)) is NO_NAME
            own = _execution_of(_dns("gone.example.net"))
            assert (await _verdict(guard, own, NO_NAME)).status is RunStatus.UNKNOWN

    on_loop(scenario)


def test_a_name_that_a_dns_check_found_is_no_name_to_look_up_again(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with guarded(tmp_path, resolver=Names({})) as guard:
            text = _execution_of(_dns("_dmarc.example.org", record_type="TXT", protocol="tcp"))
            text.tried_at -= 10
            over_tcp = Metrics(dns_ms=3.0, connect_ms=1.0)
            guard.passed(text, msgspec.structs.replace(PASSED, metrics=over_tcp, response={"rcode": "NOERROR"}))
            assert (await _verdict(guard, _execution("gone.example.net"), NO_NAME)) is NO_NAME

    on_loop(scenario)


def test_questions_to_a_nameserver_go_to_that_nameserver() -> None:
    assert target_of(_dns("example.com", nameserver="[2620:fe::fe]:5353")) == ("2620:fe::fe", None)
    assert target_of(_dns("Example.com")) == ("example.com", None)


def test_failures_at_once_share_a_round_and_each_is_answered_by_one_that_began_after_it() -> None:
    async def scenario() -> None:
        began: list[float] = []

        async def ask() -> float:
            began.append(time.monotonic())
            await asyncio.sleep(0.05)
            return began[-1]

        rounds = Rounds(ask, spacing_s=0.1)
        instants = [time.monotonic() for _ in range(20)]
        answers = await asyncio.gather(*(rounds.since(instant) for instant in instants))
        assert len(began) == 1
        later = time.monotonic()
        assert await rounds.since(instants[0]) == answers[0]
        assert await rounds.since(later) >= later
        assert began[1] - began[0] >= 0.08

    on_loop(scenario)


def test_a_check_that_waits_for_the_canaries_holds_up_no_other(tmp_path: Path, place: Place) -> None:
    async def scenario() -> None:
        async def unreachable(check: ScriptedCheck, run_id: str) -> Outcome:
            return TIMED_OUT

        async with FakeApi() as api:
            engine = ScriptedEngine(unreachable=unreachable)
            async with running(api, tmp_path, engine, canaries=(place.name,)):
                await api.until(lambda: any(lease.self_check == "on" for lease in api.leases))
                place.go_silent()
                await api.define("mon_1", {"script": "unreachable", "host": "192.0.2.7"})
                await api.define("mon_2", {})
                bad, good = await api.dispatch(["mon_1", "mon_2"], trigger="manual")
                begun = time.monotonic()
                await api.result(good)
                assert api.accepted_times[good] - begun < 0.5
                result = await api.result(bad)
                assert result.status is RunStatus.UNKNOWN
                assert [attempt.status for attempt in result.attempts] == [RunStatus.FAILED]
                assert api.accepted_times[bad] - begun < 3.0

    on_loop(scenario)


def test_a_guard_that_fails_itself_costs_no_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(*_: object) -> Outcome:
        raise OSError("out of file descriptors")

    monkeypatch.setattr(NetworkGuard, "judge", broken)

    async def scenario() -> None:
        async def unreachable(check: ScriptedCheck, run_id: str) -> Outcome:
            return TIMED_OUT

        async with FakeApi() as api, running(api, tmp_path, ScriptedEngine(unreachable=unreachable)):
            await api.define("mon_1", {"script": "unreachable", "host": "192.0.2.7"})
            (run,) = await api.dispatch(["mon_1"])
            assert (await api.result(run)).status is RunStatus.FAILED

    on_loop(scenario)


def test_a_place_that_refuses_has_answered() -> None:
    async def scenario() -> None:
        place = Place()
        silent = Place()
        silent.go_silent()
        assert await reached(Canary("127.0.0.1", (place.port,)), ["127.0.0.1"])
        place.close()
        assert await reached(Canary("127.0.0.1", (place.port,)), ["127.0.0.1"])
        assert await reached(Canary("127.0.0.1", (silent.port, place.port)), ["127.0.0.1"])
        assert not await reached(Canary("127.0.0.1", (silent.port,)), ["127.0.0.1"])
        silent.close()

    on_loop(scenario)


def test_the_kernels_route_table_names_the_gateway(tmp_path: Path) -> None:
    table = tmp_path / "route"
    table.write_text(
        "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\n"
        "eth0\t0000A8C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\n"
        "eth0\t00000000\t0100A8C0\t0003\t0\t0\t100\t00000000\n"
    )
    assert [canary.host for canary in gateways(table)] == ["192.168.0.1"]
    assert gateways(tmp_path / "none") == []


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("1.1.1.1:53", "1.1.1.1", 53),
        ("[2606:4700::1111]:443", "2606:4700::1111", 443),
        ("https://Example.com/health", "example.com", 443),
        ("http://example.com", "example.com", 80),
        ("example.com", "example.com", 443),
    ],
)
def test_a_canary_is_an_address_with_a_port_or_a_url(text: str, host: str, port: int) -> None:
    assert parse_canary(text) == Canary(host, (port,))


@pytest.mark.parametrize("text", ["", "ftp://example.com", "example.com:port", "example.com:99999", ":53"])
def test_a_canary_that_cannot_be_asked_is_refused_with_a_sentence(text: str) -> None:
    with pytest.raises(BadCanaryError, match="TRACER_CANARIES"):
        parse_canary(text)


def test_worked_hosts_are_picked_from_different_networks_and_domains() -> None:
    worked = WorkedHosts()
    for target, address in (("a.x.com", "8.8.8.8"), ("b.x.com", "8.8.4.4"), ("c.y.com", "1.1.1.1")):
        worked.note(target, address, 443, looked_up=True)
    worked.note("d.z.com", "127.0.0.1", 443, looked_up=True)
    worked.note("only-mx.w.com", None, None)
    assert [canary.host for canary in worked.places(5)] == ["1.1.1.1", "8.8.4.4"]
    assert worked.names(2) == ["d.z.com", "c.y.com"]
    assert worked.network("a.x.com") == "8.8.0.0/16"


class Names(Resolver):
    """A resolver that knows some names. Nobody else answers."""

    def __init__(self, known: dict[str, bool]) -> None:
        super().__init__()
        self.known = known

    async def look_up(self, name: str, deadline: float):  # type: ignore[no-untyped-def]
        from egress.errors import NotResolvedError
        from egress.resolver import Found

        if name not in self.known:
            raise NotResolvedError(f"{name} does not exist")
        return Found((), 1.0)

    async def alive(self, deadline: float) -> bool:
        return False


@pytest.fixture
def place():  # type: ignore[no-untyped-def]
    place = Place()
    yield place
    place.close()


def _no_resolver(directory: Path) -> Resolver:
    conf = directory / "resolv.conf"
    conf.write_text("nameserver 127.0.0.1\n")
    return Resolver(resolv_conf=conf)


def _execution(host: str) -> Execution:
    """One whose first attempt has just ended."""
    return _execution_of(ScriptedCheck(type="test", name="one", host=host))


def _dns(host: str, **fields: str) -> DnsCheck:
    return DnsCheck.model_validate({"name": "a", "type": "dns", "host": host, **fields})


def _execution_of(check: CheckDefinition) -> Execution:
    run = HeldRun(LeasedRun("run_1", "mon_1", 0), HeldDispatch("dsp_1", 1, 1), 0.0)
    pulse = Pulse(lambda now: None)
    execution = Execution(run, Definition(1, check, Scrubber(())), ScriptedEngine(), pulse, lambda *_: None)
    execution.tried_at = execution.ended_at = time.monotonic()
    return execution


def _named(host: str) -> Execution:
    execution = _execution(host)
    execution.tried_at -= 10
    return execution


def _from(address: str) -> Outcome:
    return msgspec.structs.replace(PASSED, response={"remote_ip": address})


async def _look(guard: NetworkGuard) -> None:
    """The look that a guard takes by itself at the start."""
    guard.tick(time.monotonic(), None)
    watching = guard._watching
    assert watching is not None
    await watching


async def _verdict(guard: NetworkGuard, execution: Execution, outcome: Outcome) -> Outcome:
    return await guard.judge(execution, outcome) if guard.doubts(execution, outcome) else outcome
