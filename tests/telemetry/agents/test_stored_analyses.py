"""/api/traces/:id/analysis and /analyze: what is found is stored, answered, and written by nobody but our servers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask

from api.services import Services, install
from model.settings import Settings
from store.keyring import Keyring
from store.sessions import EVERY_ORGANIZATION, Database
from store.write_lock import Urgency
from telemetry.agents import analysis
from telemetry.agents.analysis import Analysis
from telemetry.agents.detectors.base import Finding
from telemetry.agents.stored import analyses
from telemetry.agents.stored.analyses import get_analysis, link_incident, recording_of_session, store_analysis
from telemetry.agents.stored.sessions import NewSession, begin_session
from tests.api.client import Client
from tests.api.conftest import INTERNAL_TOKEN
from tests.api.people import Crowd
from tests.telemetry.agents.recorded import Said, asks, ends, events_of, goes_wrong
from tests.telemetry.agents.running import append, begin, event
from tests.telemetry.agents.shown_cases import looking
from tests.telemetry.reporting import make_project

PATH = "/api/traces/trace_1"
LOOP: list[Said] = [asks(), *looking(5), ends()]
FOUND = {"label": "stall", "confidence": 0.5, "step": 3, "evidence": [3, 4]}
sqlite_only = pytest.mark.parametrize("store", ["sqlite"], indirect=True)


def record(client: Client, said: list[Said], session_id: str = "trace_1", **fields: Any) -> None:
    begin(client, session_id=session_id, **fields)
    sent = [event(e["seq"], e["type"], step=e["step"], payload=e["payload"]) for e in events_of(said)]
    append(client, sent, to=session_id)


@pytest.fixture
def server(owner: Client) -> Client:
    return Client(owner.client, INTERNAL_TOKEN)


def test_it_is_made_stored_and_answered(owner: Client) -> None:
    record(owner, LOOP)
    missing = owner("GET", f"{PATH}/analysis")
    assert (missing.status_code, missing.get_json()["error"]["code"]) == (404, "not_found")
    made = owner("POST", f"{PATH}/analyze")
    assert made.status_code == 200
    [loop] = made.get_json()["detectors"]
    assert made.get_json() == {
        "session_id": "trace_1",
        "detectors": [loop],
        "critical_step": 2,
        "summary": f"Step 2: {loop['explanation']}",
        "incident_id": made.get_json()["incident_id"],
        "version": analysis.VERSION,
    }
    assert made.get_json()["incident_id"].startswith("inc_")
    assert (loop["label"], loop["confidence"], loop["step"]) == ("tool_loop", 0.9, 2)
    assert loop["evidence"] == [2, 4, 6, 8, 10]
    assert owner("GET", f"{PATH}/analysis").get_json() == made.get_json()
    assert owner("POST", f"{PATH}/analyze").get_json() == made.get_json()


def test_it_is_another_once_more_has_happened(owner: Client) -> None:
    record(owner, LOOP[:5])
    assert owner("POST", f"{PATH}/analyze").get_json()["critical_step"] is None
    append(owner, [event(20 + n, "error", payload={"message": "boom"}, step=None) for n in range(2)])
    assert owner("POST", f"{PATH}/analyze").get_json()["critical_step"] == 20, "the seq, where there is no step"


def test_a_run_without_events_shows_nothing(owner: Client) -> None:
    begin(owner)
    assert owner("POST", f"{PATH}/analyze").get_json()["summary"] == "Nothing was found in 0 events."


def test_whatever_order_it_was_stored_in_the_seq_is_what_counts(owner: Client) -> None:
    """Two senders take turns; clients' clocks run any way."""
    record(owner, LOOP)
    begin(owner, session_id="trace_2")
    for each in events_of(LOOP):
        at = f"2024-01-15T10:{59 - each['seq']:02}:00Z"
        append(owner, event(each["seq"], each["type"], timestamp=at, step=each["step"], payload=each["payload"]),
               to="trace_2", status=201)  # fmt: skip
    one, other = (owner("POST", f"/api/traces/trace_{number}/analyze").get_json() for number in (1, 2))
    assert {**one, "session_id": ""} == {**other, "session_id": ""}, "one incident, too"


