"""Runs that ended are analysed without being asked for, once each, whatever dies and whatever comes later."""

from __future__ import annotations

from typing import Any

import pytest

from store.sessions import EVERY_ORGANIZATION, Database
from store.statements import rows, run
from store.write_lock import Urgency
from telemetry.agents import analysing
from telemetry.agents.analysing import AT_ONCE, Analysing
from telemetry.agents.analysis import Analysis, analyze
from telemetry.agents.recordings import Recording
from telemetry.agents.stored.ended import SILENT_MS
from tests.api.client import Client
from tests.api.conftest import INTERNAL_TOKEN
from tests.conftest import Clock
from tests.telemetry.agents.recorded import Said, asks, ends, goes_wrong, says
from tests.telemetry.agents.running import append, begin, event
from tests.telemetry.agents.shown_cases import looking
from tests.telemetry.agents.test_spans import Sending
from tests.telemetry.agents.test_stored_analyses import record
from tests.telemetry.reporting import make_project

LOOP: list[Said] = [asks(), *looking(4), ends()]


def stored(client: Client, session_id: str = "trace_1") -> dict[str, Any] | None:
    answer = client("GET", f"/api/traces/{session_id}/analysis")
    assert answer.status_code in (200, 404)
    found: dict[str, Any] | None = answer.get_json() if answer.status_code == 200 else None
    return found


def waiting(database: Database) -> int:
    with database.telemetry.read(EVERY_ORGANIZATION) as session:
        return int(rows(session, "SELECT count(*) FROM agent_ended")[0][0])


def test_a_run_that_ended_is_analysed_and_part_of_an_incident(owner: Client, database: Database) -> None:
    record(owner, LOOP)
    record(owner, LOOP[:-1], "goes_on")
    assert stored(owner) is None
    Analysing(database).work()
    found = stored(owner)
    assert found is not None
    assert ([each["label"] for each in found["detectors"]], found["critical_step"]) == (["tool_loop"], 2)
    assert owner("GET", f"/api/incidents/{found['incident_id']}").get_json()["session_ids"] == ["trace_1"]
    assert (stored(owner, "goes_on"), waiting(database)) == (None, 1), "it may fall silent"
    assert owner("POST", "/api/traces/trace_1/analyze").get_json() == found, "asked for, it is the same"


def test_a_run_that_came_over_opentelemetry_is_too(owner: Client, database: Database, clock: Clock) -> None:
    sending = Sending(make_project(owner))
    sending.send(sending.chat(), sending.agent(error="boom"))
    Analysing(database).work()
    found = stored(owner, sending.sessions()[0]["id"])
    assert found is not None
    assert [each["label"] for each in found["detectors"]] == ["unhandled_error"]


def test_a_run_that_falls_silent_is_looked_at_as_it_stands_and_again_when_it_goes_on(
    owner: Client, database: Database, clock: Clock
) -> None:
    record(owner, [asks(), goes_wrong(handled=False)])
    clock.now_ms += SILENT_MS - 1
    Analysing(database).work()
    assert stored(owner) is None
    clock.now_ms += 1
    Analysing(database).work()
    found = stored(owner)
    assert found is not None
    assert ([each["label"] for each in found["detectors"]], waiting(database)) == (["unhandled_error"], 0)
    append(owner, event(10, "message", payload={"role": "assistant", "content": "Here I am again."}), status=201)
    clock.now_ms += SILENT_MS - 1
    append(owner, event(11, "log"), status=201)
    clock.now_ms += SILENT_MS - 1
    Analysing(database).work()
    assert waiting(database) == 1, "it goes on"
    append(owner, event(12, "end", payload={"status": "failed", "reason": "max_steps"}), status=201)
    Analysing(database).work()
    found = stored(owner)
    assert found is not None
    assert [each["label"] for each in found["detectors"]] == ["unhandled_error", "premature_end"]


