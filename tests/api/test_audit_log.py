"""Whatever changes something over the API stands in the audit log, under the name of who asked for it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from click.testing import CliRunner
from flask import Flask

from alerts.acknowledge_links import acknowledge_url
from cli.main import tracer
from store.keyring import Keyring
from store.notifications import enqueue
from store.sessions import EVERY_ORGANIZATION, Database
from store.write_lock import Urgency
from tests.api.conftest import PUBLIC_URL, Client, MakeKey
from tests.api.journeys import SEED as JOURNEY
from tests.api.pages.world import Browser, add_alert
from tests.api.test_monitors import url_monitor
from tests.conftest import Clock
from tests.store.auditing import actions, events, told, verified

sqlite_only = pytest.mark.parametrize("store", ["sqlite"], indirect=True)
HOOK = {"name": "Ops", "type": "webhook", "config": {"url": "http://127.0.0.1:9/hook"}}
WINDOW = {"name": "Nightly", "cron": "0 3 * * *", "duration": 60, "apply_to": {"all": True}}

CHANGES_NOTHING = {
    ("POST", "/v1/alert-rules/backtest"): "it computes what a rule would have done, and stores nothing",
    ("POST", "/v1/probe/lease"): "what probes measure is data, told by the runs themselves",
    ("POST", "/v1/probe/results"): "what probes measure is data, told by the runs themselves",
    ("PUT", "/v1/probe/artifacts/<sha256>"): "what probes measure is data, told by the runs themselves",
    ("POST", "/ping/<token>"): "a ping is data, told by the run that it makes",
    ("POST", "/ping/<token>/<signal>"): "a ping is data, told by the run that it makes",
}
"""Routes that take POST, PUT or DELETE and leave no event, each with the reason."""


@dataclass
class Place:
    """An organization with one of everything, and those who may change it."""

    owner: Client
    browser: Browser
    database: Database
    keyring: Keyring
    organization: str
    clock: Clock
    make_key: MakeKey

    def made(self, path: str, body: Any) -> str:
        return str(self.owner.data("POST", path, body, status=201)["id"])

    def monitor(self) -> str:
        return self.made("/v1/monitors", url_monitor())

    def journey(self) -> str:
        return self.made("/v1/journeys", {**JOURNEY, "tags": ["smoke"]})

    def rule(self) -> str:
        return self.made("/v1/alert-rules", {"name": "Silence", "type": "no_data"})

    def channel(self) -> str:
        return self.made("/v1/alert-channels", HOOK)

    def window(self) -> str:
        return self.made("/v1/maintenance-windows", WINDOW)

    def silence(self) -> str:
        return self.made("/v1/silences", {"match": {"all": True}, "for": 60})

    def variable(self) -> str:
        return self.made("/v1/variables", {"name": "PASSWORD", "value": "hunter2"})

    def key(self) -> str:
        return self.made("/v1/api-keys", {"name": "CI", "scopes": ["run"]})

    def probe(self) -> str:
        return self.made("/v1/probes", {"name": "p", "location": "eu-west"})

    def alert(self) -> str:
        return add_alert(self.database, self.organization, self.monitor(), [], self.clock.now_ms)

    def notification(self) -> str:
        channel = self.channel()
        with self.database.write(EVERY_ORGANIZATION, Urgency.PEOPLE) as session:
            [made] = enqueue(
                session, organization_id=self.organization, subject_id="ntc_0123456789", event="notice", number=1,
                channel_ids=[channel], payload={}, now_ms=1,
            )  # fmt: skip
        return made


@pytest.fixture
def place(
    app: Flask, owner: Client, database: Database, keyring: Keyring, organization: str, clock: Clock, make_key: MakeKey
) -> Place:
    return Place(owner, Browser.of(app), database, keyring, organization, clock, make_key)


Deed = Callable[[Place], Callable[[], Any]]
"""Makes what is needed; what it answers then does the one thing that is to be told."""


def rest(method: str, path: str, body: Any = None) -> Deed:
    """A request by the owner; a name in {} is one of what Place makes."""

    def prepare(place: Place) -> Callable[[], Any]:
        whole = path
        if "{" in path:
            name = path.partition("{")[2].partition("}")[0]
            whole = path.replace(f"{{{name}}}", getattr(place, name)())
        return lambda: place.owner(method, whole, body)

    return prepare


def sign_in(place: Place) -> Callable[[], Any]:
    return lambda: place.browser.sign_in(place.owner.key)


def signed_in(send: Callable[[Place, str], Any]) -> Deed:
    def prepare(place: Place) -> Callable[[], Any]:
        alert = place.alert()
        place.browser.sign_in(place.owner.key)
        return lambda: send(place, alert)

    return prepare


def resolve_on_its_page(place: Place) -> Callable[[], Any]:
    """Its button is the form's own once somebody has the alert."""
    alert = place.alert()
    place.owner.data("POST", f"/v1/alerts/{alert}/acknowledge")
    place.browser.sign_in(place.owner.key)
    return lambda: place.browser.send(f"/alerts/{alert}", f"/alerts/{alert}/resolve")