def test_long_runs_are_read_in_parts_and_to_an_end(
    database: Database, owner: Client, organization: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    record(owner, [*LOOP, goes_wrong(), ends("failed")])
    monkeypatch.setattr(analyses, "_AT_ONCE", 4)
    for most, read, whole in ((100, 14, True), (14, 14, True), (12, 12, False), (6, 8, False)):
        monkeypatch.setattr(analyses, "MOST_EVENTS", most)
        with database.telemetry.read(EVERY_ORGANIZATION) as session:
            found = recording_of_session(session, organization, 1)
        assert ([fact.seq for fact in found.facts], found.whole) == (list(range(1, read + 1)), whole)


def test_an_older_look_never_replaces_a_newer_one_and_an_incident_stays(database: Database, organization: str) -> None:
    store, new = database.telemetry, Analysis([Finding("stall", 0.6, 3, [3])], 3, "new")

    def put(found: Analysis, upto_seq: int) -> str:
        with store.write(EVERY_ORGANIZATION, Urgency.RESULTS) as session:
            return store_analysis(session, organization, 1, found, upto_seq=upto_seq, now_ms=5).analysis.summary

    with store.write(EVERY_ORGANIZATION, Urgency.RESULTS) as session:
        begin_session(session, organization, NewSession("s", None, "n", "a", {}), 1)
    assert put(new, 9) == "new"
    with store.write(EVERY_ORGANIZATION, Urgency.RESULTS) as session:
        link_incident(session, organization, 1, "inc_0123456789")
    assert put(Analysis([], None, "old"), 8) == "new"
    assert put(Analysis([], None, "again"), 9) == "again"
    with store.read(EVERY_ORGANIZATION) as session:
        stored = get_analysis(session, organization, 1)
        assert get_analysis(session, organization, 2) is get_analysis(session, "org_other", 1) is None
    assert stored is not None
    assert (stored.incident_id, stored.upto_seq, stored.at_ms) == ("inc_0123456789", 9, 5)


def test_our_servers_put_what_they_found(owner: Client, server: Client) -> None:
    record(owner, LOOP)
    put = server("PUT", f"{PATH}/analysis", {"detectors": [FOUND], "session_id": "trace_1"})
    assert put.status_code == 200
    opened = put.get_json()["incident_id"]
    assert put.get_json() == {
        "session_id": "trace_1", "detectors": [{**FOUND, "explanation": ""}], "critical_step": 3,
        "summary": "Step 3: It shows stall.", "incident_id": opened, "version": 4,
    }  # fmt: skip
    record(owner, [asks(), goes_wrong(), ends("failed")], "trace_2")
    other = owner("POST", "/api/traces/trace_2/analyze").get_json()["incident_id"]
    linked = server("PUT", f"{PATH}/analysis", {"incident_id": other, "version": 7, "summary": "So."})
    assert linked.get_json() == {**put.get_json(), "incident_id": other, "version": 7, "summary": "So."}
    left = owner("GET", f"/api/incidents/{opened}").get_json()
    assert (left["count"], left["history"][-1]["kind"]) == (0, "emptied"), "nothing is left of it"
    assert owner("GET", f"/api/incidents/{other}").get_json()["session_ids"] == ["trace_2", "trace_1"]
    assert owner("GET", f"{PATH}/analysis").get_json() == linked.get_json()
    assert owner("POST", f"{PATH}/analyze").get_json()["incident_id"] == other, "what a server said stays"
    assert server("PUT", f"{PATH}/analysis", owner("GET", f"{PATH}/analysis").get_json()).status_code == 200
    cleared = server("PUT", f"{PATH}/analysis", {"incident_id": None, "critical_step": None}).get_json()
    assert (cleared["incident_id"], cleared["critical_step"]) == (None, None)
    assert owner("GET", f"/api/incidents/{other}").get_json()["session_ids"] == ["trace_2"]
    nowhere = server("PUT", f"{PATH}/analysis", {"incident_id": "inc_0123456789"})
    assert (nowhere.status_code, list(nowhere.get_json()["error"]["fields"])) == (422, ["incident_id"])


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "detectors"),
        ({"detectors": None}, "detectors"),
        ({"detectors": [{**FOUND, "label": "bad_luck"}]}, "detectors.0.label"),
        ({"detectors": [{**FOUND, "confidence": 1.1}]}, "detectors.0.confidence"),
        ({"detectors": [{**FOUND, "step": "3"}]}, "detectors.0.step"),
        ({"detectors": [{**FOUND, "evidence": [0]}]}, "detectors.0.evidence.0"),
        ({"detectors": [{**FOUND, "evidence": list(range(1, 99))}]}, "detectors.0.evidence"),
        ({"detectors": [], "session_id": "trace_2"}, "session_id"),
        ({"detectors": [], "incident_id": "7"}, "incident_id"),
        ({"detectors": [], "version": 2**31}, "version"),
        ({"detectors": [], "critical_step": -1}, "critical_step"),
        ({"detectors": [], "colour": "red"}, "colour"),
    ],
)
@sqlite_only
def test_what_is_no_analysis_is_422_with_its_field(
    owner: Client, server: Client, body: dict[str, Any], field: str
) -> None:
    record(owner, LOOP)
    answer = server("PUT", f"{PATH}/analysis", body)
    assert (answer.status_code, list(answer.get_json()["error"]["fields"])) == (422, [field])
    assert owner("GET", f"{PATH}/analysis").status_code == 404


