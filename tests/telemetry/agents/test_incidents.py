"""/api/incidents: listed, read, and changed by whoever may; a run of an agent joins where its analysis says."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask

from api.services import Services, install
from model.settings import Settings
from store.keyring import Keyring
from store.sessions import Database
from telemetry.agents.told import Uniting
from tests.api.client import Client
from tests.api.people import Crowd
from tests.conftest import Clock
from tests.store.auditing import actions, events
from tests.telemetry.agents.incidents import SHOP, add_journey, record_runs, walk
from tests.telemetry.agents.recorded import Said, asks, calls, ends, fails, goes_wrong, told
from tests.telemetry.agents.running import append, event
from tests.telemetry.agents.test_json_web_tokens import SECRET, signed
from tests.telemetry.agents.test_stored_analyses import record
from tests.telemetry.reporting import make_project

LIST = "/api/incidents"
LOOP: list[Said] = [
    asks(), *[calls("http", {"url": SHOP, "method": "POST"}), told("http", {"status": 500})] * 4, ends(),
]  # fmt: skip
BOOM: list[Said] = [asks(), goes_wrong("Boom 17"), ends("failed")]
WELL: list[Said] = [asks(), calls("http", {"url": SHOP}), told("http", {"status": 200}), ends()]
sqlite_only = pytest.mark.parametrize("store", ["sqlite"], indirect=True)


def failed(client: Client, said: list[Said] = BOOM, session_id: str = "trace_1", **fields: Any) -> str | None:
    """The incident that a run of an agent is part of, once it is recorded and looked at."""
    record(client, said, session_id, **fields)
    return analyzed(client, session_id)


def analyzed(client: Client, session_id: str = "trace_1") -> str | None:
    answer = client("POST", f"/api/traces/{session_id}/analyze")
    assert answer.status_code == 200
    found: str | None = answer.get_json()["incident_id"]
    return found


def listed(client: Client, **query: Any) -> list[str]:
    """Ids, page by page."""
    found: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        wanted = "&".join(
            f"{name}={value}" for name, value in {**query, **({"cursor": cursor} if cursor else {})}.items()
        )
        answer = client("GET", f"{LIST}?{wanted}")
        assert answer.status_code == 200, answer.get_data(as_text=True)
        page = answer.get_json()
        found += [each["id"] for each in page["incidents"]]
        cursor = page["cursor"]
    return found


def change(client: Client, incident_id: str | None, body: Any, status: int = 200) -> dict[str, Any]:
    answer = client("PATCH", f"{LIST}/{incident_id}", body)
    assert answer.status_code == status, answer.get_data(as_text=True)
    found: dict[str, Any] = answer.get_json()
    return found


def test_agents_and_journeys_that_met_the_same_are_one(
    owner: Client, database: Database, organization: str, clock: Clock
) -> None:
    incident = failed(owner, LOOP)
    journey = add_journey(database, organization)
    done = [walk(organization, journey, number) for number in range(2)]
    record_runs(database, *done)
    Uniting(database).work()
    storm = [asks(), *[calls("shop", {"u": SHOP}), fails("shop", "HTTP 500")] * 3, ends("failed")]
    assert failed(owner, storm, "trace_2") == incident
    [found] = owner("GET", LIST).get_json()["incidents"]
    assert found == {
        "id": incident, "title": f"{SHOP} answers 500", "label": "retry_storm", "status": "open", "owner": None,
        "session_ids": ["trace_2", "trace_1"],
        "checks": [{
            "id": journey, "count": 2, "first_seen": "2024-01-15T10:30:00.000Z",
            "last_seen": "2024-01-15T10:30:10.105Z", "newest_run_id": done[1].run_id,
        }],
        "alerts": [], "count": 4, "first_seen": "2024-01-15T10:30:00.000Z", "last_seen": "2024-01-15T10:30:10.105Z",
        "fix": None, "regression": None,
    }  # fmt: skip
    whole = owner("GET", f"{LIST}/{incident}").get_json()
    history = whole.pop("history")
    assert whole.pop("earlier_fixes") == []
    assert whole == found
    assert history == [
        {"at": "2024-01-15T10:30:00.000Z", "kind": "opened", "by": None, "from": None, "to": None, "note": ""}
    ]


def test_the_same_failing_call_is_one_incident_however_it_is_recorded(owner: Client) -> None:
    ways = [{}, {"duration_ms": 3, "trace_id": "t"}, {"arguments": {}}, {"arguments": None}]
    found = {
        failed(
            owner,
            [asks(), ("tool_call", {"tool": "pay", **way}), fails("pay", "card declined"), ends("failed")],
            f"t{n}",
        )
        for n, way in enumerate(ways)
    }
    assert len(found) == 1
    assert listed(owner) == list(found)


def test_a_run_joins_moves_and_leaves_as_its_analysis_says(owner: Client) -> None:
    assert failed(owner, WELL, "trace_0") is None
    assert listed(owner) == []
    first = failed(owner, LOOP)
    second = failed(owner, BOOM[:2], "trace_2")
    assert second not in (None, first)
    assert analyzed(owner, "trace_2") == second
    append(owner, [event(9 + n, kind, payload=payload) for n, (kind, payload) in enumerate(LOOP)], to="trace_2")
    assert analyzed(owner, "trace_2") == first, "what the agent did is the cause"
    assert owner("GET", "/api/traces/trace_2/analysis").get_json()["incident_id"] == first
    emptied = owner("GET", f"{LIST}/{second}").get_json()
    assert (emptied["count"], emptied["session_ids"], emptied["label"]) == (0, [], "unhandled_error")
    assert [(each["kind"], each["note"]) for each in emptied["history"]] == [
        ("opened", ""), ("emptied", f"session trace_2 is part of {first} by now"),
    ]  # fmt: skip
    assert failed(owner, BOOM, "trace_3") == second, "it is the same when it happens again"
    again = owner("GET", f"{LIST}/{second}").get_json()
    assert (again["count"], again["history"][-1]["kind"], again["history"][-1]["note"]) == (
        1, "came_back", "session trace_3",
    )  # fmt: skip
    assert owner("GET", f"{LIST}/{first}").get_json()["count"] == 2


def test_an_analysis_that_finds_nothing_any_more_leaves_the_incident_with_its_history(owner: Client) -> None:
    said = [asks(), calls("http", {"url": SHOP}), told("http", {"status": 500}), goes_wrong("Boom")]
    incident = failed(owner, said)
    assert incident is not None
    append(owner, [event(9, "message", payload={"role": "assistant", "content": "It failed"}), event(10, "end")])
    assert analyzed(owner) is None
    seen = owner("GET", f"{LIST}/{incident}").get_json()
    assert (seen["count"], [each["kind"] for each in seen["history"]]) == (0, ["opened", "emptied"])
    assert listed(owner) == [incident]
    assert owner("GET", "/api/traces/trace_1/analysis").get_json()["incident_id"] is None


def test_people_say_how_it_stands_and_whose_it_is(
    owner: Client, crowd: Crowd, clock: Clock, database: Database
) -> None:
    incident, ada = failed(owner), crowd.member("member", "Ada")
    hers = crowd.client(ada)
    clock.advance(1_000)
    past = len(events(database))
    taken = change(owner, incident, {"status": "investigating", "owner": "ADA@example.com", "note": "I look."})
    assert (taken["status"], taken["owner"]) == ("investigating", "ada@example.com")
    assert change(owner, incident, {"status": "investigating", "owner": ada.id}) == taken, "nothing that is not so"
    change(hers, incident, {"note": "Found it."})
    fixed = change(owner, incident, {"status": "fixed", "owner": None})
    assert [(each["kind"], each["by"], each["from"], each["to"], each["note"]) for each in fixed["history"]] == [
        ("opened", None, None, None, ""),
        ("status", "test", "open", "investigating", "I look."),
        ("owner", "test", None, "ada@example.com", ""),
        ("note", "Ada", None, None, "Found it."),
        ("status", "test", "investigating", "fixed", ""),
        ("owner", "test", "ada@example.com", None, ""),
    ]  # fmt: skip
    assert actions(database, past=past) == ["incident.updated", "incident.noted", "incident.updated"]
    clock.advance(1_000)
    assert failed(owner, BOOM, "trace_2") == incident
    again = owner("GET", f"{LIST}/{incident}").get_json()
    assert (again["status"], again["history"][-1]["kind"], again["history"][-1]["by"]) == ("open", "came_back", None)
    change(owner, incident, {"status": "ignored"})
    clock.advance(1_000)
    failed(owner, BOOM, "trace_3")
    assert owner("GET", f"{LIST}/{incident}").get_json()["status"] == "ignored"


def test_lists_are_narrowed_and_paged_the_newest_first(owner: Client, clock: Clock, crowd: Crowd) -> None:
    ada = crowd.member("member", "Ada")
    mine = make_project(owner, slug="mine").project
    found = []
    for number in range(5):
        clock.advance(1_000)
        said: list[Said] = [asks(), calls(f"tool{'x' * number}"), fails("", "full"), goes_wrong("full"), ends("failed")]
        found.append(failed(owner, said, f"t{number}", **({"project_id": mine["slug"]} if number == 2 else {})))
    assert listed(owner) == listed(owner, limit=2) == found[::-1]
    change(owner, found[0], {"status": "fixed", "owner": ada.id})
    assert listed(owner, status="fixed") == listed(owner, owner=ada.id) == listed(owner, owner="ada@example.com")
    assert listed(owner, status="fixed") == [found[0]]
    assert listed(owner, project_id=mine["slug"]) == listed(owner, project_id=mine["project_id"]) == [found[2]]
    assert listed(owner, label="unhandled_error") == found[::-1]
    assert listed(owner, label="stall") == []
    first = owner("GET", f"{LIST}?limit=2").get_json()
    clock.advance(1_000)
    record(owner, [asks(), calls("tool"), fails("", "full"), goes_wrong("full"), ends("failed")], "t9")
    analyzed(owner, "t9")
    rest = owner("GET", f"{LIST}?limit=9&cursor={first['cursor']}").get_json()["incidents"]
    assert [each["id"] for each in rest] == found[:3][::-1][:2], "one that moved up is not told twice"


@sqlite_only
@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("status=closed", "status"), ("label=bad_luck", "label"), ("limit=0", "limit"), ("cursor=x", "cursor"),
        ("owner=nobody@example.com", "owner"), ("colour=red", "colour"), ("cursor=1-inc_x%00", "cursor"),
    ],
)  # fmt: skip
def test_what_is_no_filter_is_422_with_its_field(owner: Client, query: str, field: str) -> None:
    answer = owner("GET", f"{LIST}?{query}")
    assert (answer.status_code, list(answer.get_json()["error"]["fields"])) == (422, [field])
    assert owner("GET", f"{LIST}?project_id=none").status_code == 404


@sqlite_only
@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, ""), ({"status": "closed"}, "status"), ({"status": None}, "status"), ({"owner": "nobody"}, "owner"),
        ({"owner": 7}, "owner"), ({"owner": "a\x00"}, "owner"), ({"note": ""}, "note"), ({"note": "x" * 2001}, "note"),
        ({"note": "\x00"}, "note"), ({"title": "x"}, "title"), ({"status": "fixed", "owner": "nobody"}, "owner"),
    ],
)  # fmt: skip
def test_what_is_no_change_is_422_with_its_field_and_changes_nothing(
    owner: Client, body: dict[str, Any], field: str
) -> None:
    incident = failed(owner)
    answer = owner("PATCH", f"{LIST}/{incident}", body)
    assert (answer.status_code, list(answer.get_json()["error"]["fields"])) == (422, [field])
    assert owner("GET", f"{LIST}/{incident}").get_json()["status"] == "open"


def test_another_workspaces_is_404_and_another_projects_is_403(
    owner: Client, client_of: Callable[..., Client], make_organization: Callable[[str], str]
) -> None:
    mine, other = (make_project(owner, slug=slug).project["slug"] for slug in ("mine", "other"))
    ours = failed(owner, BOOM, "a", project_id=mine)
    theirs = failed(owner, LOOP, "b", project_id=other)
    scopes = {"name": "agent", "scopes": ["write"], "projects": [mine]}
    agent = Client(owner.client, owner.data("POST", "/v1/api-keys", scopes, status=201)["key"])
    stranger = client_of("write", organization_id=make_organization("Other"))
    assert (listed(agent), listed(stranger)) == ([ours], [])
    for method, body in (("GET", None), ("PATCH", {"status": "fixed"})):
        assert agent(method, f"{LIST}/{theirs}", body).status_code == 403
        assert stranger(method, f"{LIST}/{ours}", body).status_code == 404
        assert agent(method, f"{LIST}/inc_0123456789", body).status_code == 404
        assert agent(method, f"{LIST}/nonsense", body).status_code == 404
        assert agent(method, f"{LIST}/{ours}", body).status_code == 200
    assert client_of("read")("PATCH", f"{LIST}/{ours}", {"status": "open"}).status_code == 403
    assert failed(owner, BOOM, "c", project_id=other) == ours
    assert agent("GET", f"{LIST}/{ours}").get_json()["session_ids"] == ["a"]
    assert agent("PATCH", f"{LIST}/{ours}", {"status": "open"}).status_code == 403, "it is others' too"
    assert agent("GET", f"{LIST}?project_id={other}").status_code == 403
    assert owner("GET", f"{LIST}/{theirs}").get_json()["status"] == "open"


@sqlite_only
def test_who_shows_a_token_of_the_console_may_too(
    app: Flask, owner: Client, organization: str, database: Database, keyring: Keyring
) -> None:
    incident = failed(owner)
    install(app, Services(database, keyring, Settings(jwt_secret=SECRET)))
    console = Client(app.test_client(), signed(organization))
    assert listed(console) == [incident]
    assert change(console, incident, {"status": "ignored"})["history"][-1]["by"] == "ada@example.com"


@sqlite_only
def test_thousands_of_members_are_told_in_part(owner: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.incident_access.MOST_MEMBERS", 2)
    [incident] = {failed(owner, BOOM, f"t{number}") for number in range(4)}
    found = owner("GET", f"{LIST}/{incident}").get_json()
    assert (found["session_ids"], found["count"]) == (["t3", "t2"], 4)