def follow_link(place: Place) -> Callable[[], Any]:
    alert = place.alert()
    url = acknowledge_url(place.keyring, PUBLIC_URL, alert, place.clock.now_ms)
    return lambda: place.browser.post(url.removeprefix(PUBLIC_URL), {})


def run_tag(place: Place) -> Callable[[], Any]:
    place.journey()
    return lambda: place.owner("POST", "/v1/journeys/run-tag/smoke")


CHANGES: dict[tuple[str, str], tuple[Deed, str]] = {
    ("POST", "/v1/monitors"): (rest("POST", "/v1/monitors", url_monitor()), "monitor.created"),
    ("PUT", "/v1/monitors/<monitor_id>"): (rest("PUT", "/v1/monitors/{monitor}", {"name": "N"}), "monitor.updated"),
    ("DELETE", "/v1/monitors/<monitor_id>"): (rest("DELETE", "/v1/monitors/{monitor}"), "monitor.deleted"),
    ("POST", "/v1/monitors/<monitor_id>/run"): (rest("POST", "/v1/monitors/{monitor}/run"), "monitor.run"),
    ("POST", "/v1/journeys"): (rest("POST", "/v1/journeys", JOURNEY), "journey.created"),
    ("PUT", "/v1/journeys/<journey_id>"): (rest("PUT", "/v1/journeys/{journey}", {"name": "N"}), "journey.updated"),
    ("DELETE", "/v1/journeys/<journey_id>"): (rest("DELETE", "/v1/journeys/{journey}"), "journey.deleted"),
    ("POST", "/v1/journeys/<journey_id>/run"): (rest("POST", "/v1/journeys/{journey}/run"), "journey.run"),
    ("POST", "/v1/journeys/run-tag/<path:tag>"): (run_tag, "batch.created"),
    ("POST", "/v1/variables"): (rest("POST", "/v1/variables", {"name": "A", "value": "x"}), "variable.created"),
    ("PUT", "/v1/variables/<variable>"): (rest("PUT", "/v1/variables/{variable}", {"value": "y"}), "variable.updated"),
    ("DELETE", "/v1/variables/<variable>"): (rest("DELETE", "/v1/variables/{variable}"), "variable.deleted"),
    ("POST", "/v1/alert-rules"): (rest("POST", "/v1/alert-rules", {"name": "R", "type": "no_data"}), "rule.created"),
    ("PUT", "/v1/alert-rules/<rule_id>"): (rest("PUT", "/v1/alert-rules/{rule}", {"name": "N"}), "rule.updated"),
    ("DELETE", "/v1/alert-rules/<rule_id>"): (rest("DELETE", "/v1/alert-rules/{rule}"), "rule.deleted"),
    ("POST", "/v1/alert-channels"): (rest("POST", "/v1/alert-channels", HOOK), "channel.created"),
    ("PUT", "/v1/alert-channels/<channel_id>"): (
        rest("PUT", "/v1/alert-channels/{channel}", {"name": "N"}), "channel.updated",
    ),
    ("DELETE", "/v1/alert-channels/<channel_id>"): (rest("DELETE", "/v1/alert-channels/{channel}"), "channel.deleted"),
    ("POST", "/v1/alert-channels/<channel_id>/test"): (
        rest("POST", "/v1/alert-channels/{channel}/test"), "channel.tested",
    ),
    ("POST", "/v1/webhooks/<channel_id>/test"): (rest("POST", "/v1/webhooks/{channel}/test"), "channel.tested"),
    ("POST", "/v1/notifications/<notification_id>/resend"): (
        rest("POST", "/v1/notifications/{notification}/resend"), "notification.resent",
    ),
    ("POST", "/v1/maintenance-windows"): (
        rest("POST", "/v1/maintenance-windows", WINDOW), "maintenance_window.created",
    ),
    ("PUT", "/v1/maintenance-windows/<window_id>"): (
        rest("PUT", "/v1/maintenance-windows/{window}", {"name": "N"}), "maintenance_window.updated",
    ),
    ("DELETE", "/v1/maintenance-windows/<window_id>"): (
        rest("DELETE", "/v1/maintenance-windows/{window}"), "maintenance_window.deleted",
    ),
    ("POST", "/v1/silences"): (
        rest("POST", "/v1/silences", {"match": {"all": True}, "for": 60}), "silence.created",
    ),
    ("DELETE", "/v1/silences/<silence_id>"): (rest("DELETE", "/v1/silences/{silence}"), "silence.ended"),
    ("POST", "/v1/alerts/<alert_id>/acknowledge"): (
        rest("POST", "/v1/alerts/{alert}/acknowledge"), "alert.acknowledged",
    ),
    ("POST", "/v1/alerts/<alert_id>/resolve"): (rest("POST", "/v1/alerts/{alert}/resolve"), "alert.resolved"),
    ("POST", "/v1/probes"): (rest("POST", "/v1/probes", {"name": "p", "location": "x"}), "probe.created"),
    ("DELETE", "/v1/probes/<probe_id>"): (rest("DELETE", "/v1/probes/{probe}"), "probe.deleted"),
    ("POST", "/v1/api-keys"): (rest("POST", "/v1/api-keys", {"name": "k", "scopes": ["read"]}), "key.created"),
    ("DELETE", "/v1/api-keys/<key_id>"): (rest("DELETE", "/v1/api-keys/{key}"), "key.deleted"),
    ("PUT", "/v1/organization"): (rest("PUT", "/v1/organization", {"name": "New"}), "organization.updated"),
    ("POST", "/login"): (sign_in, "session.began"),
    ("POST", "/logout"): (signed_in(lambda place, _: place.browser.send("/alerts", "/logout")), "session.ended"),
    ("POST", "/alerts/<alert_id>/acknowledge"): (
        signed_in(lambda place, alert: place.browser.send(f"/alerts/{alert}", f"/alerts/{alert}/acknowledge")),
        "alert.acknowledged",
    ),
    ("POST", "/alerts/<alert_id>/resolve"): (
        resolve_on_its_page, "alert.resolved",
    ),
    ("POST", "/ack/<link>"): (follow_link, "alert.acknowledged"),
}  # fmt: skip
"""What each route that changes something is told as, and how to have it done once."""