def test_a_workspace_is_named_where_several_have_a_session_of_that_id(
    owner: Client, server: Client, client_of: Callable[..., Client], make_organization: Callable[[str], str],
    organization: str,
) -> None:  # fmt: skip
    other = make_organization("Other")
    record(owner, LOOP)
    record(client_of("ingest", organization_id=other), LOOP)
    body = {"detectors": [FOUND]}
    assert server("PUT", f"{PATH}/analysis", body).status_code == 409
    assert server("PUT", f"{PATH}/analysis?workspace_id={organization}", body).status_code == 200
    assert client_of("read", organization_id=other)("GET", f"{PATH}/analysis").status_code == 404
    assert server("PUT", f"{PATH}/analysis?workspace_id=org_none", body).status_code == 404
    assert server("PUT", "/api/traces/none/analysis", body).status_code == 404


@sqlite_only
def test_no_credential_of_a_browser_or_of_anybody_else_puts_one(
    app: Flask, owner: Client, crowd: Crowd, client_of: Callable[..., Client]
) -> None:
    record(owner, LOOP)
    body = {"detectors": [FOUND]}
    nobody = app.test_client().put(f"{PATH}/analysis", json=body)
    assert (nobody.status_code, nobody.get_json()["error"]["code"]) == (401, "unauthorized")
    person = crowd.client(crowd.member("owner", "Grace"))
    credentials = [
        owner.key, person.key, client_of("ingest").key, "a.b.c", INTERNAL_TOKEN[:-1], f"{INTERNAL_TOKEN}x", "\xe9",
    ]  # fmt: skip
    for credential in credentials:
        answer = app.test_client().put(f"{PATH}/analysis", json=body, headers={"Authorization": f"Bearer {credential}"})
        assert (answer.status_code, answer.get_json()["error"]["code"]) == (403, "forbidden"), credential
    for header in ("Basic Og==", INTERNAL_TOKEN, "Bearer"):
        answer = app.test_client().put(f"{PATH}/analysis", json=body, headers={"Authorization": header})
        assert answer.status_code == 403, header
    browser = app.test_client()
    browser.set_cookie("__Host-tracer_session", person.key, domain="tracer.example", secure=True)
    answer = browser.put(f"{PATH}/analysis", json=body, base_url="https://tracer.example")
    assert answer.status_code == 403
    assert Client(owner.client, INTERNAL_TOKEN)("GET", f"{PATH}/analysis").status_code == 401, "it opens nothing else"
    assert owner("GET", f"{PATH}/analysis").status_code == 404


@sqlite_only
def test_where_no_token_is_set_nobody_is_such_a_server(
    app: Flask, owner: Client, database: Database, keyring: Keyring
) -> None:
    record(owner, LOOP)
    install(app, Services(database, keyring, Settings()))
    for token in (INTERNAL_TOKEN, "None", ""):
        answer = Client(app.test_client(), token)("PUT", f"{PATH}/analysis", {"detectors": []})
        assert answer.status_code == 403, token


def test_only_who_may_see_a_run_sees_what_was_found(
    owner: Client, client_of: Callable[..., Client], make_organization: Callable[[str], str]
) -> None:
    mine, other = (make_project(owner, slug=slug).project["slug"] for slug in ("mine", "other"))
    record(owner, LOOP, "a", project_id=mine)
    record(owner, LOOP, "b", project_id=other)
    scopes = {"name": "agent", "scopes": ["run"], "projects": [mine]}
    agent = Client(owner.client, owner.data("POST", "/v1/api-keys", scopes, status=201)["key"])
    for method, name in (("POST", "analyze"), ("GET", "analysis")):
        assert agent(method, f"/api/traces/a/{name}").status_code == 200
        assert agent(method, f"/api/traces/b/{name}").status_code == 403
        stranger = client_of("run", organization_id=make_organization(f"Other {name}"))
        assert stranger(method, f"/api/traces/a/{name}").status_code == 404
        assert owner(method, f"/api/traces/none/{name}").status_code == 404
    assert client_of("read")("POST", "/api/traces/a/analyze").status_code == 403
