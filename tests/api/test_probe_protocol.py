"""The probe protocol over real sockets, on both stores: leases that wait, results that count once."""

from __future__ import annotations

import json
import socket
import struct
import threading
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select, update

import api.probe_access
import api.probe_messages
import api.probe_protocol
from api.server import Server
from model.ids import slot_run_id
from model.protocol import LEASE_MS
from model.settings import Settings
from store.audit import UNAUDITED
from store.changes import append_change
from store.dispatches import NewDispatch, PlannedRun, add_dispatches, reopen_lost
from store.keyring import Keyring
from store.leases import lease_topic
from store.probes import delete_probe, register_probe
from store.service_clock import ABSENT_MS, beat
from store.sessions import EVERY_ORGANIZATION, Database
from store.tables import Check, Dispatch, ProbeInstance, Run
from store.wakeups import wake
from store.write_lock import Urgency
from tests.alerts.recording import add_check, rows_of
from tests.api.wire import Answer, Line, ask, wait_until
from tests.conftest import Clock

LEASE, RESULTS = "/v1/probe/lease", "/v1/probe/results"


class ProbeOfTests:
    """A probe that says what the test wants."""

    def __init__(self, server: Server, key: str, instance: str = "one") -> None:
        self.server, self.key, self.instance = server, key, instance

    def line(self) -> Line:
        return Line(self.server)

    def ask_lease(self, line: Line, **facts: Any) -> None:
        line.request("POST", LEASE, self.lease_request(**facts), f"Authorization: Bearer {self.key}")

    def lease_request(self, **facts: Any) -> bytes:
        asked = {
            "protocol": 1, "instance": self.instance, "version": "1.0", "types": ["url"],
            "capabilities": ["network"], "capacity": 100, "wait_ms": 0, "a_new_field": {"is": "ignored"}, **facts,
        }  # fmt: skip
        return json.dumps(asked).encode()

    def lease(self, *, status: int = 200, **facts: Any) -> Any:
        answer = ask(self.server, "POST", LEASE, self.lease_request(**facts), f"Authorization: Bearer {self.key}")
        assert answer.status == status, answer.body
        return answer.json

    def post_results(self, results: Sequence[Any], **facts: Any) -> Answer:
        body = json.dumps({"protocol": 1, "instance": self.instance, "results": results, **facts}).encode()
        return ask(self.server, "POST", RESULTS, body, f"Authorization: Bearer {self.key}")

    def report(self, *results: Any) -> Any:
        answer = self.post_results(results)
        assert answer.status == 200, answer.body
        return answer.json


