"""Whatever changes something over the API stands in the audit log, under the name of who asked for it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from typing import Any

import pytest
from click.testing import CliRunner
from flask import Flask

from cli.main import tracer
from store.keyring import Keyring
from store.sessions import Database
from tests.api.audited_people import ADAS, EMAIL
from tests.api.audited_place import HOOK, Place
from tests.api.audited_routes import CHANGES, CHANGES_NOTHING, SWITCHES
from tests.api.conftest import Client, MakeKey
from tests.api.journeys import SEED as JOURNEY
from tests.api.pages.world import Browser
from tests.api.people import Crowd
from tests.api.test_monitors import url_monitor
from tests.conftest import Clock
from tests.store.auditing import actions, events, told, verified
from tests.store.people import PASSWORD

sqlite_only = pytest.mark.parametrize("store", ["sqlite"], indirect=True)


@pytest.fixture
def place(
    app: Flask, owner: Client, database: Database, keyring: Keyring, organization: str, clock: Clock,
    make_key: MakeKey, crowd: Crowd,
) -> Place:  # fmt: skip
    return Place(owner, Browser.of(app), database, keyring, organization, clock, make_key, crowd)


@sqlite_only
def test_every_route_that_may_change_something_is_told_of_or_says_why_not(app: Flask) -> None:
    mutating = {
        (method, rule.rule)
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"GET", "HEAD", "OPTIONS"}
    }
    outside = {route for route in CHANGES_NOTHING if route[1].startswith(("/v1/probe/", "/ping/"))}  # not Flask's
    assert mutating | outside == CHANGES.keys() | CHANGES_NOTHING.keys() | SWITCHES


@pytest.mark.parametrize("route", CHANGES, ids=" ".join)
def test_whoever_changes_something_is_named(place: Place, route: tuple[str, str]) -> None:
    deed, action = CHANGES[route]
    act = deed(place)
    past = len(events(place.database))
    answer = act()
    assert answer.status_code < 400, answer.get_data(as_text=True)
    assert " ".join(actions(place.database, past=past)) == action
    if route[1].startswith("/ack/"):
        named = ("person", "link in a notice")
    elif route == ("PUT", "/api/traces/<agent_session_id>/analysis"):
        named = ("person", "TRACER_INTERNAL_TOKEN")
    else:
        named = ("person", "Ada") if route[1].startswith(ADAS) else ("key", "test")
    for event in events(place.database, past=past):
        assert (event.actor_kind, event.actor_name.removesuffix(" L.")) == named
        assert (event.address, event.organization_id) == ("127.0.0.1", place.organization)
        assert event.request_id == answer.headers["X-Request-Id"]
    assert [verdict.faults for verdict in verified(place.database)] == [[]]


@pytest.mark.parametrize("on_a_page", [False, True])
def test_who_switches_leaves_one_organization_for_another(
    place: Place, make_organization: Callable[[str], str], *, on_a_page: bool
) -> None:
    other = make_organization("Other")
    ada = place.crowd.client(place.crowd.member("viewer"))
    place.clock.advance(1)  # she was here first
    place.crowd.member("admin", "Ada", other)
    if on_a_page:
        assert place.browser.send("/login", "/login", email=EMAIL, password=PASSWORD).status_code == 303
    before = {event.id for event in events(place.database)}
    for _ in range(2):  # the second time it is there already
        if on_a_page:
            place.browser.send("/account", "/account/organization", organization_id=other)
        else:
            ada.data("POST", f"/v1/organizations/{other}/switch")
    fresh = [event for event in events(place.database) if event.id not in before]
    said = {(event.organization_id, event.action, event.actor_name) for event in fresh}
    assert len(fresh) == len(said)
    assert said == {(place.organization, "session.ended", "Ada"), (other, "session.began", "Ada")}


def test_what_is_refused_or_changes_nothing_leaves_no_event(place: Place) -> None:
    monitor = place.monitor()
    past = len(events(place.database))
    place.owner("PUT", f"/v1/monitors/{monitor}", {"interval": 0})
    place.owner("PUT", f"/v1/monitors/{monitor}", {"name": url_monitor()["name"]})
    place.owner("DELETE", "/v1/monitors/mon_nothing")
    place.owner("PUT", "/v1/organization", {"name": "Example"})
    place.owner(
        "POST",
        "/v1/alert-rules/backtest",
        {"type": "no_data", "from": "2024-01-15T10:00:00Z", "to": "2024-01-15T10:30:00Z"},
    )
    assert actions(place.database, past=past) == []


def test_a_note_that_is_added_later_is_told(place: Place) -> None:
    alert = place.alert()
    place.owner.data("POST", f"/v1/alerts/{alert}/acknowledge", {"note": "on it"})
    past = len(events(place.database))
    for _ in range(2):
        place.owner.data("POST", f"/v1/alerts/{alert}/acknowledge", {"note": "it is the cache"})
    [(action, before, after)] = told(place.database, past=past)
    assert (action, len(before["notes"]), after["notes"][1]["text"]) == ("alert.noted", 1, "it is the cache")


def test_no_secret_that_was_given_stands_in_the_log(place: Place) -> None:
    secret = "hunter2-in-the-audit-log"
    headers = {"Authorization": f"Bearer {secret}"}
    place.made("/v1/monitors", url_monitor(headers=headers))
    place.made("/v1/monitors", url_monitor(basic_auth={"username": "u", "password": secret}))
    place.made("/v1/journeys", {**JOURNEY, "variables": {"PASSWORD": secret}})
    place.made("/v1/variables", {"name": "TOKEN", "value": secret})
    channel = place.made("/v1/alert-channels", {**HOOK, "config": {"url": f"http://127.0.0.1:9/{secret}"}})
    place.owner.data("PUT", f"/v1/alert-channels/{channel}", {"config": {"url": f"http://127.0.0.1:9/{secret}/2"}})
    shown = place.owner("GET", "/v1/audit-log?per_page=100").get_data(as_text=True)
    assert "channel.updated" in shown
    assert secret not in shown
    assert secret not in repr(told(place.database))


def test_the_log_is_listed_newest_first_and_narrowed(place: Place, clock: Clock) -> None:
    monitor = place.made("/v1/monitors", url_monitor(name="Shop"))
    clock.advance(60_000)
    place.owner.data("PUT", f"/v1/monitors/{monitor}", {"interval": 120})
    [newest, *rest_] = place.owner.data("GET", "/v1/audit-log")
    assert newest == {
        "id": newest["id"],
        "number": len(rest_) + 1,
        "at": "2024-01-15T10:31:00.000Z",
        "actor": {"kind": "key", "id": newest["actor"]["id"], "name": "test"},
        "action": "monitor.updated",
        "target": {"kind": "monitor", "id": monitor, "name": "Shop"},
        "before": {"interval": 60},
        "after": {"interval": 120},
        "address": "127.0.0.1",
        "request_id": newest["request_id"],
    }

    def found(query: str) -> list[str]:
        return [event["action"] for event in place.owner.data("GET", f"/v1/audit-log?{query}")]

    both = ["monitor.updated", "monitor.created"]
    assert found(f"target={monitor}") == found("target=Shop") == both
    assert found("action=monitor.created") == ["monitor.created"]
    assert (found("action=monitor"), found("action=mon")) == (both, [])
    assert found(f"actor={newest['actor']['id']}") == found("actor=test") == both
    assert found("actor=TES") == both, "a part of it, small letters or capitals"
    assert found("actor=Tracer") == ["key.created", "organization.created"]
    assert found("from=2024-01-15T10:31:00Z") == ["monitor.updated"]
    assert found("to=2024-01-15T10:31:00Z&target=" + monitor) == ["monitor.created"]
    assert found("per_page=1&page=2") == ["monitor.created"]
    assert place.owner.error("GET", "/v1/audit-log?colour=red", status=422)["fields"]


def test_another_organizations_log_stays_out_of_sight(
    place: Place, client_of: Any, make_organization: Callable[[str], str]
) -> None:
    place.monitor()
    stranger = client_of("admin", organization_id=make_organization("Other"))
    assert {event["action"] for event in stranger.data("GET", "/v1/audit-log")} == {
        "organization.created", "key.created",
    }  # fmt: skip
    for scope in ("read", "run", "write", "ingest"):
        assert client_of(scope)("GET", "/v1/audit-log").status_code == 403


def test_a_refused_sign_in_is_told_with_its_key_if_it_is_one(place: Place) -> None:
    revoked = place.owner.data("POST", "/v1/api-keys", {"name": "Old", "scopes": ["read"]}, status=201)
    place.owner.data("DELETE", f"/v1/api-keys/{revoked['id']}")
    runner = place.make_key(["ingest"])
    past = len(events(place.database))
    for key in ("trk_nobodys", revoked["key"], runner):
        assert place.browser.sign_in(key).status_code in (401, 403)
    nobodys, old, unable = events(place.database, past=past)
    assert {event.action for event in (nobodys, old, unable)} == {"session.refused"}
    assert (nobodys.actor_kind, nobodys.actor_name, nobodys.target_id) == ("person", "not signed in", None)
    assert (old.target_id, old.target_name) == (revoked["id"], "Old")
    assert (unable.actor_kind, json.loads(unable.after or "")) == ("key", {"reason": "may not read"})
    assert "trk_nobodys" not in repr(told(place.database))


def test_refused_sign_ins_can_not_fill_the_log(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    past = len(events(place.database))
    for number in range(70):
        place.browser.client.environ_base["REMOTE_ADDR"] = f"198.51.100.{number}"
        assert place.browser.sign_in("trk_nobodys").status_code == 401
    assert len(events(place.database, past=past)) == 60


def test_the_command_line_lists_the_log(api: None, owner: Client) -> None:
    owner.data("PUT", "/v1/organization", {"name": "New"})
    shown = CliRunner().invoke(tracer, ["audit", "list", "--action", "organization.updated"])
    assert shown.exit_code == 0, shown.output
    assert [word in shown.output for word in ("organization.updated", "test", "New", "127.0.0.1")] == [True] * 4
    listed = json.loads(CliRunner().invoke(tracer, ["audit", "list", "--json", "--from", "2024-01-15"]).output)
    assert listed[0]["before"] == {"name": "Example"}
    assert os.environ["TRACER_URL"]
