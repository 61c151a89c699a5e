"""/v1/journeys, by the seed's example word for word and the contract's rules."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from store.check_secrets import whole_definition
from store.keyring import Keyring
from store.probes import register_probe
from store.sessions import EVERY_ORGANIZATION, Database
from store.tables import Check, ProbeInstance
from store.write_lock import Urgency
from tests.alerts.alerting import add_channel, add_rule, record_one
from tests.alerts.recording import T0, measured
from tests.api.conftest import Client
from tests.api.journeys import GOTO, SEED, journey, make, warnings_of
from tests.conftest import Clock

API_STEP: dict[str, Any] = {
    "type": "request",
    "method": "POST",
    "url": "https://api.example.com/session",
    "headers": {"Authorization": "Bearer s3cret", "Accept": "application/json"},
}
SEED_OF_CODES = {"type": "totp", "secret": "JBSWY3DPEHPK3PXP", "variable": "CODE"}


def stored(database: Database, keyring: Keyring, check_id: str) -> dict[str, Any]:
    with database.read(EVERY_ORGANIZATION) as session:
        return whole_definition(keyring, session.get_one(Check, check_id))


def test_the_seeds_journey_is_made_and_shown_with_its_variables_masked(owner: Client) -> None:
    made = owner.data("POST", "/v1/journeys", SEED, status=201)
    assert made["id"].startswith("jny_")
    shown = owner.data("GET", f"/v1/journeys/{made['id']}")
    for name in ("name", "description", "interval", "timeout", "locations"):
        assert shown[name] == SEED[name]
    assert [step["type"] for step in shown["steps"]] == ["goto", "fill", "fill", "click", "expect_visible"]
    assert shown["steps"][2]["value"] == "{{PASSWORD}}"
    assert shown["variables"] == {"PASSWORD": "********"}
    assert (shown["type"], shown["health"], shown["last_run"]) == ("journey", "unknown", None)


def test_left_out_the_contracts_defaults_are_taken(owner: Client) -> None:
    made = make(owner)
    assert {name: made[name] for name in ("interval", "timeout", "locations", "status", "tags", "base_url")} == {
        "interval": 300, "timeout": 60, "locations": ["local"], "status": "active", "tags": [], "base_url": None,
    }  # fmt: skip


def test_monitors_and_journeys_are_two_lists(owner: Client) -> None:
    made = make(owner, tags=["smoke"])
    monitor = owner.data("POST", "/v1/monitors", {"name": "m", "type": "url", "url": "https://e.com"}, status=201)
    assert [row["id"] for row in owner.data("GET", "/v1/journeys")] == [made["id"]]
    assert [row["id"] for row in owner.data("GET", "/v1/monitors")] == [monitor["id"]]
    assert owner.error("GET", f"/v1/monitors/jny_{made['id'][4:]}", status=404)
    for path in ("", "/runs", "/why"):
        assert owner("GET", f"/v1/journeys/{monitor['id']}{path}").status_code == 404
    assert owner("POST", f"/v1/monitors/{made['id']}/run").status_code == 404
    assert owner("POST", "/v1/monitors", {**SEED, "type": "journey"}).status_code == 422


def test_lists_are_filtered_by_tag_status_and_name(owner: Client) -> None:
    first, second = make(owner, name="Log in", tags=["smoke"]), make(owner, name="Buy", status="paused")
    for query, wanted in (("tag=smoke", first), ("status=paused", second), ("name=buy", second)):
        assert [row["id"] for row in owner.data("GET", f"/v1/journeys?{query}")] == [wanted["id"]]
    assert owner.error("GET", "/v1/journeys?type=journey", status=422)["fields"].keys() == {"type"}


def test_a_change_replaces_what_it_names_and_keeps_masked_variables(
    owner: Client, database: Database, keyring: Keyring
) -> None:
    made = make(owner, variables={"A": "one", "B": "two"})
    change = {"name": "Renamed", "variables": {"A": "********", "C": "three"}, "viewport": {"width": 400}}
    changed = owner.data("PUT", f"/v1/journeys/{made['id']}", change)
    assert changed["viewport"] == {"width": 400, "height": 720}
    assert stored(database, keyring, made["id"])["variables"] == {"A": "one", "C": "three"}
    assert owner.data("PUT", f"/v1/journeys/{made['id']}", {"viewport": None})["viewport"]["width"] == 1280
    error = owner.error("PUT", f"/v1/journeys/{made['id']}", {"variables": {"NEW": "********"}}, status=422)
    assert error["fields"] == {"variables.NEW": ["is ********, but no value is stored to keep"]}


def test_what_was_read_can_be_sent_back_and_nothing_is_lost(
    owner: Client, database: Database, keyring: Keyring
) -> None:
    made = make(
        owner, steps=[GOTO, API_STEP, SEED_OF_CODES], variables={"A": "one"}, extra_headers={"X-Api-Key": "key"}
    )
    before = stored(database, keyring, made["id"])
    shown = owner.data("GET", f"/v1/journeys/{made['id']}")
    sent = {name: shown[name] for name in ("steps", "variables", "extra_headers")}
    assert "s3cret" not in str(sent)
    assert "JBSWY3DPEHPK3PXP" not in str(sent)
    owner.data("PUT", f"/v1/journeys/{made['id']}", sent)
    assert stored(database, keyring, made["id"]) == before


def test_a_steps_secret_goes_with_its_step(owner: Client, database: Database, keyring: Keyring) -> None:
    other = {**API_STEP, "url": "https://other.example.com/", "headers": {"Authorization": "other"}}
    made = make(owner, steps=[GOTO, API_STEP, other])
    shown = owner.data("GET", f"/v1/journeys/{made['id']}")["steps"]
    owner.data("PUT", f"/v1/journeys/{made['id']}", {"steps": [shown[2], shown[0], {"type": "screenshot"}, shown[1]]})
    kept = stored(database, keyring, made["id"])["steps"]
    assert kept[0]["headers"]["Authorization"] == "other"
    assert kept[3]["headers"] == API_STEP["headers"]


def test_a_step_that_is_edited_in_its_place_keeps_its_secret(
    owner: Client, database: Database, keyring: Keyring
) -> None:
    made = make(owner, steps=[GOTO, API_STEP])
    edited = {**API_STEP, "url": "https://api.example.com/v2/session", "headers": {"Authorization": "********"}}
    owner.data("PUT", f"/v1/journeys/{made['id']}", {"steps": [GOTO, edited]})
    assert stored(database, keyring, made["id"])["steps"][1]["headers"] == {"Authorization": "Bearer s3cret"}


@pytest.mark.parametrize(
    "url", ["https://evil.example.net/", "https://api.example.com.evil.net/", "http://api.example.com/", "/session"]
)
def test_a_steps_secret_goes_to_no_other_origin(owner: Client, url: str) -> None:
    made = make(owner, steps=[GOTO, API_STEP])
    edited = {**API_STEP, "url": url, "headers": {"Authorization": "********"}}
    error = owner.error("PUT", f"/v1/journeys/{made['id']}", {"steps": [GOTO, edited]}, status=422)
    assert error["fields"].keys() == {"steps.1.headers.Authorization"}


@pytest.mark.parametrize(
    "change",
    [
        {"base_url": "https://evil.example.net"},
        {"steps": [{"type": "goto", "url": "https://evil.example.net/login"}]},
        {"steps": [{"type": "goto", "url": "{{A}}/login"}], "variables": {"A": "https://evil.example.net"}},
    ],
)
def test_secret_extra_headers_stay_with_the_base(owner: Client, change: dict[str, Any]) -> None:
    made = make(owner, extra_headers={"X-Api-Key": "key", "X-Env": "test"})
    error = owner.error("PUT", f"/v1/journeys/{made['id']}", change, status=422)
    [said] = error["fields"]["extra_headers.X-Api-Key"]
    assert said.startswith("is kept for https://app.example.com and does not go to ")
    owner.data("PUT", f"/v1/journeys/{made['id']}", {**change, "extra_headers": {"X-Api-Key": "another"}})


def test_a_relative_request_does_not_carry_its_secret_to_another_base(owner: Client) -> None:
    made = make(owner, steps=[GOTO, {**API_STEP, "url": "/session"}])
    error = owner.error("PUT", f"/v1/journeys/{made['id']}", {"base_url": "https://evil.example.net"}, status=422)
    assert error["fields"].keys() == {"steps.1.headers.Authorization"}


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"steps": [GOTO, {"type": "dance"}]}, "steps.1.type"),
        ({"steps": [GOTO, {"type": "click", "selector": "#a", "speed": 1}]}, "steps.1.speed"),
        ({"steps": [GOTO, {"type": "click", "selector": "div[a"}]}, "steps.1.selector"),
        ({"steps": [GOTO, {"type": "click"}]}, "steps.1.selector"),
        ({"steps": [GOTO, {"type": "goto", "url": "file:///etc/passwd"}]}, "steps.1.url"),
        ({"steps": [GOTO, {"type": "goto", "url": "javascript:alert(1)"}]}, "steps.1.url"),
        ({"steps": [GOTO, {"type": "goto", "url": "https://ann:pw@example.com/"}]}, "steps.1.url"),
        ({"steps": [GOTO] * 10_000}, "steps"),
        ({"steps": []}, "steps"),
        ({"steps": None}, "steps"),
        ({"timeout": 301}, "timeout"),
        ({"interval": 9}, "interval"),
        ({"variables": {"NOT A NAME": "x"}}, "variables.NOT A NAME"),
        ({"variables": {"A": 5}}, "variables.A"),
        ({"base_url": "ftp://example.com"}, "base_url"),
        ({"base_url": "https://ann:pw@example.com"}, "base_url"),
        ({"url": "https://example.com"}, "url"),
        ({"health": "up"}, "health"),
        ({"assertions": [{"type": "status_code", "operator": "equals", "value": 200}]}, "assertions.0.type"),
        ({"locations": []}, "locations"),
    ],
)  # fmt: skip
def test_bad_input_names_its_place(owner: Client, fields: dict[str, Any], path: str) -> None:
    fields_said = owner.error("POST", "/v1/journeys", journey(**fields), status=422)["fields"]
    assert any(said.startswith(path) for said in fields_said), fields_said


def test_a_password_that_a_variable_holds_may_stand_in_a_url(owner: Client) -> None:
    step = {"type": "goto", "url": "https://ann:{{PASSWORD}}@example.com/"}
    assert make(owner, steps=[step], variables={"PASSWORD": "x"})


def test_a_name_that_nothing_defines_is_a_warning_that_says_where(owner: Client) -> None:
    steps = [
        GOTO,
        {"type": "fill", "selector": "#a", "value": "{{ USER_NAME }} {{OWN}}"},
        {"type": "extract", "selector": "#b", "variable": "FOUND"},
        {"type": "fill", "selector": "#c", "value": "{{FOUND}}"},
    ]
    body = journey(steps=steps, variables={"OWN": "x"})
    [said] = [line for line in warnings_of(owner, "POST", "/v1/journeys", body) if "{{" in line]
    assert said.startswith("steps.1 uses {{USER_NAME}}, which nothing defines")
    owner.data("POST", "/v1/variables", {"name": "USER_NAME", "value": "ann"}, status=201)
    assert not [line for line in warnings_of(owner, "POST", "/v1/journeys", body) if "{{" in line]


def test_a_name_inside_a_stored_secret_is_looked_at_too(owner: Client) -> None:
    step = {**API_STEP, "headers": {"Authorization": "Bearer {{TOKEN}}"}}
    made = make(owner, steps=[GOTO, step])
    assert any("{{TOKEN}}" in line for line in warnings_of(owner, "GET", f"/v1/journeys/{made['id']}"))


def test_a_location_whose_probes_have_no_browser_is_a_warning(
    owner: Client, database: Database, keyring: Keyring, organization: str, clock: Clock
) -> None:
    with database.write(EVERY_ORGANIZATION, Urgency.PEOPLE) as session:
        probe, _ = register_probe(session, keyring, organization, ("p", "local"), clock.now_ms)
        session.add(
            ProbeInstance(
                id="one", organization_id=organization, probe_id=probe.id, location="local", started_ms=1, seen_ms=1,
                lease_until_ms=clock.now_ms + 1, version="1", capabilities=["network"], types=[], running=0, spool=0,
                self_check="on", stopping=False,
            )
        )  # fmt: skip
    made = make(owner)
    path = f"/v1/journeys/{made['id']}"
    assert any("has a browser" in line for line in warnings_of(owner, "GET", path))
    with database.write(EVERY_ORGANIZATION, Urgency.PEOPLE) as session:
        session.get_one(ProbeInstance, "one").capabilities = ["network", "browser"]
    assert not any("browser" in line for line in warnings_of(owner, "GET", path))


def test_a_journey_that_nobody_is_told_of_says_so(owner: Client, database: Database, organization: str) -> None:
    made = make(owner)
    path = f"/v1/journeys/{made['id']}"
    assert any("covers this journey" in line for line in warnings_of(owner, "GET", path))
    channel = add_channel(database, organization)
    add_rule(database, organization, channels=[channel])
    assert not any("covers this journey" in line for line in warnings_of(owner, "GET", path))


def test_a_run_is_asked_for_also_while_it_is_paused(owner: Client) -> None:
    made = make(owner, locations=["a", "b"], status="paused")
    path = f"/v1/journeys/{made['id']}/run"
    data = owner.data("POST", path, status=202)
    assert (data["status"], data["locations"]) == ("queued", ["a", "b"])
    assert data["run_id"] == data["runs"][0]["run_id"]
    shown = owner.data("GET", f"/v1/runs/{data['run_id']}")
    assert (shown["journey_id"], shown["monitor_id"], shown["trigger"]) == (made["id"], None, "manual")
    assert owner.error("POST", path, {"locations": ["c"]}, status=422)["fields"].keys() == {"locations"}


def test_runs_and_why_of_a_journey_are_told_like_those_of_a_monitor(
    owner: Client, database: Database, organization: str
) -> None:
    add_rule(database, organization, threshold=1)
    made = make(owner)
    run = measured(organization, made["id"], T0, passed=False)
    record_one(database, run)
    assert [row["id"] for row in owner.data("GET", f"/v1/journeys/{made['id']}/runs?status=failed")] == [run.run_id]
    assert [row["outcome"] for row in owner.data("GET", f"/v1/journeys/{made['id']}/why")] == ["triggered"]


def test_a_deleted_journey_is_gone_and_its_runs_are_not(owner: Client, database: Database, organization: str) -> None:
    made = make(owner)
    run = measured(organization, made["id"], T0)
    record_one(database, run)
    assert owner.data("DELETE", f"/v1/journeys/{made['id']}") == {"id": made["id"], "deleted": True}
    assert owner("GET", f"/v1/journeys/{made['id']}").status_code == 404
    assert owner("GET", f"/v1/runs/{run.run_id}").status_code == 200


def test_another_organizations_journey_is_not_there(
    owner: Client, client_of: Callable[..., Client], make_organization: Callable[[str], str]
) -> None:
    made = make(owner, tags=["smoke"])
    stranger = client_of("admin", organization_id=make_organization("Other"))
    path = f"/v1/journeys/{made['id']}"
    answers = [
        stranger("GET", path), stranger("PUT", path, {"name": "x"}), stranger("DELETE", path),
        stranger("POST", f"{path}/run"), stranger("GET", f"{path}/runs"), stranger("GET", f"{path}/why"),
        stranger("POST", "/v1/journeys/run-tag/smoke"),
    ]  # fmt: skip
    assert [answer.status_code for answer in answers] == [404] * 7


@pytest.mark.parametrize(
    ("scope", "method", "path"),
    [
        ("read", "POST", "/v1/journeys"), ("run", "POST", "/v1/journeys"), ("read", "POST", "/v1/journeys/run-tag/a"),
        ("write", "POST", "/v1/journeys/run-tag/a"), ("run", "POST", "/v1/variables"),
        ("ingest", "GET", "/v1/journeys"), ("ingest", "GET", "/v1/variables"),
        ("ingest", "GET", "/v1/batches/bat_0123456789"),
    ],
)  # fmt: skip
def test_a_key_without_the_scope_is_403(client_of: Callable[..., Client], scope: str, method: str, path: str) -> None:
    assert client_of(scope)(method, path, {} if method == "POST" else None).status_code == 403