class Yard:
    """An organization with a probe at `local`, and a way to make work for it."""

    def __init__(self, database: Database, keyring: Keyring, organization: str, clock: Clock) -> None:
        self.database, self.keyring, self.organization, self.clock = database, keyring, organization, clock
        self.check = add_check(database, organization)
        self.key = self.register("probe", "local")

    def register(self, name: str, location: str) -> str:
        with self.database.write(EVERY_ORGANIZATION, Urgency.PEOPLE) as session:
            probe, key = register_probe(session, self.keyring, self.organization, (name, location), self.clock.now_ms)
            self.probe_id = probe.id
        return key

    def slots(self, count: int, *, first_in_ms: int = 500) -> list[PlannedRun]:
        dues = [self.clock.now_ms + first_in_ms + 10_000 * number for number in range(count)]
        return [(slot_run_id(self.check, "local", due), self.check, due, due + 10_000_000, "schedule") for due in dues]

    def dispatch(self, runs: int | list[PlannedRun] = 1, *, priority: int = 1, location: str = "local") -> str:
        planned = self.slots(runs) if isinstance(runs, int) else runs
        new = NewDispatch(self.organization, location, "network", planned, priority)
        with self.database.write(EVERY_ORGANIZATION, Urgency.RESULTS) as session:
            add_dispatches(session, [new], self.clock.now_ms)
            wake(session, lease_topic(self.organization))
        return self.rows()[-1].id

    def rows(self) -> list[Dispatch]:
        with self.database.read(EVERY_ORGANIZATION) as session:
            return list(session.scalars(select(Dispatch).order_by(Dispatch.created_ms, Dispatch.id)))

    def runs(self) -> dict[str, str]:
        return {row["id"]: row["status"] for row in rows_of(self.database, Run)}

    def rescue(self) -> None:
        """Let the probe's lease run out while the API serves: one leap of the clock would be an absence of the API, and
        its next beat a fresh lease for everybody."""
        for _ in range(0, LEASE_MS + 1, ABSENT_MS):
            self.clock.advance(ABSENT_MS)
            with self.database.write(EVERY_ORGANIZATION, Urgency.RESULTS) as session:
                beat(session, self.clock.now_ms)
        with self.database.write(EVERY_ORGANIZATION, Urgency.RESULTS) as session:
            assert reopen_lost(session, self.clock.now_ms, 100)

    def pause(self) -> None:
        with self.database.write(EVERY_ORGANIZATION, Urgency.PEOPLE) as session:
            session.execute(
                update(Check).where(Check.id == self.check).values(status="paused"), execution_options={UNAUDITED: True}
            )
            append_change(session, self.organization, "check", self.check, self.clock.now_ms)

    def edit(self) -> None:
        with self.database.write(EVERY_ORGANIZATION, Urgency.PEOPLE) as session:
            session.execute(
                update(Check).where(Check.id == self.check).values(version=2, definition={"new": True}),
                execution_options={UNAUDITED: True},
            )
            append_change(session, self.organization, "check", self.check, self.clock.now_ms)


@pytest.fixture
def yard(database: Database, keyring: Keyring, organization: str, clock: Clock) -> Yard:
    return Yard(database, keyring, organization, clock)


