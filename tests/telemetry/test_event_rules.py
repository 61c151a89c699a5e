"""Rules on events: when they fire, whom they tell, when it is over; and who may see and change them."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

import pytest
from flask import Flask

from store.alert_tables import AlertRule
from store.firings import read_cursor
from store.sessions import EVERY_ORGANIZATION, Database
from store.write_lock import Urgency
from telemetry import judging
from telemetry.judging import SETTLED_MS, EventJudge
from tests.alerts.alerting import add_channel, alerts_of, outbox, timeline
from tests.api.client import Client
from tests.api.conftest import MakeKey
from tests.conftest import Clock
from tests.scheduler.asked import judge_events, watch
from tests.telemetry.reporting import Reports, event, make_project, message

MINUTE = 60_000
sqlite_only = pytest.mark.parametrize("store", ["sqlite"], indirect=True)
_numbers = itertools.count()
Judge = Callable[[], None]


@pytest.fixture
def judge(database: Database) -> Judge:
    """A function that judges what has arrived, if it is worth a look."""
    return partial(judge_events, EventJudge(database), database)


def add(reports: Reports, **fields: Any) -> dict[str, Any]:
    rule = {"name": "Errors", "project": reports.project["slug"], "query": "level:error", **fields}
    answer = reports.owner("POST", "/v1/alerts/rules", rule)
    assert answer.status_code == 201, answer.get_data(as_text=True)
    made: dict[str, Any] = answer.get_json()
    return made


def fail(reports: Reports, text: str = "x is undefined", **fields: Any) -> None:
    """One more error with this text; each text is an issue."""
    reports.events(message(f"n{next(_numbers)}", text, level="error", **fields))


def firings(reports: Reports, **query: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = reports.get("/v1/alerts/firings", **query)["firings"]
    return found


def test_a_rule_fires_once_for_each_issue_and_tells_its_channels(
    reports: Reports, judge: Judge, database: Database, organization: str, clock: Clock
) -> None:
    channel = add_channel(database, organization)
    rule = add(reports, channels=[channel], severity="critical")
    clock.advance(1)
    for _ in range(3):
        fail(reports, "first", release="web@1")
        fail(reports, "second")
        judge()
    reports.events(message("quiet", "no error"))
    judge()
    alerts = {alert["title"]: alert for alert in reports.owner.data("GET", "/v1/alerts")}
    assert alerts.keys() == {"first in Truecom", "second in Truecom"}
    issues = {issue["title"]: issue for issue in reports.issues()}
    first = alerts["first in Truecom"]
    assert (first["project_id"], first["issue_id"]) == (reports.project["project_id"], issues["first"]["id"])
    assert (first["rule_id"], first["severity"], first["status"]) == (rule["id"], "critical", "triggered")
    assert first["cause"] == "1 event in 5m"
    assert "monitor_id" not in first
    assert [(sent["event"], sent["status"]) for sent in first["notifications"]] == [("alert.triggered", "pending")]
    told = {firing["alert_id"]: firing for firing in firings(reports)}
    assert told.keys() == {alert["id"] for alert in alerts.values()}
    firing = told[first["id"]]
    assert (firing["rule_name"], firing["count"], firing["at"]) == ("Errors", 1, first["triggered_at"])
    assert firing["group_key"] == issues["first"]["fingerprint"] == first["group_key"]
    assert firing["channels"] == [{"channel_id": channel, "status": "pending", "response_status": None}]
    assert len(outbox(database)) == 2


def test_it_takes_the_threshold_within_the_window(reports: Reports, judge: Judge, clock: Clock) -> None:
    add(reports, threshold=3, window="1m")
    for wait in (1, 20_000, 40_000, 30_000):  # of the last three the first is more than a minute old, always
        clock.advance(wait)
        fail(reports)
        judge()
    assert firings(reports) == []
    clock.advance(1_000)
    fail(reports)
    judge()
    [firing] = firings(reports)
    assert firing["count"] == 3
    [alert] = reports.owner.data("GET", "/v1/alerts")
    assert alert["cause"] == "3 events in 1m, 3 are enough"


def test_groups_are_told_apart_by_what_the_rule_says(reports: Reports, judge: Judge, clock: Clock) -> None:
    add(reports, group_by="region", threshold=2)
    add(reports, name="All", group_by="project", threshold=5)
    clock.advance(1)
    for region in ("eu", "us", "eu"):
        fail(reports, tags={"region": region})
    fail(reports, "another issue", tags={"region": "us"})
    judge()
    assert {(firing["rule_name"], firing["group_key"]) for firing in firings(reports)} == {
        ("Errors", "eu"), ("Errors", "us"),
    }  # fmt: skip
    fail(reports)
    fail(reports)
    judge()
    assert {(firing["rule_name"], firing["group_key"], firing["count"]) for firing in firings(reports)} == {
        ("Errors", "eu", 2), ("Errors", "us", 2), ("Errors", "(none)", 2), ("All", "project", 5),
    }  # fmt: skip
    titles = {alert["title"] for alert in reports.owner.data("GET", "/v1/alerts")}
    assert {"Errors: region eu in Truecom", "All in Truecom"} <= titles


def test_only_events_that_arrive_after_a_rule_was_made_and_its_query_is_true_of_count(
    reports: Reports, judge: Judge, clock: Clock
) -> None:
    fail(reports)
    clock.advance(1)
    add(reports, query="level:error -known release:web*")
    make_project(reports.owner, "other").events(event("elsewhere", release="web@1"))
    clock.advance(1)
    fail(reports, "a known issue", release="web@1")
    fail(reports, release="api@1")
    judge()
    assert firings(reports) == []
    fail(reports, release="web@2")
    judge()
    assert len(firings(reports)) == 1


def test_in_is_judged_by_when_an_event_arrived(reports: Reports, judge: Judge, clock: Clock) -> None:
    add(reports, query="in:5m")
    clock.advance(1)
    fail(reports, timestamp="2024-01-15T10:20:00Z")
    judge()
    assert firings(reports) == []
    fail(reports, timestamp="2024-01-15T10:29:00Z")
    clock.advance(10 * MINUTE)  # the judge was away
    judge()
    assert len(firings(reports)) == 1


def test_an_alert_is_over_when_a_window_passes_without_an_event_and_the_cooldown_keeps_it_from_beginning_anew(
    reports: Reports, judge: Judge, database: Database, organization: str, clock: Clock
) -> None:
    add(reports, window="5m", cooldown="1h", channels=[add_channel(database, organization)])
    clock.advance(1)
    fail(reports)
    judge()
    clock.advance(4 * MINUTE)
    fail(reports)
    judge()
    clock.advance(4 * MINUTE)
    judge()
    assert alerts_of(database)[0].status == "triggered"
    clock.advance(MINUTE + SETTLED_MS)
    judge()
    [alert] = alerts_of(database)
    assert (alert.status, alert.resolution) == ("resolved", "no such event for 5m")
    assert sorted(event for event, _, _ in outbox(database)) == ["resolved", "triggered"]
    fail(reports)
    judge()
    assert len(alerts_of(database)) == 1, "the hour is not over"
    clock.advance(60 * MINUTE)
    fail(reports)
    judge()
    assert [alert.status for alert in alerts_of(database)] == ["resolved", "triggered"]
    assert len(firings(reports)) == 2


def test_while_it_goes_on_its_channels_are_told_again_after_each_cooldown_until_somebody_has_it(
    reports: Reports, judge: Judge, database: Database, organization: str, clock: Clock
) -> None:
    add(reports, cooldown="10m", channels=[add_channel(database, organization)])
    clock.advance(1)
    for _ in range(24):
        fail(reports)
        judge()
        clock.advance(MINUTE)
    [alert] = alerts_of(database)
    assert timeline(database, alert) == ["triggered", "reminder", "reminder"]
    found = firings(reports)
    assert [firing["count"] for firing in found] == [5, 5, 1]
    assert {firing["alert_id"] for firing in found} == {alert.id}
    assert [sent["status"] for firing in found for sent in firing["channels"]] == ["pending", "replaced", "replaced"]
    reports.owner.data("POST", f"/v1/alerts/{alert.id}/acknowledge", {"note": "mine"})
    for _ in range(12):
        fail(reports)
        judge()
        clock.advance(MINUTE)
    assert len(firings(reports)) == 3


def test_an_issue_that_is_settled_ends_its_alert_and_one_that_comes_back_is_told_at_once(
    reports: Reports, judge: Judge, database: Database, clock: Clock
) -> None:
    add(reports)
    clock.advance(1)
    fail(reports)
    judge()
    issue = reports.issues()[0]["id"]
    reports.put(f"/v1/issues/{issue}", {"status": "resolved"})
    clock.advance(1)
    judge()
    assert alerts_of(database)[0].resolution == "its issue is resolved"
    fail(reports, release="web@3")
    judge()
    assert [alert.status for alert in alerts_of(database)] == ["resolved", "triggered"]
    assert alerts_of(database)[1].cause == "2 events in 5m; it was resolved, and came back in web@3"
    reports.put(f"/v1/issues/{issue}", {"status": "ignored"})
    clock.advance(61 * MINUTE)
    fail(reports)
    judge()
    assert [alert.status for alert in alerts_of(database)] == ["resolved", "resolved"]


def test_an_issue_that_comes_back_before_anybody_saw_it_resolved_is_told_at_once_too(
    reports: Reports, judge: Judge, database: Database, clock: Clock
) -> None:
    add(reports)
    clock.advance(1)
    fail(reports)
    judge()
    clock.advance(1)
    reports.put(f"/v1/issues/{reports.issues()[0]['id']}", {"status": "resolved"})
    clock.advance(1)
    fail(reports, release="web@3")
    judge()
    judge()
    assert [(alert.status, alert.resolution) for alert in alerts_of(database)] == [
        ("resolved", "its issue was resolved, and has come back"), ("triggered", None),
    ]  # fmt: skip
    assert len(firings(reports)) == 2


def test_silences_keep_it_back_and_maintenance_keeps_it_from_firing(
    reports: Reports, judge: Judge, database: Database, organization: str, clock: Clock
) -> None:
    add(reports, channels=[add_channel(database, organization)])
    silence = reports.owner.data("POST", "/v1/silences", {"match": {"all": True}, "for": 120}, status=201)
    clock.advance(1)
    fail(reports)
    judge()
    [alert] = alerts_of(database)
    assert (alert.told_ms, (alert.held or {})["outcome"], outbox(database)) == (None, "silenced", [])
    watch(database)
    assert outbox(database) == []
    reports.owner.data("DELETE", f"/v1/silences/{silence['id']}")
    watch(database)
    assert [event for event, _, _ in outbox(database)] == ["triggered"]
    window = {"name": "w", "starts_at": "2024-01-15T10:00:00Z", "ends_at": "2024-01-15T10:40:00Z"}
    reports.owner.data("POST", "/v1/maintenance-windows", {**window, "apply_to": {"all": True}}, status=201)
    fail(reports, "another")
    judge()
    assert len(alerts_of(database)) == 1
    clock.advance(11 * MINUTE)
    fail(reports, "another")
    judge()
    assert len(alerts_of(database)) == 2


def test_a_project_has_windows_and_silences_of_its_own(
    reports: Reports, judge: Judge, database: Database, organization: str, clock: Clock
) -> None:
    other = make_project(reports.owner, "other")
    channel = add_channel(database, organization)
    add(reports, channels=[channel])
    add(other, channels=[channel])
    window = {"name": "w", "starts_at": "2024-01-15T10:00:00Z", "ends_at": "2024-01-15T10:40:00Z"}
    mine = {"projects": [reports.project["slug"]]}
    made = reports.owner.data("POST", "/v1/maintenance-windows", {**window, "apply_to": mine}, status=201)
    clock.advance(1)

    def told(text: str) -> list[tuple[str, bool]]:
        for project in (reports, other):
            fail(project, text)
        judge()
        watch(database)
        alerts = [alert for alert in alerts_of(database) if alert.title.startswith(text)]
        return sorted((alert.title, alert.told_ms is not None) for alert in alerts)

    assert told("first") == [("first in Other", True)]
    reports.owner.data("DELETE", f"/v1/maintenance-windows/{made['id']}")
    silence = reports.owner.data("POST", "/v1/silences", {"match": mine, "for": 600}, status=201)
    assert told("second") == [("second in Other", True), ("second in Truecom", False)]
    reports.owner.data("DELETE", f"/v1/silences/{silence['id']}")
    assert told("third") == [("third in Other", True), ("third in Truecom", True)]
    assert told("second") == [("second in Other", True), ("second in Truecom", True)]


def test_what_is_edited_deleted_or_gone_resolves_with_that_reason(
    reports: Reports, judge: Judge, database: Database, clock: Clock
) -> None:
    def open_one(**fields: Any) -> str:
        made: str = add(reports, **fields)["id"]
        clock.advance(1)
        fail(reports)
        judge()
        return made

    edited = open_one(name="Edited", group_by="level")
    reports.put(f"/v1/alerts/rules/{edited}", {"severity": "low", "cooldown": "2h"})
    assert alerts_of(database)[0].status == "triggered"
    reports.put(f"/v1/alerts/rules/{edited}", {"threshold": 50})
    deleted = open_one(name="Deleted")
    assert reports.owner("DELETE", f"/v1/alerts/rules/{deleted}").get_json() == {"id": deleted, "deleted": True}
    off = open_one(name="Off")
    reports.put(f"/v1/alerts/rules/{off}", {"enabled": False})
    open_one(name="Gone")
    reports.owner("DELETE", f"/v1/projects/{reports.project['slug']}")
    assert sorted(alert.resolution or "" for alert in alerts_of(database)) == [
        "rule Deleted was deleted", "rule Edited has another threshold", "rule Off was disabled",
        "the project Truecom was deleted",
    ]  # fmt: skip
    assert reports.owner("GET", "/v1/alerts/rules").get_json() == []


def test_a_storm_is_judged_in_parts_and_opens_no_more_alerts_than_a_rule_may_have(
    reports: Reports, judge: Judge, database: Database, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(judging, "MOST_EVENTS", 7)
    monkeypatch.setattr(judging, "MOST_FIRES", 2)
    monkeypatch.setattr(judging, "MOST_OPEN", 10)
    add(reports, group_by="kind")
    clock.advance(1)
    events = [message(f"s{n}", "x", level="error", tags={"kind": f"k{n % 16}"}) for n in range(48)]
    reports.events(*events)
    judge()
    assert sorted(alert.group_key for alert in alerts_of(database)) == sorted(f"k{n}" for n in range(10))
    assert len(firings(reports)) == 10


def test_what_two_processes_judge_is_judged_once(
    reports: Reports, database: Database, clock: Clock, organization: str
) -> None:
    add(reports, channels=[add_channel(database, organization)])
    clock.advance(1)
    fail(reports)
    other = EventJudge(database)

    def overtaken(point: str) -> None:
        if point == "judged" and not alerts_of(database):
            other.work()

    EventJudge(database, overtaken).work()
    assert (len(alerts_of(database)), len(firings(reports)), len(outbox(database))) == (1, 1, 1)


@pytest.mark.parametrize("point", ["read", "judged", "written", "kept"])
def test_a_judge_that_dies_anywhere_loses_nothing_and_doubles_nothing(
    reports: Reports, database: Database, clock: Clock, organization: str, point: str
) -> None:
    add(reports, threshold=2, channels=[add_channel(database, organization)])
    clock.advance(1)

    def die(reached: str) -> None:
        if reached == point:
            raise KeyboardInterrupt

    for _ in range(4):
        fail(reports)
        with suppress(KeyboardInterrupt):
            EventJudge(database, die).step()
    EventJudge(database).work()
    [firing] = firings(reports)
    assert firing["count"] == 2
    assert (len(alerts_of(database)), len(outbox(database))) == (1, 1)


def test_a_rule_that_is_made_while_a_pass_is_on_its_way_judges_what_arrives_after_it(
    reports: Reports, database: Database, clock: Clock
) -> None:
    made: list[str] = []

    def meanwhile(point: str) -> None:
        if point == "read" and not made:
            made.append(add(reports)["id"])
            clock.advance(1)
            fail(reports)

    fail(reports)
    judge = EventJudge(database, meanwhile)
    judge.work()
    judge.work()
    assert [firing["rule_id"] for firing in firings(reports)] == made


@sqlite_only
def test_a_stored_rule_that_can_not_be_read_any_more_keeps_no_other_from_being_judged(
    reports: Reports, judge: Judge, database: Database, clock: Clock
) -> None:
    broken, good = add(reports)["id"], add(reports)["id"]
    with database.write(EVERY_ORGANIZATION, Urgency.PEOPLE) as session:
        row = session.get_one(AlertRule, broken)
        row.definition = {**row.definition, "group_by": "in"}
    clock.advance(1)
    fail(reports)
    judge()
    assert [firing["rule_id"] for firing in firings(reports)] == [good]


def test_with_no_rules_nothing_is_read_and_the_cursor_follows(
    reports: Reports, judge: Judge, database: Database
) -> None:
    fail(reports)
    judge()
    with database.read(EVERY_ORGANIZATION) as session:
        assert read_cursor(session) == 1


YAML = """
name: Checkout fails
project: {project}
query: level:error environment:production   # the same as in JSON
group_by: fingerprint
threshold: 5
window: 5m
severity: high
cooldown: 1h
enabled: true
"""


def test_a_rule_is_the_same_in_json_and_in_yaml(reports: Reports) -> None:
    def send(method: str, path: str, text: str, kind: str = "application/yaml") -> Any:
        headers = {"Authorization": f"Bearer {reports.owner.key}", "Content-Type": kind}
        return reports.client.open(path, method=method, data=text, headers=headers)

    made = send("POST", "/v1/alerts/rules", YAML.format(project=reports.project["id"]))
    assert made.status_code == 201, made.get_data(as_text=True)
    rule = made.get_json()
    same = {name: value for name, value in rule.items() if name not in ("id", "warnings", "created_at", "updated_at")}
    assert same == {
        "name": "Checkout fails", "project": "truecom", "project_id": reports.project["project_id"],
        "query": "level:error environment:production", "group_by": "fingerprint", "threshold": 5, "window": "5m",
        "severity": "high", "channels": [], "cooldown": "1h", "enabled": True,
    }  # fmt: skip
    assert rule["warnings"] == ["it names no channel: its alerts are listed, but nobody is told"]
    changed = send("PUT", f"/v1/alerts/rules/{rule['id']}", "threshold: 7", "text/yaml").get_json()
    assert changed["threshold"] == 7
    assert reports.owner("GET", "/v1/alerts/rules").get_json() == [changed]
    assert reports.owner("GET", f"/v1/alerts/rules/{rule['id']}").get_json() == changed
    assert reports.owner("GET", f"/v1/alert-rules/{rule['id']}").status_code == 404
    for text, said in (
        ("a: [", "is not YAML in line "),
        ("name: a\nname: b", "stands there twice, again in line 2"),
        ("a: &x {}\nb: *x", "refers to itself in line 2"),
        ("1: x", "A key in line 1 is no text"),
        ("- a", "must be an object"),
        ("", "needs a YAML body"),
        ("a: " + "[" * 100_000, "nested deeper"),
        ("a: \x00", "is not YAML"),
        ("!!python/object:os.system x", "is not YAML"),
    ):
        refused = send("POST", "/v1/alerts/rules", text)
        assert refused.status_code == 400, text[:50]
        assert said in refused.get_json()["error"]["message"]
    assert send("POST", "/v1/alerts/rules", "name: x", "text/plain").status_code == 415


@sqlite_only
@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"window": "5"}, "window"), ({"window": "0s"}, "window"), ({"window": "25h"}, "window"),
        ({"cooldown": "31d"}, "cooldown"), ({"threshold": 0}, "threshold"), ({"threshold": 10_001}, "threshold"),
        ({"query": "level:loud"}, "query"), ({"group_by": "in"}, "group_by"), ({"group_by": "a b"}, "group_by"),
        ({"severity": "loud"}, "severity"), ({"channels": ["chan_0123456789"]}, "channels.0"), ({"name": ""}, "name"),
        ({"enabled": "yes"}, "enabled"), ({"id": "rule_0123456789"}, "id"), ({"query": "x" * 1001}, "query"),
        ({"colour": "red"}, "colour"),
    ],
)  # fmt: skip
def test_a_rule_that_can_not_be_is_refused_by_field(reports: Reports, fields: dict[str, Any], field: str) -> None:
    rule = {"name": "Errors", "project": "truecom", **fields}
    answer = reports.owner("POST", "/v1/alerts/rules", rule)
    assert answer.status_code == 400, answer.get_json()
    assert list(answer.get_json()["error"]["fields"]) == [field]


@sqlite_only
def test_rules_firings_and_alerts_of_a_project_are_shown_to_those_who_may_see_it(
    reports: Reports, judge: Judge, make_key: MakeKey, app: Flask, clock: Clock,
    make_organization: Callable[[str], str],
) -> None:  # fmt: skip
    other = make_project(reports.owner, "other")
    rule = add(reports)
    clock.advance(1)
    fail(reports)
    judge()
    [alert] = reports.owner.data("GET", "/v1/alerts")
    key = {"name": "k", "scopes": ["write"], "projects": [other.project["project_id"]]}
    limited = Client(app.test_client(), reports.owner.data("POST", "/v1/api-keys", key, status=201)["key"])
    foreign = Client(app.test_client(), make_key(organization_id=make_organization("Elsewhere")))
    for who in (limited, foreign):
        assert who("GET", "/v1/alerts/rules").get_json() == []
        assert who("GET", "/v1/alerts/firings").get_json() == {"firings": [], "cursor": None}
        assert who.data("GET", "/v1/alerts") == []
        for method in ("GET", "PUT", "DELETE"):
            assert who(method, f"/v1/alerts/rules/{rule['id']}", {} if method == "PUT" else None).status_code == 404
        assert who("GET", f"/v1/alerts/{alert['id']}").status_code == 404
        assert who("POST", f"/v1/alerts/{alert['id']}/acknowledge").status_code == 404
        body = {"name": "x", "project": "truecom"}
        assert who("POST", "/v1/alerts/rules", body).status_code == 403
        assert who("GET", "/v1/alerts/firings?project=truecom").status_code == 403
    assert reports.owner.data("GET", f"/v1/alerts?issue_id={alert['issue_id']}")[0]["id"] == alert["id"]
    assert reports.owner.data("GET", f"/v1/alerts?project_id={other.project['project_id']}") == []


@sqlite_only
def test_firings_come_in_pages(reports: Reports, judge: Judge, clock: Clock) -> None:
    rule = add(reports, group_by="n")
    clock.advance(1)
    for number in range(5):
        fail(reports, tags={"n": str(number)})
        clock.advance(1)
        judge()
    seen, cursor = [], None
    while True:
        page = reports.get("/v1/alerts/firings", limit=2, rule_id=rule["id"], **({"cursor": cursor} if cursor else {}))
        seen += [firing["group_key"] for firing in page["firings"]]
        cursor = page["cursor"]
        if cursor is None:
            break
    assert seen == ["4", "3", "2", "1", "0"]
    assert reports.get("/v1/alerts/firings", rule_id="rule_0123456789")["firings"] == []


@sqlite_only
def test_its_alert_is_shown_on_the_pages_of_alerts_and_told_in_words(
    reports: Reports, judge: Judge, database: Database, clock: Clock
) -> None:
    from alerts.messages.plain import plain
    from alerts.messages.told import told
    from alerts.payload import event_payload
    from tests.api.pages.world import Browser

    add(reports)
    clock.advance(1)
    reports.events(event("e1", release="web@1"))
    judge()
    [alert] = alerts_of(database)
    with database.read(EVERY_ORGANIZATION) as session:
        said = told(event_payload(session, alert, "triggered", clock.now_ms), "https://t.example", lambda _id: None)
    assert said.subject == "[HIGH] TypeError: x is undefined in Truecom"
    text = plain(said)
    for line in (
        "Cause: 1 event in 5m",
        "Project: Truecom",
        "Where: loadData (app/page.tsx)",
        "First in release: web@1",
    ):
        assert line in text
    assert "Last good run" not in text
    browser = Browser(reports.client)
    browser.sign_in(reports.owner.key)
    for page in ("/alerts", f"/alerts/{alert.id}"):
        answer = browser.answer(page)
        assert answer.status_code == 200
        assert "TypeError: x is undefined in Truecom" in answer.get_data(as_text=True)
