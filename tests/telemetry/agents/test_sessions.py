"""/api/traces and /api/sessions: runs are begun once, found by who may see them, and listed newest first."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest

from tests.api.client import Client
from tests.api.conftest import MakeKey
from tests.telemetry.agents.running import RUN, append, begin, event
from tests.telemetry.reporting import make_project


def test_a_run_begins_and_says_what_it_is(owner: Client, organization: str) -> None:
    made = make_project(owner).project
    answer = owner("POST", "/api/traces", {**RUN, "project_id": made["slug"], "metadata": {"commit": "9f"}})
    assert answer.status_code == 201
    found = answer.get_json()
    assert found == {
        "id": "trace_1", "workspace_id": organization, "project_id": made["project_id"], "name": "Book a room",
        "agent": "scheduler", "status": "running", "started_at": "2024-01-15T10:30:00.000Z", "last_seq": 0,
        "metadata": {"commit": "9f"},
    }  # fmt: skip


def test_metadata_has_a_limit_and_makes_no_list_large(owner: Client) -> None:
    large = {"log": "x" * ((64 << 10) - len('{"log":""}'))}
    for number in range(3):
        begin(owner, session_id=f"s{number}", metadata=large)
    listed = owner("GET", "/api/sessions")
    assert len(listed.get_data()) < 2_000
    assert {each["metadata"] for each in listed.get_json()["sessions"]} == {None}
    [one] = owner("GET", "/api/sessions?session_id=s1").get_json()["sessions"]
    assert one["metadata"] == large


@pytest.mark.parametrize("session_id", ["...", ".hidden", "a b", "é?#%2F&", "a\\b"])
def test_what_an_address_can_hold_is_an_id(owner: Client, session_id: str) -> None:
    begin(owner, session_id=session_id)
    path = f"/api/traces/{quote(session_id)}/events"
    assert owner("POST", path, event(1)).status_code == 201
    assert len(owner("GET", path).get_json()["events"]) == 1


def test_without_an_id_it_is_given_one(owner: Client) -> None:
    first, second = (begin(owner, session_id=None)["id"] for _ in range(2))
    assert first.startswith("trace_")
    assert first != second


def test_the_same_run_begun_again_is_the_same_and_another_is_refused(owner: Client) -> None:
    begin(owner)
    append(owner, event(3), status=201)
    again = owner("POST", "/api/traces", RUN)
    assert (again.status_code, again.get_json()["last_seq"]) == (200, 3)
    other = owner("POST", "/api/traces", {**RUN, "agent": "another"})
    assert (other.status_code, other.get_json()["error"]["code"]) == (409, "conflict")


def test_runs_are_listed_newest_first_filtered_and_by_pages(owner: Client) -> None:
    for number in range(5):
        begin(owner, session_id=f"s{number}")
    append(owner, event(1, "end"), to="s1", status=201)
    append(owner, event(1, "end", payload={"status": "failed"}), to="s2", status=201)
    page = owner("GET", "/api/sessions?limit=2").get_json()
    assert [one["id"] for one in page["sessions"]] == ["s4", "s3"]
    begin(owner, session_id="s5")
    rest = owner("GET", f"/api/sessions?limit=10&cursor={page['cursor']}").get_json()
    assert ([one["id"] for one in rest["sessions"]], rest["cursor"]) == (["s2", "s1", "s0"], None)
    for query, ids in (("status=failed", ["s2"]), ("status=completed", ["s1"]), ("session_id=s3", ["s3"])):
        assert [one["id"] for one in owner("GET", f"/api/sessions?{query}").get_json()["sessions"]] == ids


def test_a_key_for_a_project_sees_its_runs_and_is_told_of_no_other(
    owner: Client, client_of: Callable[..., Client], make_organization: Callable[[str], str]
) -> None:
    mine, other = (make_project(owner, slug=slug).project for slug in ("mine", "other"))
    made = owner.data(
        "POST", "/v1/api-keys", {"name": "agent", "scopes": ["read", "ingest"], "projects": [mine["slug"]]}, status=201
    )
    agent = Client(owner.client, made["key"])
    assert begin(agent, session_id="a")["project_id"] == mine["project_id"]
    begin(owner, session_id="b", project_id=other["slug"])
    begin(owner, session_id="c")
    assert [one["id"] for one in agent("GET", "/api/sessions").get_json()["sessions"]] == ["a"]
    for path in ("/api/traces/b/events", "/api/traces/c/events", f"/api/sessions?project_id={other['slug']}"):
        assert agent("GET", path).status_code == 403, path
    refused = agent("POST", "/api/traces", {**RUN, "project_id": other["slug"]})
    assert refused.status_code == 403
    stranger = client_of("read", "ingest", organization_id=make_organization("Other"))
    assert stranger("GET", "/api/traces/a/events").status_code == 404
    assert stranger("GET", "/api/sessions").get_json() == {"sessions": [], "cursor": None}
    assert stranger("GET", f"/api/sessions?project_id={mine['project_id']}").status_code == 404


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"agent": "x"}, "name"),
        ({"name": "x" * 201}, "name"),
        ({"name": "x", "metadata": []}, "metadata"),
        ({"name": "x", "metadata": {"log": "x" * (64 << 10)}}, "metadata"),
        *[({"name": "x", "session_id": one}, "session_id") for one in ("a\nb", "a/b", "/", "../../etc", ".", "..")],
        ({"name": "x", "unknown": 1}, "unknown"),
    ],
)
def test_what_makes_no_run_is_422_with_its_field(owner: Client, body: dict[str, Any], field: str) -> None:
    answer = owner("POST", "/api/traces", body)
    assert answer.status_code == 422
    error = answer.get_json()["error"]
    assert list(error["fields"]) == [field]
    assert error["request_id"].startswith("req_")


@pytest.mark.parametrize(("scopes", "status"), [(("ingest",), 201), (("read",), 403), (("write",), 403)])
def test_only_ingest_begins_runs(make_key: MakeKey, owner: Client, scopes: tuple[str, ...], status: int) -> None:
    assert Client(owner.client, make_key(scopes))("POST", "/api/traces", RUN).status_code == status