@pytest.fixture
def server(database: Database, keyring: Keyring, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    # What a wake-up must bring can't come by looking: that is what these tests are to show.
    monkeypatch.setattr(api.probe_protocol, "LOOK_S", 60.0)
    app = Flask("people")
    app.add_url_rule("/small", view_func=lambda: {"small": True})
    with Server(app, database, keyring, Settings(port=0)) as serving:
        _await_wakeups(database)
        yield serving


def _await_wakeups(database: Database) -> None:
    """PostgreSQL's listener connects when the first subscribes: until then words are lost, as they may be."""
    heard = threading.Event()
    unsubscribe = database.wakeups.subscribe("ready", heard.set)

    def told() -> bool:
        with database.write(EVERY_ORGANIZATION, Urgency.PEOPLE) as session:
            wake(session, "ready")
        return heard.wait(0.02)

    wait_until(told, "wake-ups arrive")
    unsubscribe()


@pytest.fixture
def probe(server: Server, yard: Yard) -> ProbeOfTests:
    return ProbeOfTests(server, yard.key)


def passed(batch: Any, index: int = 0, **facts: Any) -> dict[str, Any]:
    """A passed result of a leased run."""
    run = batch["runs"][index]
    return {
        "run_id": run["run_id"], "dispatch_id": batch["dispatch_id"], "token": batch["token"],
        "check_id": run["check_id"], "check_version": 1, "status": "success", "late_ms": 2.5, "duration_ms": 40.25,
        "elapsed_ms": 41.0, "metrics": {"dns_ms": 1.0, "ttfb_ms": 30.0},
        "attempts": [{"late_ms": 2.5, "status": "success", "duration_ms": 40.25}], "something_new": 1, **facts,
    }  # fmt: skip


def failed(batch: Any, index: int = 0, **facts: Any) -> dict[str, Any]:
    error = {"code": "timeout", "message": "no answer within 30 s"}
    return passed(batch, index, status="failed", error=error, **facts)


# Who may


def test_only_a_probe_s_key_opens_the_protocol(server: Server) -> None:
    for path in (LEASE, RESULTS):
        for header in ("X-None: 1", "Authorization: Bearer tprb_wrong", "Authorization: Basic eDp5"):
            answer = ask(server, "POST", path, b"{}", header)
            assert (answer.status, answer.code) == (401, "unauthorized")


def test_a_deleted_probe_is_refused_within_a_second(
    server: Server, probe: ProbeOfTests, yard: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    probe.lease()
    with yard.database.write(yard.organization, Urgency.PEOPLE) as session:
        assert delete_probe(session, yard.probe_id, yard.clock.now_ms)
    assert api.probe_access.REMEMBERED_S <= 1.0
    monkeypatch.setattr(api.probe_access, "REMEMBERED_S", 0.0)
    probe.lease(status=401)
    assert probe.post_results([]).status == 401


def test_a_waiting_lease_ends_when_its_key_is_revoked(
    probe: ProbeOfTests, yard: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api.probe_access, "REMEMBERED_S", 0.0)
    with probe.line() as line:
        probe.ask_lease(line, wait_ms=2000)
        wait_until(lambda: probe.server.probes.waiting == 1, "the poll waits")
        with yard.database.write(yard.organization, Urgency.PEOPLE) as session:
            delete_probe(session, yard.probe_id, yard.clock.now_ms)  # wakes the poll
        assert line.answer().status == 401


def test_an_older_protocol_is_told_to_upgrade_whatever_else_it_says(probe: ProbeOfTests) -> None:
    for path in (LEASE, RESULTS):
        answer = ask(probe.server, "POST", path, b'{"protocol": 0}', f"Authorization: Bearer {probe.key}")
        assert (answer.status, answer.code) == (426, "upgrade_required")


_NO_MESSAGES = [
    b"", b"{", b"[]", b"null", b'{"protocol": 1}', b'{"protocol": "1"}', b"\xff\xfe", b"[" * 100_000,
    b'{"protocol": 1, "instance": "\\u0000", "version": "", "types": [], "capabilities": [], "capacity": 1}',
    b'{"protocol": 1, "instance": "\\ud800", "version": "", "types": [], "capabilities": [], "capacity": 1}',
]  # fmt: skip


def test_what_is_no_message_is_400(probe: ProbeOfTests) -> None:
    for path in (LEASE, RESULTS):
        for body in _NO_MESSAGES:
            answer = ask(probe.server, "POST", path, body, f"Authorization: Bearer {probe.key}")
            assert (answer.status, answer.code) == (400, "malformed"), body[:100]


def test_texts_and_numbers_no_store_can_hold_do_no_harm(probe: ProbeOfTests, database: Database) -> None:
    probe.lease(
        version="v\x00" * 100, types=["url", "\x00", "x" * 500], capabilities=["network", "\x00"], self_check="\x00odd",
        running=-1, spool=10**12, seen=-5, wait_ms=-5, capacity=10**15, holding=["\x00"],
        released=[{"dispatch_id": "\x00", "token": 10**12, "runs": ["\x00"]}],
    )  # fmt: skip
    (row,) = rows_of(database, ProbeInstance)
    assert (row["version"], row["types"], row["self_check"]) == ("v" * 40, ["url"], "off")
    assert (row["capabilities"], row["running"], row["spool"]) == (["network"], 0, 2**31 - 1)


def test_an_instance_id_of_another_probe_is_409(server: Server, probe: ProbeOfTests, yard: Yard) -> None:
    probe.lease()
    other = ProbeOfTests(server, yard.register("second", "local"))
    other.lease(status=409)


# Leases


def test_a_lease_brings_runs_definitions_and_the_delay_until_due(probe: ProbeOfTests, yard: Yard) -> None:
    dispatch = yard.dispatch(yard.slots(2, first_in_ms=500))
    answer = probe.lease()
    (batch,) = answer["batches"]
    assert (answer["location"], answer["protocol"], batch["dispatch_id"], batch["token"]) == ("local", 1, dispatch, 1)
    assert answer["seen"] >= 1
    first, second = (run["due_in_ms"] for run in batch["runs"])
    assert 0 < first <= 500
    assert second - first == 10_000
    assert [(check["check_id"], check["version"]) for check in answer["checks"]] == [(yard.check, 1)]
    assert answer["held_ms"] > 0


def test_a_waiting_lease_is_woken_by_new_work(probe: ProbeOfTests, yard: Yard) -> None:
    with probe.line() as line:
        probe.ask_lease(line, wait_ms=2000)
        wait_until(lambda: probe.server.probes.waiting == 1, "the poll waits")
        yard.dispatch()
        answer = line.answer().json
    assert len(answer["batches"]) == 1
    assert answer["held_ms"] < 2000


def test_a_lost_wake_up_costs_a_second_at_most(
    probe: ProbeOfTests, yard: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert api.probe_protocol.LOOK_S >= 1.0
    monkeypatch.setattr(api.probe_protocol, "LOOK_S", 0.05)
    with probe.line() as line:
        probe.ask_lease(line, wait_ms=2000)
        wait_until(lambda: probe.server.probes.waiting == 1, "the poll waits")
        with yard.database.write(EVERY_ORGANIZATION, Urgency.RESULTS) as session:  # and nobody is woken
            add_dispatches(
                session, [NewDispatch(yard.organization, "local", "network", yard.slots(1))], yard.clock.now_ms
            )
        assert len(line.answer().json["batches"]) == 1


def test_a_lease_without_work_ends_empty_when_its_time_is_up(probe: ProbeOfTests) -> None:
    answer = probe.lease(wait_ms=50)
    assert "batches" not in answer
    assert answer["held_ms"] >= 50


def test_of_two_waiting_probes_one_gets_the_run(server: Server, probe: ProbeOfTests, yard: Yard) -> None:
    with probe.line() as first, probe.line() as second:
        probe.ask_lease(first, wait_ms=300)
        ProbeOfTests(server, yard.key, "two").ask_lease(second, wait_ms=300)
        wait_until(lambda: server.probes.waiting == 2, "both wait")
        yard.dispatch()
        brought = [len(line.answer().json.get("batches", [])) for line in (first, second)]
    assert sorted(brought) == [0, 1]


def test_a_vanished_client_frees_its_slot_and_is_leased_nothing(probe: ProbeOfTests, yard: Yard) -> None:
    line = probe.line()
    probe.ask_lease(line, wait_ms=2000)
    wait_until(lambda: probe.server.probes.waiting == 1, "the poll waits")
    line.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    line.close()
    wait_until(lambda: probe.server.probes.waiting == 0, "the slot is free", within_s=1.5)
    yard.dispatch()
    assert yard.rows()[0].instance_id is None


def test_a_second_request_of_an_instance_ends_the_first(probe: ProbeOfTests) -> None:
    with probe.line() as first, probe.line() as second:
        probe.ask_lease(first, wait_ms=2000)
        wait_until(lambda: probe.server.probes.waiting == 1, "the poll waits")
        probe.ask_lease(second, wait_ms=50)
        assert first.answer().json["held_ms"] < 2000
        assert second.answer().status == 200


def test_a_hundred_waiting_leases_leave_people_their_answers(
    server: Server, probe: ProbeOfTests, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api.probe_messages, "RENEW_MS", 30_000)  # a slow machine needs more than 2 s to ask so often
    lines = [probe.line() for _ in range(100)]
    for number, line in enumerate(lines):
        ProbeOfTests(server, probe.key, f"i{number}").ask_lease(line, wait_ms=30_000)
    wait_until(lambda: server.probes.waiting >= 90, "they wait")
    answers = [ask(server, "GET", "/small").status for _ in range(20)]
    still = server.probes.waiting
    for line in lines:
        line.close()
    assert answers == [200] * 20
    assert still >= 90


def test_stopping_ends_waiting_leases_at_once(probe: ProbeOfTests) -> None:
    with probe.line() as line:
        probe.ask_lease(line, wait_ms=2000)
        wait_until(lambda: probe.server.probes.waiting == 1, "the poll waits")
        probe.server.stop()
        answer = line.answer()
    assert (answer.status, answer.headers["connection"]) == (200, "close")
    assert answer.json["held_ms"] < 2000


def test_a_pause_reaches_a_waiting_probe_that_holds_runs_of_it(probe: ProbeOfTests, yard: Yard) -> None:
    yard.dispatch(2)
    leased = probe.lease()
    held = [batch["dispatch_id"] for batch in leased["batches"]]
    with probe.line() as line:
        probe.ask_lease(line, wait_ms=2000, seen=leased["seen"], holding=held)
        wait_until(lambda: probe.server.probes.waiting == 1, "the poll waits")
        yard.pause()
        answer = line.answer().json
    assert answer["cancelled"] == [yard.check]
    assert answer["seen"] > leased["seen"]
    assert "cancelled" not in probe.lease(seen=answer["seen"], holding=held)


def test_an_edit_reaches_a_waiting_probe_that_holds_runs_of_it(probe: ProbeOfTests, yard: Yard) -> None:
    yard.dispatch(2)
    leased = probe.lease()
    held = [batch["dispatch_id"] for batch in leased["batches"]]
    with probe.line() as line:
        probe.ask_lease(line, wait_ms=2000, seen=leased["seen"], holding=held)
        wait_until(lambda: probe.server.probes.waiting == 1, "the poll waits")
        yard.edit()
        answer = line.answer().json
    assert [(check["version"], check["definition"]) for check in answer["checks"]] == [(2, {"new": True})]


def test_a_change_of_a_check_it_does_not_hold_does_not_wake_a_probe(probe: ProbeOfTests, yard: Yard) -> None:
    seen = probe.lease()["seen"]
    with probe.line() as line:
        probe.ask_lease(line, wait_ms=200, seen=seen)
        wait_until(lambda: probe.server.probes.waiting == 1, "the poll waits")
        yard.edit()
        assert line.answer().json["held_ms"] >= 200


def test_runs_of_a_paused_check_are_cancelled_in_place_of_leased(probe: ProbeOfTests, yard: Yard) -> None:
    yard.dispatch(2)
    yard.pause()
    assert "batches" not in probe.lease()
    assert list(yard.runs().values()) == ["cancelled"] * 2
    assert yard.rows()[0].closed_ms is not None


def test_an_answer_that_never_arrived_is_given_again(probe: ProbeOfTests, yard: Yard) -> None:
    yard.dispatch(2)
    first = probe.lease()["batches"]
    again = probe.lease(holding=[])
    assert [(batch["dispatch_id"], batch["token"]) for batch in again["batches"]] == [(first[0]["dispatch_id"], 1)]
    assert [check["check_id"] for check in again["checks"]] == [yard.check]


def test_released_runs_go_to_another_probe_that_waits(server: Server, probe: ProbeOfTests, yard: Yard) -> None:
    yard.dispatch(3)
    (batch,) = probe.lease()["batches"]
    other = ProbeOfTests(server, yard.key, "two")
    with other.line() as line:
        other.ask_lease(line, wait_ms=2000)
        wait_until(lambda: server.probes.waiting == 1, "the poll waits")
        last = batch["runs"][2]["run_id"]
        released = [{"dispatch_id": batch["dispatch_id"], "token": batch["token"], "runs": [last]}]
        probe.lease(stopping=True, capacity=0, holding=[batch["dispatch_id"]], released=released)
        (taken,) = line.answer().json["batches"]
    assert [run["run_id"] for run in taken["runs"]] == [last]
    assert probe.report(passed(batch, 0)) == {"accepted": 1}


def test_a_new_process_ends_the_lease_of_the_one_it_replaces(server: Server, probe: ProbeOfTests, yard: Yard) -> None:
    yard.dispatch()
    probe.lease()
    ProbeOfTests(server, yard.key, "two").lease(replaces="one", capacity=0)
    with yard.database.write(EVERY_ORGANIZATION, Urgency.RESULTS) as session:
        assert len(reopen_lost(session, yard.clock.now_ms, 100)) == 1


# Results


def test_a_result_is_stored_before_it_is_acknowledged(probe: ProbeOfTests, yard: Yard) -> None:
    yard.dispatch(2)
    (batch,) = probe.lease()["batches"]
    assert probe.report(passed(batch, 0), failed(batch, 1)) == {"accepted": 2}
    first, second = sorted(rows_of(yard.database, Run), key=lambda row: row["at_ms"])
    assert (first["status"], second["status"], second["error_code"]) == ("success", "failed", "timeout")
    assert first["started_ms"] == first["at_ms"] + 2
    assert first["completed_ms"] == first["started_ms"] + 41
    assert (first["duration_ms"], first["dns_ms"], first["probe_id"]) == (40.25, 1.0, yard.probe_id)
    assert yard.rows()[0].closed_ms is not None


def test_the_same_result_twice_counts_once(probe: ProbeOfTests, yard: Yard) -> None:
    yard.dispatch(1)
    (batch,) = probe.lease()["batches"]
    assert probe.report(passed(batch)) == {"accepted": 1}
    assert probe.report(passed(batch), passed(batch)) == {"accepted": 2}
    assert len(yard.runs()) == 1


def test_a_zombie_s_result_is_refused_once_another_probe_has_the_run(
    server: Server, probe: ProbeOfTests, yard: Yard
) -> None:
    yard.dispatch(1)
    (old,) = probe.lease()["batches"]
    yard.rescue()
    other = ProbeOfTests(server, yard.key, "two")
    (new,) = other.lease()["batches"]
    (refused,) = probe.report(failed(old))["refused"]
    assert refused == {"run_id": old["runs"][0]["run_id"], "reason": "the run was leased to another probe"}
    assert yard.runs() == {}
    assert other.report(passed(new)) == {"accepted": 1}


def test_the_last_holder_s_late_result_counts_while_nobody_else_has_the_run(probe: ProbeOfTests, yard: Yard) -> None:
    yard.dispatch(1)
    (batch,) = probe.lease()["batches"]
    yard.rescue()
    assert probe.report(passed(batch)) == {"accepted": 1}
    assert list(yard.runs().values()) == ["success"]


def test_a_new_process_may_report_what_the_one_before_it_did(server: Server, probe: ProbeOfTests, yard: Yard) -> None:
    yard.dispatch(1)
    (batch,) = probe.lease()["batches"]
    assert ProbeOfTests(server, yard.key, "two").report(passed(batch)) == {"accepted": 1}


def test_results_for_other_probes_locations_and_organizations_are_refused(
    server: Server, probe: ProbeOfTests, yard: Yard, keyring: Keyring, make_organization: Any
) -> None:
    yard.dispatch(1)
    (batch,) = probe.lease()["batches"]
    stranger = Yard(yard.database, keyring, make_organization("Other"), yard.clock)
    for key in (yard.register("b", "local"), yard.register("c", "eu-west"), stranger.key):
        assert len(ProbeOfTests(server, key, "x").report(passed(batch))["refused"]) == 1
    assert yard.runs() == {}


def test_what_a_result_says_of_its_run_must_be_what_was_dispatched(probe: ProbeOfTests, yard: Yard) -> None:
    yard.dispatch(1)
    (batch,) = probe.lease()["batches"]
    other = add_check(yard.database, yard.organization)
    answer = probe.report(
        passed(batch, check_id=other), passed(batch, run_id="run_other"), passed(batch, dispatch_id="dsp_none"),
        passed(batch, token=0), passed(batch, token=2),
    )  # fmt: skip
    assert (answer["accepted"], len(answer["refused"])) == (0, 5)
    assert yard.runs() == {}


_GARBAGE: list[Any] = [
    None, 5, "text", {}, {"run_id": 5}, {"run_id": "run_x"},
]  # fmt: skip
_WRONG: list[dict[str, Any]] = [
    {"status": "queued"},
    {"status": "failed", "error": None},
    {"status": "failed", "error": {"code": "no_such_code", "message": ""}},
    {"status": "failed", "error": {"code": "probe_lost", "message": ""}},
    {"status": "unknown", "error": {"code": "timeout", "message": ""}},
    {"duration_ms": -1},
    {"duration_ms": 1e300},
    {"metrics": {"dns_ms": -5}},
    {"metrics": 7},
    {"late_ms": 1e15},
    {"elapsed_ms": -1},
    {"check_version": -1},
    {"check_version": 2**40},
    {"token": 2**70},
    {"attempts": [{"late_ms": 1e300, "status": "success"}]},
    {"run_id": "run\x00"},
    {"dispatch_id": "x" * 500},
]


def test_garbage_among_results_costs_only_itself(probe: ProbeOfTests, yard: Yard) -> None:
    yard.dispatch(3)
    (batch,) = probe.lease()["batches"]
    bad = [passed(batch, 1, **wrong) for wrong in _WRONG]
    answer = probe.report(passed(batch, 0), *_GARBAGE, *bad, passed(batch, 2))
    assert answer["accepted"] == 2
    assert len(answer["refused"]) == 1 + len(_WRONG)
    assert sorted(yard.runs()) == sorted(batch["runs"][index]["run_id"] for index in (0, 2))


def test_strange_texts_in_a_result_are_stored_without_what_no_store_holds(probe: ProbeOfTests, yard: Yard) -> None:
    yard.dispatch(1)
    (batch,) = probe.lease()["batches"]
    strange = {"code": "timeout", "message": "a\x00b" + "c" * 5000}
    said = [{"type": "body", "operator": "contains", "expected": "\x00", "actual": "\x00", "passed": False}]
    result = passed(batch, status="failed", error=strange, response={"body": "\x00"}, assertions=said)
    assert probe.report(result) == {"accepted": 1}
    (row,) = rows_of(yard.database, Run)
    assert row["error_message"].startswith("abc")
    assert len(row["error_message"]) == 2000


def test_a_result_the_store_can_not_hold_is_refused_alone(
    probe: ProbeOfTests, yard: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:

    monkeypatch.setattr(api.probe_messages, "_MESSAGE_CHARACTERS", 10**9)
    monkeypatch.setattr(api.probe_messages, "_plain", lambda text: text)
    yard.dispatch(5)
    (batch,) = probe.lease()["batches"]
    bad = failed(batch, 3, check_version=1, late_ms=1.0)
    bad["error"]["message"] = "\x00" if not yard.database.sqlite else "fine"
    answer = probe.report(*[passed(batch, index) for index in (0, 1, 2)], bad, passed(batch, 4))
    if yard.database.sqlite:
        assert answer == {"accepted": 5}
    else:
        assert answer["accepted"] == 4
        assert [refusal["reason"] for refusal in answer["refused"]] == ["it could not be stored"]


def test_a_run_that_was_never_begun_has_no_start(probe: ProbeOfTests, yard: Yard) -> None:
    yard.dispatch(1)
    (batch,) = probe.lease()["batches"]
    result = passed(batch, status="cancelled", late_ms=0, duration_ms=None, elapsed_ms=0, attempts=[], check_version=0)
    assert probe.report(result) == {"accepted": 1}
    (row,) = rows_of(yard.database, Run)
    assert (row["status"], row["started_ms"]) == ("cancelled", None)


def test_results_from_many_connections_at_once_are_all_stored(server: Server, probe: ProbeOfTests, yard: Yard) -> None:
    yard.dispatch(40)
    (batch,) = probe.lease()["batches"]
    answers: list[Any] = []

    def report(first: int) -> None:
        answers.append(probe.report(*[passed(batch, index) for index in range(first, first + 10)]))

    threads = [threading.Thread(target=report, args=(first,)) for first in (0, 10, 20, 30, 0, 10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert answers == [{"accepted": 10}] * 6
    assert len(yard.runs()) == 40
    assert yard.rows()[0].closed_ms is not None
