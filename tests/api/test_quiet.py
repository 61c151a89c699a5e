"""Maintenance windows and silences: planned, changed, ended, and what they do to a monitor and to alerts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from store.sessions import Database
from tests.alerts.alerting import add_channel, add_rule, alerts_of, outbox, tell_story
from tests.alerts.recording import T0, add_check
from tests.api.conftest import Client
from tests.api.test_monitors import make
from tests.conftest import Clock
from tests.scheduler.asked import watch
from tests.telemetry.reporting import make_project

WINDOWS, SILENCES = "/v1/maintenance-windows", "/v1/silences"
ALL = {"monitors": [], "journeys": [], "tags": [], "all": True, "projects": []}
ONCE = {"name": "upgrade", "starts_at": "2024-01-15T10:00:00Z", "ends_at": "2024-01-15T11:00:00Z"}
NIGHTLY = {"name": "backup", "cron": "0 3 * * *", "duration": 1800, "timezone": "Europe/Berlin"}


def plan(client: Client, base: dict[str, Any] = ONCE, **fields: Any) -> Any:
    return client.data("POST", WINDOWS, {**base, "apply_to": {"all": True}, **fields}, status=201)


def silence(client: Client, **fields: Any) -> Any:
    return client.data("POST", SILENCES, {"match": {"all": True}, "for": 600, **fields}, status=201)


def test_a_window_is_planned_once_or_by_cron(owner: Client, clock: Clock) -> None:
    once = plan(owner)
    assert once == {
        "id": once["id"], "name": "upgrade", "starts_at": "2024-01-15T10:00:00.000Z",
        "ends_at": "2024-01-15T11:00:00.000Z", "cron": None, "duration": None, "timezone": "UTC", "apply_to": ALL,
        "message": None, "active": True, "created_at": "2024-01-15T10:30:00.000Z",
        "updated_at": "2024-01-15T10:30:00.000Z",
    }  # fmt: skip
    clock.advance(1_000)
    nightly = plan(owner, NIGHTLY)
    assert (nightly["cron"], nightly["duration"], nightly["timezone"]) == ("0 3 * * *", 1800, "Europe/Berlin")
    assert (nightly["starts_at"], nightly["active"]) == (None, False)
    assert owner.data("GET", WINDOWS) == [nightly, once]
    assert owner.data("GET", f"{WINDOWS}/{once['id']}") == once
    clock.now_ms = T0 + (15 * 60 + 35) * 60_000  # 03:05 in Berlin
    shown = {window["id"]: window["active"] for window in owner.data("GET", WINDOWS)}
    assert shown == {once["id"]: False, nightly["id"]: True}


def test_one_form_of_a_window_takes_the_place_of_the_other(owner: Client) -> None:
    path = f"{WINDOWS}/{plan(owner)['id']}"
    changed = owner.data("PUT", path, {"cron": "0 3 * * *", "duration": 60, "timezone": "Europe/Berlin"})
    assert (changed["starts_at"], changed["ends_at"], changed["cron"]) == (None, None, "0 3 * * *")
    changed = owner.data("PUT", path, {"starts_at": ONCE["starts_at"], "ends_at": ONCE["ends_at"]})
    assert (changed["cron"], changed["duration"], changed["timezone"]) == (None, None, "UTC")
    assert owner.data("PUT", path, {"starts_at": "0001-01-01"})["starts_at"] == "0001-01-01T00:00:00.000Z"
    assert owner.data("PUT", path, {"ends_at": "2024-01-15T12:00:00Z"})["ends_at"] == "2024-01-15T12:00:00.000Z"
    assert owner.data("PUT", path, {"apply_to": {"tags": ["db"]}})["apply_to"] == {**ALL, "all": False, "tags": ["db"]}


def test_a_time_of_one_that_comes_again_is_ended_and_the_next_one_holds(owner: Client, clock: Clock) -> None:
    hourly = {"name": "hourly", "cron": "0 * * * *", "duration": 1800, "timezone": "UTC"}
    path = f"{WINDOWS}/{plan(owner, hourly)['id']}"
    assert owner("POST", f"{path}/end").status_code == 409, "it is half past"
    clock.advance(35 * 60_000)
    monitor = make(owner)["id"]
    assert owner.data("GET", f"/v1/monitors/{monitor}")["health"] == "maintenance"
    assert owner.data("POST", f"{path}/end")["active"] is False
    assert owner.data("GET", f"/v1/monitors/{monitor}")["health"] == "unknown"
    clock.advance(55 * 60_000)
    assert owner.data("GET", path)["active"] is True
    owner.data("POST", f"{path}/end")
    assert owner.data("GET", path)["active"] is False
    once = f"{WINDOWS}/{plan(owner, ONCE, ends_at='2024-01-15T15:00:00Z')['id']}"
    assert owner.data("POST", f"{once}/end")["ends_at"] == "2024-01-15T12:00:00.000Z"


def test_a_monitor_in_a_window_is_in_maintenance_until_it_is_deleted(owner: Client) -> None:
    inside, outside = make(owner, tags=["db"])["id"], make(owner)["id"]
    window = plan(owner, apply_to={"tags": ["db"]})

    def health(monitor: str) -> str:
        shown: str = owner.data("GET", f"/v1/monitors/{monitor}")["health"]
        return shown

    assert (health(inside), health(outside)) == ("maintenance", "unknown")
    owner.data("PUT", f"/v1/monitors/{inside}", {"status": "paused"})
    assert health(inside) == "paused"
    owner.data("PUT", f"/v1/monitors/{inside}", {"status": "active"})
    assert owner.data("DELETE", f"{WINDOWS}/{window['id']}") == {"id": window["id"], "deleted": True}
    assert health(inside) == "unknown"
    owner.error("GET", f"{WINDOWS}/{window['id']}", status=404)
    assert owner.data("GET", WINDOWS) == []


def test_a_window_made_or_ended_counts_for_the_next_run(owner: Client, database: Database, organization: str) -> None:
    check = add_check(database, organization)
    add_rule(database, organization, threshold=1)
    window = plan(owner)["id"]
    tell_story(database, organization, check, "-")
    assert alerts_of(database) == []
    owner.data("PUT", f"{WINDOWS}/{window}", {"ends_at": "2024-01-15T10:15:00Z"})
    tell_story(database, organization, check, "-", after=1)
    assert len(alerts_of(database)) == 1


def test_a_silence_holds_ends_by_itself_and_at_once(owner: Client, clock: Clock) -> None:
    made = silence(owner, match={"tags": ["web"]}, reason="deploying v2.1.0")
    assert made == {
        "id": made["id"], "status": "active", "match": {**ALL, "all": False, "tags": ["web"]},
        "reason": "deploying v2.1.0", "created_by": "test", "starts_at": "2024-01-15T10:30:00.000Z",
        "ends_at": "2024-01-15T10:40:00.000Z",
    }  # fmt: skip
    clock.advance(1_000)
    other = silence(owner)
    assert [each["id"] for each in owner.data("GET", SILENCES)] == [other["id"], made["id"]]
    clock.advance(1_000)
    assert owner.data("DELETE", f"{SILENCES}/{other['id']}") == {"id": other["id"], "deleted": True}
    assert owner.data("DELETE", f"{SILENCES}/{other['id']}")["deleted"] is True
    ended = owner.data("GET", f"{SILENCES}/{other['id']}")
    assert (ended["status"], ended["ends_at"]) == ("over", "2024-01-15T10:30:02.000Z")
    assert [each["id"] for each in owner.data("GET", f"{SILENCES}?status=active")] == [made["id"]]
    clock.advance(600_000)
    assert owner.data("GET", f"{SILENCES}?status=active") == []
    assert len(owner.data("GET", f"{SILENCES}?status=over")) == 2


def test_a_silenced_outage_is_an_alert_that_nobody_is_told_of_until_it_ends(
    owner: Client, database: Database, organization: str
) -> None:
    check = add_check(database, organization)
    add_rule(database, organization, threshold=1, channels=[add_channel(database, organization)])
    tell_story(database, organization, check, "+")
    made = silence(owner, match={"monitors": [check]}, reason="deploying")
    tell_story(database, organization, check, "-", after=1)
    [alert] = owner.data("GET", "/v1/alerts")
    assert alert["held"]["outcome"] == "silenced"
    assert "deploying" in alert["held"]["detail"]
    assert outbox(database) == []
    owner.data("DELETE", f"{SILENCES}/{made['id']}")
    watch(database)
    assert [event for event, _, _ in outbox(database)] == ["triggered"]


def test_quiet_times_that_catch_nothing_say_so(owner: Client) -> None:
    answer = owner("POST", SILENCES, {"match": {"tags": ["wbe"]}, "for": 60}).get_json()
    assert answer["meta"]["warnings"] == ["no monitor or journey has the tag wbe"]
    past = {**ONCE, "starts_at": "2024-01-01T00:00:00Z", "ends_at": "2024-01-02T00:00:00Z", "apply_to": {"all": True}}
    warnings = owner("POST", WINDOWS, past).get_json()["meta"]["warnings"]
    assert "over already" in warnings[0]


def test_projects_are_named_as_people_name_them_and_answered_by_their_ids(owner: Client) -> None:
    shop, blog = (make_project(owner, slug).project for slug in ("shop", "blog"))
    assert plan(owner, apply_to={"projects": ["shop", shop["id"], shop["project_id"]]})["apply_to"] == {
        **ALL, "all": False, "projects": [shop["project_id"]],
    }  # fmt: skip
    answer = owner("POST", SILENCES, {"match": {"projects": ["blog"], "tags": ["web"]}, "for": 60}).get_json()
    assert answer["data"]["match"] == {**ALL, "all": False, "tags": ["web"], "projects": [blog["project_id"]]}
    assert "meta" not in answer, "nothing to warn of"
    key = owner.data("POST", "/v1/api-keys", {"name": "shop", "scopes": ["write"], "projects": ["shop"]}, status=201)[
        "key"
    ]
    of_shop = Client(owner.client, key)
    silence(of_shop, match={"projects": ["shop"]})
    error = of_shop.error("POST", SILENCES, {"match": {"projects": ["shop", "blog"]}, "for": 60}, status=422)
    assert error["fields"] == {"match.projects.1": ["there is no project blog"]}
    rule = {"name": "Down", "type": "no_data", "window": 60, "apply_to": {"projects": ["shop"]}}
    assert "apply_to.projects" in owner.error("POST", "/v1/alert-rules", rule, status=422)["fields"]


def test_a_window_of_a_project_that_was_deleted_can_be_changed_and_says_that_it_catches_nothing(owner: Client) -> None:
    project = make_project(owner, "shop").project["project_id"]
    path = f"{WINDOWS}/{plan(owner, apply_to={'projects': ['shop']})['id']}"
    owner("DELETE", "/v1/projects/shop")
    answer = owner("PUT", path, {"name": "later", "apply_to": {"projects": [project]}}).get_json()
    assert answer["data"]["apply_to"]["projects"] == [project]
    assert answer["meta"]["warnings"] == ["those that it names were deleted: it applies to nothing"]
    assert "apply_to.projects.0" in owner.error("PUT", path, {"apply_to": {"projects": ["shop"]}}, status=422)["fields"]


def test_a_monitor_is_not_covered_by_the_window_of_a_project(owner: Client) -> None:
    make_project(owner, "shop")
    monitor = make(owner, tags=["shop"])["id"]
    plan(owner, apply_to={"projects": ["shop"]})
    assert owner.data("GET", f"/v1/monitors/{monitor}")["health"] == "unknown"


WRONG_WINDOWS = [
    ({"name": ""}, "name"),
    ({"name": None}, "name"),
    ({"starts_at": None, "ends_at": None}, "starts_at"),
    ({"ends_at": None}, "ends_at"),
    ({"ends_at": "2024-01-15T10:00:00Z"}, "ends_at"),
    ({"ends_at": "soon"}, "ends_at"),
    ({"cron": "0 3 * * *", "duration": 60}, "starts_at"),
    ({"timezone": "Europe/Berlin"}, "timezone"),
    ({**NIGHTLY, "starts_at": None, "ends_at": None, "cron": "61 * * * *"}, "cron"),
    ({**NIGHTLY, "starts_at": None, "ends_at": None, "cron": "@daily"}, "cron"),
    ({**NIGHTLY, "starts_at": None, "ends_at": None, "cron": "0 3 30 2 *"}, "cron"),
    ({**NIGHTLY, "starts_at": None, "ends_at": None, "duration": 0}, "duration"),
    ({**NIGHTLY, "starts_at": None, "ends_at": None, "duration": None}, "duration"),
    ({**NIGHTLY, "starts_at": None, "ends_at": None, "timezone": "Mars/Olympus"}, "timezone"),
    ({"apply_to": None}, "apply_to"),
    ({"apply_to": {}}, "apply_to"),
    ({"apply_to": {"monitors": ["mon_abc123"]}}, "apply_to.monitors.0"),
    ({"apply_to": {"all": True, "projects": ["truecom"]}}, "apply_to.projects.0"),
    ({"apply_to": {"projects": ["Not A Slug"]}}, "apply_to.projects.0"),
    ({"apply_to": {"projects": "truecom"}}, "apply_to.projects"),
    ({"colour": "red"}, "colour"),
    ({"active": True}, "active"),
]
WRONG_SILENCES = [
    ({"match": None}, "match"),
    ({"match": {}}, "match"),
    ({"match": {"all": False}}, "match"),
    ({"match": {"monitors": ["mon_abc123"]}}, "match.monitors.0"),
    ({"match": {"team": "web"}}, "match.team"),
    ({"match": {"projects": ["proj_abc123"]}}, "match.projects.0"),
    ({"match": {"projects": [99]}}, "match.projects.0"),
    ({"for": None}, "for"),
    ({"for": 0}, "for"),
    ({"for": "20m"}, "for"),
    ({"for": 2_592_001}, "for"),
    ({"for_": 60}, "for_"),
    ({"reason": "x" * 1_001}, "reason"),
    ({"reason": "a\u0000"}, "reason"),
    ({"until": "2024-01-15T10:00:00Z"}, "until"),
]


@pytest.mark.parametrize("store", ["sqlite"], indirect=True)
def test_a_quiet_time_that_makes_no_sense_is_named(owner: Client) -> None:
    wrong = []
    for fields, at in WRONG_WINDOWS:
        error = owner.error("POST", WINDOWS, {**ONCE, "apply_to": {"all": True}, **fields}, status=422)
        wrong += [] if at in error["fields"] else [(fields, error["fields"])]
    for fields, at in WRONG_SILENCES:
        error = owner.error("POST", SILENCES, {"match": {"all": True}, "for": 60, **fields}, status=422)
        wrong += [] if at in error["fields"] else [(fields, error["fields"])]
    assert wrong == []
    assert owner.data("GET", WINDOWS) == owner.data("GET", SILENCES) == []


def test_another_organizations_quiet_times_are_not_there(
    owner: Client, client_of: Callable[..., Client], make_organization: Callable[[str], str]
) -> None:
    stranger, reader = client_of("admin", organization_id=make_organization("Other")), client_of("read")
    for path in (f"{WINDOWS}/{plan(owner)['id']}", f"{SILENCES}/{silence(owner)['id']}"):
        stranger.error("GET", path, status=404)
        stranger.error("DELETE", path, status=404)
        reader.error("DELETE", path, status=403)
        owner.data("GET", path)
    assert stranger.data("GET", WINDOWS) == stranger.data("GET", SILENCES) == []
