"""Issues that are made one while alerts are open of them: one alert goes on, and nobody is told anew."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from store.sessions import EVERY_ORGANIZATION, Database
from store.write_lock import Urgency
from telemetry.issue_ids import issue_number
from telemetry.judging import EventJudge
from telemetry.stored.issues import get_issue, merge
from tests.alerts.alerting import add_channel, alerts_of, outbox, timeline
from tests.conftest import Clock
from tests.scheduler.asked import judge_events
from tests.telemetry.reporting import Reports
from tests.telemetry.test_event_rules import add, fail, firings
from tests.telemetry.test_source_maps import SCRIPT, minified, upload

MINUTE = 60_000
Judge = Callable[[], None]
Merge = Callable[[str, str], None]


@pytest.fixture
def judge(database: Database) -> Judge:
    return partial(judge_events, EventJudge(database), database)


@pytest.fixture
def rule(reports: Reports, database: Database, organization: str, clock: Clock) -> dict[str, Any]:
    made = add(reports, channels=[add_channel(database, organization)], cooldown="1h", window="2h")
    clock.advance(1)
    return made


@pytest.fixture(params=["by a person", "while nobody looked"])
def merge_into(request: pytest.FixtureRequest, reports: Reports, database: Database, judge: Judge) -> Merge:
    """A function that makes the first issue (by its title) one with the second: over REST; or in the store, as by
    somebody who died before they came to the alerts."""

    def over_rest(merged: str, into: str) -> None:
        ids = {issue["title"]: issue["id"] for issue in reports.issues()}
        answer = reports.owner("PUT", f"/v1/issues/{ids[merged]}", {"merge_into": ids[into]})
        assert answer.status_code == 200

    def stored(merged: str, into: str) -> None:
        numbers = {issue["title"]: issue_number(issue["id"]) or 0 for issue in reports.issues()}
        with database.telemetry.write(EVERY_ORGANIZATION, Urgency.PEOPLE) as session:
            this, that = (get_issue(session, [reports.project["id"]], numbers[name]) for name in (merged, into))
            assert this is not None
            assert that is not None
            merge(session, this, that)
        judge()

    return over_rest if request.param == "by a person" else stored


def story(reports: Reports, alert_id: str) -> list[tuple[str, str]]:
    lines = reports.owner.data("GET", f"/v1/alerts/{alert_id}")["timeline"]
    return [(line["kind"], line["text"]) for line in lines]


def test_of_two_open_alerts_that_of_the_merged_issue_ends_and_nobody_is_told_of_the_other_again(
    reports: Reports, rule: dict[str, Any], judge: Judge, database: Database, merge_into: Merge, clock: Clock
) -> None:
    fail(reports, "old")
    fail(reports, "new")
    judge()
    old, new = sorted(alerts_of(database), key=lambda alert: alert.title, reverse=True)
    assert (old.title, new.title) == ("old in Truecom", "new in Truecom")
    merge_into("old", "new")
    [still] = reports.owner.data("GET", "/v1/alerts?status=triggered")
    assert still["id"] == new.id
    why = f"its issue was merged into new: alert {new.id} goes on"
    assert story(reports, old.id)[1:] == [("resolved", why)]
    assert story(reports, new.id)[1:] == [("merged", f"old in Truecom is the same issue: alert {old.id} ends here")]
    sent = sorted(event for event, _, _ in outbox(database))
    assert sent == ["resolved", "triggered", "triggered"], "who was told that it began is told once that it is over"
    for _ in range(3):
        clock.advance(10 * MINUTE)
        fail(reports, "old")
        fail(reports, "new")
        judge()
    assert sorted(event for event, _, _ in outbox(database)) == sent
    assert len(alerts_of(database)) == len(firings(reports)) == 2


def test_an_alert_of_the_merged_issue_alone_goes_on_for_both(
    reports: Reports, rule: dict[str, Any], judge: Judge, database: Database, merge_into: Merge, clock: Clock
) -> None:
    reports.put(f"/v1/alerts/rules/{rule['id']}", {"query": "old"})
    clock.advance(1)
    fail(reports, "old one")
    fail(reports, "new one")
    judge()
    [alert] = alerts_of(database)
    reports.put(f"/v1/alerts/rules/{rule['id']}", {"name": "Any"})
    merge_into("old one", "new one")
    [issue] = reports.issues()
    shown = reports.owner.data("GET", f"/v1/alerts/{alert.id}")
    assert (shown["status"], shown["group_key"], shown["issue_id"]) == ("triggered", issue["fingerprint"], issue["id"])
    assert story(reports, alert.id)[1:] == [("merged", "its issue was merged into new one: it goes on for both")]
    for text in ("old one", "new one", "old one"):
        clock.advance(10 * MINUTE)
        fail(reports, text)
        judge()
    assert [event for event, _, _ in outbox(database)] == ["triggered"]
    [firing] = firings(reports)
    assert (firing["alert_id"], firing["group_key"]) == (alert.id, issue["fingerprint"])
    clock.advance(31 * MINUTE)
    fail(reports, "old one")
    judge()
    assert timeline(database, alerts_of(database)[0]) == ["triggered", "merged", "reminder"], "after the cooldown"
    reports.put(f"/v1/issues/{issue['id']}", {"status": "resolved"})
    judge()
    assert alerts_of(database)[0].resolution == "its issue is resolved"


def test_a_rule_that_does_not_tell_issues_apart_keeps_its_alerts(
    reports: Reports, judge: Judge, database: Database, merge_into: Merge, clock: Clock
) -> None:
    add(reports, group_by="area", window="2h")
    clock.advance(1)
    fail(reports, "old", tags={"area": "shop"})
    fail(reports, "new", tags={"area": "blog"})
    judge()
    merge_into("old", "new")
    judge()
    assert {(alert.group_key, alert.status) for alert in alerts_of(database)} == {
        ("shop", "triggered"), ("blog", "triggered"),
    }  # fmt: skip
    assert {kind for alert in alerts_of(database) for kind in timeline(database, alert)} == {"triggered"}


def test_issues_that_a_source_map_shows_to_be_one_have_one_alert(
    reports: Reports, rule: dict[str, Any], judge: Judge, database: Database
) -> None:
    other = SCRIPT.replace("main", "other")
    reports.events(minified("a"), minified("b", f"https://cdn.example{other}"))
    judge()
    assert len(reports.owner.data("GET", "/v1/alerts?status=triggered")) == 2
    for url in (SCRIPT, other):
        assert upload(reports, url=url).status_code == 201
    judge()
    assert len(reports.issues()) == 1
    assert sorted(alert.status for alert in alerts_of(database)) == ["resolved", "triggered"]


def test_a_judge_that_read_before_a_merge_tells_nobody_of_it_after(
    reports: Reports, rule: dict[str, Any], database: Database, clock: Clock
) -> None:
    fail(reports, "old")
    fail(reports, "new")
    EventJudge(database).work()
    clock.advance(61 * MINUTE)
    fail(reports, "old")
    ids = {issue["title"]: issue["id"] for issue in reports.issues()}

    def merged(point: str) -> None:
        if point == "judged" and len(reports.issues()) == 2:
            reports.put(f"/v1/issues/{ids['old']}", {"merge_into": ids["new"]})

    EventJudge(database, merged).work()
    assert len(alerts_of(database)) == 2
    events = sorted(event for event, _, _ in outbox(database))
    assert events == ["resolved", "triggered", "triggered"]