@sqlite_only
def test_every_route_that_may_change_something_is_told_of_or_says_why_not(app: Flask) -> None:
    mutating = {
        (method, rule.rule)
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"GET", "HEAD", "OPTIONS"}
    }
    outside = {route for route in CHANGES_NOTHING if route[1].startswith(("/v1/probe/", "/ping/"))}  # not Flask's
    assert mutating | outside == CHANGES.keys() | CHANGES_NOTHING.keys()


@pytest.mark.parametrize("route", CHANGES, ids=" ".join)
def test_whoever_changes_something_is_named(place: Place, route: tuple[str, str]) -> None:
    deed, action = CHANGES[route]
    act = deed(place)
    past = len(events(place.database))
    answer = act()
    assert answer.status_code < 400, answer.get_data(as_text=True)
    assert actions(place.database, past=past) == [action]
    [event] = events(place.database, past=past)
    named = ("person", "link in a notice") if route[1].startswith("/ack/") else ("key", "test")
    assert (event.actor_kind, event.actor_name) == named
    assert (event.address, event.organization_id) == ("127.0.0.1", place.organization)
    assert event.request_id == answer.headers["X-Request-Id"]
    assert [verdict.faults for verdict in verified(place.database)] == [[]]


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
    assert found(f"actor={newest['actor']['id']}") == found("actor=test") == both
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