def test_what_comes_after_is_looked_at_again(owner: Client, database: Database) -> None:
    record(owner, [asks(), says("Hello."), ends()])
    Analysing(database).work()
    clean = stored(owner)
    assert clean is not None
    assert (clean["detectors"], clean["incident_id"]) == ([], None)
    append(owner, event(4, "error", payload={"message": "boom"}), status=201)
    append(owner, event(5, "end", payload={"status": "failed"}), status=201)
    Analysing(database).work()
    found = stored(owner)
    assert found is not None
    assert ([each["label"] for each in found["detectors"]], bool(found["incident_id"])) == (["unhandled_error"], True)


def test_what_a_server_put_or_somebody_asked_for_stays_until_more_comes(owner: Client, database: Database) -> None:
    server, path = Client(owner.client, INTERNAL_TOKEN), "/api/traces/trace_1/analysis"
    record(owner, LOOP)
    mine = {"label": "stall", "confidence": 0.5, "step": 3, "evidence": [3, 4]}
    put = server("PUT", path, {"detectors": [mine], "incident_id": None})
    assert put.status_code == 200
    Analysing(database).work()
    assert (stored(owner), waiting(database)) == (put.get_json(), 0)
    append(owner, event(20, "log"), status=201)
    Analysing(database).work()
    found = stored(owner)
    assert found is not None
    assert [each["label"] for each in found["detectors"]] == ["tool_loop"]


@pytest.mark.parametrize("point", ["joined", "kept"])
def test_cut_off_it_is_taken_up_again_and_counted_once(owner: Client, database: Database, point: str) -> None:
    record(owner, LOOP)

    def die(reached: str) -> None:
        if reached == point:
            raise SystemExit

    with pytest.raises(SystemExit):
        Analysing(database, die).work()
    assert waiting(database) == (point == "joined")
    Analysing(database).work()
    found = stored(owner)
    assert found is not None
    incident = owner("GET", f"/api/incidents/{found['incident_id']}").get_json()
    assert (incident["count"], incident["session_ids"], waiting(database)) == (1, ["trace_1"], 0)


def test_what_comes_while_it_is_looked_at_is_not_lost(owner: Client, database: Database) -> None:
    record(owner, [asks(), goes_wrong(), ends("failed")])

    def add(reached: str) -> None:
        if reached == "joined":
            append(owner, [event(10, "tool_call", payload={"tool": "x"}), event(11, "end")])

    Analysing(database, add).work()
    assert waiting(database) == 1
    Analysing(database).work()
    found = stored(owner)
    assert found is not None
    assert ([each["label"] for each in found["detectors"]], waiting(database)) == (
        ["unhandled_error", "premature_end"], 0,
    )  # fmt: skip


def test_who_was_away_catches_up_the_oldest_first(owner: Client, database: Database, clock: Clock) -> None:
    for number in range(AT_ONCE + 2):
        begin(owner, session_id=f"run_{number}")
        append(owner, event(1, "end"), to=f"run_{number}", status=201)
        clock.now_ms += 1
    clock.now_ms += 3_600_000
    Analysing(database).work()
    assert [number for number in range(AT_ONCE + 2) if stored(owner, f"run_{number}") is None] == [AT_ONCE, AT_ONCE + 1]
    Analysing(database).work()
    assert (stored(owner, f"run_{AT_ONCE + 1}") is None, waiting(database)) == (False, 0)


def test_a_run_that_breaks_a_detector_keeps_no_other_waiting(
    owner: Client, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    record(owner, LOOP)
    record(owner, [asks("Hi"), *LOOP], "other")

    def broken(recording: Recording) -> Analysis:
        if len(recording.facts) == len(LOOP):
            raise ZeroDivisionError
        return analyze(recording)

    monkeypatch.setattr(analysing, "analyze", broken)
    Analysing(database).work()
    assert (stored(owner), stored(owner, "other") is None, waiting(database)) == (None, False, 0)


def test_a_run_that_went_meanwhile_is_forgotten(owner: Client, database: Database) -> None:
    record(owner, LOOP)
    with database.telemetry.write(EVERY_ORGANIZATION, Urgency.HOUSEKEEPING) as session:
        run(session, "DELETE FROM agent_sessions")
    Analysing(database).work()
    assert waiting(database) == 0
