"""/alerts/:id: the cause first, since when, from where, the evidence, the story, and what somebody can do about it."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask

from model.traceparent import trace_id_of
from store.alert_tables import Alert
from store.sessions import Database
from store.tables import Check
from store.write_lock import Urgency
from telemetry.judging import EventJudge
from tests.api.conftest import Client, MakeKey
from tests.api.pages.conftest import Outage
from tests.api.pages.world import MINUTE_MS, OVERLOADED, Browser, Seen, add_alert, fail, succeed, tell
from tests.api.test_monitors import url_monitor
from tests.conftest import Clock
from tests.telemetry.reporting import event, make_project, message

sqlite_only = pytest.mark.parametrize("store", ["sqlite"], indirect=True)


def in_order(text: str, *parts: str) -> bool:
    places = [text.index(part) for part in parts]
    return places == sorted(places)


def hrefs(seen: Seen) -> list[str]:
    return [anchor.get("href") or "" for anchor in seen.all("a")]


def test_one_look_answers_what_since_when_from_where_and_why(signed_in: Browser, outage: Outage) -> None:
    seen = signed_in.get(outage.page)
    assert in_order(
        seen.text.split("Critical · not acknowledged")[1],
        "Orders API answers 503",
        "status_code was 503, expected 201",
        "Since",
        "(9 min), from us-east. Rule: Down twice in a row.",
        "Acknowledge",
        "So far",
    )
    assert {outage.failed[0], outage.failed[1]} <= {href.removeprefix("/runs/") for href in hrefs(seen)}
    assert "https://wiki.example/orders" in hrefs(seen)


def test_the_evidence_is_what_changed_since_the_last_good_run(signed_in: Browser, outage: Outage) -> None:
    text = signed_in.get(outage.page).text
    evidence = text.split("What changed since the last good run from us-east")[1]
    assert in_order(evidence, "status", "201 Created", "503 Service Unavailable", "The same:", OVERLOADED)
    assert f"/runs/{outage.good}" in hrefs(signed_in.get(outage.page))


def test_while_it_lasts_the_evidence_is_of_the_newest_failure(
    signed_in: Browser, database: Database, organization: str, outage: Outage, clock: Any
) -> None:
    newest = fail(database, organization, outage.check_id, clock.now_ms, message="the newest finding")
    seen = signed_in.get(outage.page)
    assert f"/runs/{newest}" in hrefs(seen)
    assert "us-east failed" in seen.text
    assert "the newest finding" in seen.text


def test_each_location_says_what_it_sees(
    signed_in: Browser, database: Database, organization: str, outage: Outage, clock: Any
) -> None:
    succeed(database, organization, outage.check_id, clock.now_ms, location="eu-west")
    says = signed_in.get(outage.page).text.split("What each location says")[1]
    assert in_order(says, "us-east failed", "counts for this alert since", "eu-west passed in 245 ms", "not part of")


def test_a_location_that_measured_nothing_lately_says_so(signed_in: Browser, outage: Outage) -> None:
    assert "eu-west no run lately" in signed_in.get(outage.page).text


def test_a_slow_alert_is_marked_as_slow_and_its_runs_are_no_failures(
    signed_in: Browser, owner: Client, database: Database, organization: str, clock: Any
) -> None:
    check_id = owner.data("POST", "/v1/monitors", url_monitor(locations=["us-east"]), status=201)["id"]
    rule = {"name": "Slow", "type": "response_time", "threshold": 200, "apply_to": {"all": True}}
    rule_id = owner.data("POST", "/v1/alert-rules", rule, status=201)["id"]
    run_id = succeed(database, organization, check_id, clock.now_ms)
    alert_id = add_alert(database, organization, check_id, [run_id], clock.now_ms, rule_id=rule_id)
    text = signed_in.answer(f"/alerts/{alert_id}").get_data(as_text=True)
    assert 'class="state degraded"' in text
    assert "First seen, from us-east" in text
    assert "First failure" not in text
    assert "What changed" not in text
    assert text.count("passed in 245 ms") == 3, "in the story, at its location, among the proof"


def test_an_alert_without_runs_says_that_it_is_about_runs_that_did_not_come(
    signed_in: Browser, database: Database, organization: str, outage: Outage, clock: Any
) -> None:
    alert_id = add_alert(database, organization, outage.check_id, [], clock.now_ms)
    assert "it is about runs that did not come" in signed_in.get(f"/alerts/{alert_id}").text


def test_acknowledging_with_a_note_tells_the_others_who_has_it(
    signed_in: Browser, owner: Client, outage: Outage
) -> None:
    answer = signed_in.send(outage.page, f"{outage.page}/acknowledge", note="on it\r\n<b>Ada</b>")
    assert (answer.status_code, answer.headers["Location"]) == (303, outage.page)
    seen = signed_in.get(outage.page)
    assert "Critical · acknowledged" in seen.text
    assert "Acknowledged by test" in seen.text
    assert "on it <b>Ada</b>" in seen.text
    assert [note["text"] for note in owner.data("GET", f"/v1/alerts/{outage.alert_id}")["notes"]] == [
        "on it\n<b>Ada</b>"
    ]
    assert [form["action"] for form in seen.all("form")][1:] == [f"{outage.page}/resolve"]


def test_resolving_by_hand_ends_it_with_its_note(signed_in: Browser, owner: Client, outage: Outage) -> None:
    hidden = {"form_token": _token(signed_in, outage.page)}
    signed_in.post(f"{outage.page}/resolve", {**hidden, "note": "it was the cache"})
    seen = signed_in.get(outage.page)
    assert "Critical · resolved" in seen.text
    assert "by test: it was the cache" in seen.text
    assert "What happened" in seen.text
    assert len(seen.all("form")) == 1, "only that of signing out"
    assert owner.data("GET", f"/v1/alerts/{outage.alert_id}")["resolved_by"] == "test"


def test_two_who_acknowledge_at_once_both_see_it_acknowledged(
    signed_in: Browser, owner: Client, outage: Outage
) -> None:
    owner.data("POST", f"/v1/alerts/{outage.alert_id}/acknowledge", {"note": "first"})
    hidden = {"form_token": _token(signed_in, outage.page)}
    assert signed_in.post(f"{outage.page}/acknowledge", hidden).status_code == 303


def test_a_note_is_added_to_what_is_acknowledged_already(signed_in: Browser, owner: Client, outage: Outage) -> None:
    hidden = {"form_token": _token(signed_in, outage.page)}
    owner.data("POST", f"/v1/alerts/{outage.alert_id}/acknowledge", {"note": "first"})
    assert "Add note" in signed_in.get(outage.page).text
    signed_in.post(f"{outage.page}/acknowledge", {**hidden, "note": "I restarted the gateway"})
    seen = signed_in.get(outage.page).text
    assert "Note by test I restarted the gateway" in " ".join(seen.split())


def test_a_note_that_comes_too_late_is_given_back(signed_in: Browser, owner: Client, outage: Outage) -> None:
    hidden = {"form_token": _token(signed_in, outage.page)}
    owner.data("POST", f"/v1/alerts/{outage.alert_id}/resolve", {"note": "first"})
    answer = signed_in.post(f"{outage.page}/resolve", {**hidden, "note": "I restarted the gateway"})
    assert answer.status_code == 409
    assert "your note was not kept:\n\nI restarted the gateway" in answer.get_data(as_text=True)


def test_a_resolved_alert_can_not_be_acknowledged(signed_in: Browser, owner: Client, outage: Outage) -> None:
    hidden = {"form_token": _token(signed_in, outage.page)}
    owner.data("POST", f"/v1/alerts/{outage.alert_id}/resolve")
    answer = signed_in.post(f"{outage.page}/acknowledge", hidden)
    assert answer.status_code == 409
    assert "resolved already" in answer.get_data(as_text=True)


@sqlite_only
@pytest.mark.parametrize("note", ["x" * 2_001, "\x00", "\ud800"])
def test_a_note_that_can_not_be_kept_is_refused(signed_in: Browser, owner: Client, outage: Outage, note: str) -> None:
    hidden = {"form_token": _token(signed_in, outage.page)}
    given = note.encode("utf-8", "surrogatepass") if note == "\ud800" else note
    answer = signed_in.client.post(
        f"{outage.page}/resolve", data={**hidden, "note": given}, base_url="https://tracer.example",
        headers={"Origin": "https://tracer.example"},
    )  # fmt: skip
    assert answer.status_code == 422 or (note == "\ud800" and answer.status_code == 303)
    kept = owner.data("GET", f"/v1/alerts/{outage.alert_id}")["notes"]
    assert all("\ud800" not in each["text"] for each in kept)


def test_a_key_that_may_read_only_sees_all_and_changes_nothing(
    app: Flask, make_key: MakeKey, owner: Client, outage: Outage
) -> None:
    reader = Browser.of(app)
    reader.sign_in(make_key(("read",)))
    seen = reader.get(outage.page)
    assert "may read only" in seen.text
    assert len(seen.all("form")) == 1
    token = _token(reader, outage.page)
    assert reader.post(f"{outage.page}/acknowledge", {"form_token": token}).status_code == 403
    assert owner.data("GET", f"/v1/alerts/{outage.alert_id}")["status"] == "triggered"


def test_alerts_that_hang_together_lead_to_each_other(
    signed_in: Browser, owner: Client, database: Database, organization: str, outage: Outage, clock: Any
) -> None:
    child = owner.data("POST", "/v1/monitors", url_monitor(name="Checkout"), status=201)["id"]
    held = {
        "outcome": "parent_down", "detail": "Orders API, on which it depends, is down", "parent_id": outage.check_id
    }  # fmt: skip
    below = add_alert(database, organization, child, [], clock.now_ms, title="Checkout is down", held=held)
    beside = add_alert(database, organization, outage.check_id, [], clock.now_ms, title="Slow too", rule_name="Slow")
    seen = signed_in.get(outage.page)
    assert "because it depends on this: Checkout is down" in seen.text
    assert "Open for this check too: Slow too (Slow)" in seen.text
    assert {f"/alerts/{below}", f"/alerts/{beside}"} <= set(hrefs(seen))
    assert f"/alerts?status=all&check={outage.check_id}" in hrefs(seen)
    seen = signed_in.get(f"/alerts/{below}")
    assert "Nobody is told: Orders API, on which it depends, is down" in seen.text
    assert outage.page in hrefs(seen)


def test_the_check_is_named_with_what_it_looks_at(signed_in: Browser, outage: Outage, owner: Client) -> None:
    owner.data(
        "PUT", f"/v1/monitors/{outage.check_id}", {"description": "Takes orders.\nAsk Checkout.", "tags": ["a&b"]}
    )
    seen = signed_in.get(outage.page)
    assert "https://example.com/" in seen.text
    assert "every 60 s, from us-east, eu-west" in seen.text
    assert "Takes orders. Ask Checkout." in seen.text
    assert "/alerts?tag=a%26b&status=all" in hrefs(seen)


def test_an_alert_outlives_its_check(signed_in: Browser, owner: Client, outage: Outage) -> None:
    owner.data("DELETE", f"/v1/monitors/{outage.check_id}")
    assert "(deleted since)" in signed_in.get(outage.page).text


HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)>\u202egnp.exe\x1b[31m"


@sqlite_only
def test_hostile_text_is_text_wherever_it_comes_from(
    signed_in: Browser, owner: Client, database: Database, organization: str, clock: Any
) -> None:
    made = owner.data("POST", "/v1/monitors", url_monitor(name="<script>x</script>", locations=["us-east"]), status=201)
    response = {"status_code": 500, "headers": {"x-evil": HOSTILE}, "body": HOSTILE, "http_version": HOSTILE}
    run_id = fail(database, organization, made["id"], clock.now_ms, message=HOSTILE, response=response)
    alert_id = add_alert(
        database, organization, made["id"], [run_id], clock.now_ms, title=HOSTILE, cause=HOSTILE, rule_name=HOSTILE
    )
    tell(database, organization, alert_id, HOSTILE, clock.now_ms, status="failed", last_error=HOSTILE)
    for path in (f"/alerts/{alert_id}", "/alerts", f"/runs/{run_id}"):
        answer = signed_in.answer(path)
        seen = Seen(answer.get_data(as_text=True))
        assert [script.get("src") for script in seen.all("script")] == ["/static/pages.js"]
        assert seen.all("img") == []
        assert not {"\u202e", "\x1b"} & set(seen.text)
        assert "alert(1)" in seen.text


@sqlite_only
@pytest.mark.parametrize("runbook", ["javascript:alert(1)", "data:text/html,x", "//evil.example"])
def test_a_runbook_that_is_no_web_address_is_no_link(
    signed_in: Browser, database: Database, organization: str, outage: Outage, runbook: str
) -> None:
    _edit_definition(database, organization, outage.check_id, runbook_url=runbook)
    assert runbook not in hrefs(signed_in.get(outage.page))


def _edit_definition(database: Database, organization: str, check_id: str, **fields: Any) -> None:
    with database.write(organization, Urgency.PEOPLE) as session:
        check = session.get_one(Check, check_id)
        check.definition = {**check.definition, **fields}


def test_what_is_none_or_another_organizations_is_not_found(
    signed_in: Browser, database: Database, make_organization: Any, clock: Any, outage: Outage
) -> None:
    strangers = add_alert(database, make_organization("stranger"), outage.check_id, [], clock.now_ms)
    for alert_id in (strangers, "alr_01hm5w3k2r4t6v8x0z2b4d", "x", "mon_01hm5w3k2r4t6v8x0z2b4d"):
        seen = signed_in.get(f"/alerts/{alert_id}", status=404)
        assert "There is no such alert" in seen.text


def test_a_withdrawn_alert_says_so(signed_in: Browser, database: Database, organization: str, outage: Outage) -> None:
    with database.write(organization, Urgency.PEOPLE) as session:
        alert = session.get_one(Alert, outage.alert_id)
        alert.retracted, alert.status, alert.resolved_ms = True, "resolved", alert.triggered_ms + MINUTE_MS
    assert "Critical · withdrawn" in signed_in.get(outage.page).text


PAGES = ("/alerts", "{alert}", "/runs/{run}", "/login", "/nothing-there")


@sqlite_only
@pytest.mark.parametrize("path", PAGES)
def test_every_page_keeps_the_rules_of_pages(app: Flask, signed_in: Browser, outage: Outage, path: str) -> None:
    browser = Browser.of(app) if path == "/login" else signed_in
    path = path.format(alert=outage.page, run=outage.failed[0])
    answer = browser.client.get(path, base_url="https://tracer.example", headers={"Accept": "text/html"})
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    seen = Seen(answer.get_data(as_text=True))
    assert len(seen.all("h1")) == 1
    assert len(seen.all("title")) >= 1
    assert not [tag for tag, attributes in seen.tags if "style" in attributes or tag == "style"]
    assert not [name for _, attributes in seen.tags for name in attributes if name.startswith("on")]
    ids = [attributes["id"] for _, attributes in seen.tags if "id" in attributes]
    assert sorted(ids) == sorted(set(ids)), "what is named twice is not found"


def _token(browser: Browser, path: str) -> str:
    return browser.answer(path).get_data(as_text=True).split('name="form_token" value="')[1].split('"')[0]


def test_the_error_that_services_reported_of_its_runs_stands_beside_it(
    signed_in: Browser, owner: Client, outage: Outage
) -> None:
    assert "Error behind it" not in signed_in.get(outage.page).text
    project = make_project(owner, "shop")
    traces = [trace_id_of(run_id) for run_id in outage.failed]
    project.events(
        message("other", "Cache is cold", level="error", trace_id="f" * 32),
        event("e1", trace_id=traces[-1], release="shop@2"),
        event("e2", trace_id=traces[0], release="shop@2"),
    )
    seen = signed_in.get(outage.page)
    [issue] = [issue for issue in project.issues() if "undefined" in issue["title"]]
    behind = seen.text.split("Error behind it")[1]
    assert in_order(behind, "TypeError: x is undefined", "in this alert's runs", "2 times", "shop@2")
    assert "Cache is cold" not in behind
    assert {f"/issues/{issue['id']}", "/releases/shop?name=shop%402"} <= set(hrefs(seen))


def test_an_alert_that_events_raised_leads_to_its_error_and_its_rule_and_speaks_of_no_runs(
    signed_in: Browser, owner: Client, database: Database, clock: Clock
) -> None:
    project = make_project(owner, "shop")
    rule = owner("POST", "/v1/alerts/rules", {"name": "Errors", "project": "shop"}).get_json()["id"]
    judge = EventJudge(database)
    judge.work()
    clock.advance(1)
    project.events(event("e1", release="shop@2"))
    judge.work()
    [alert] = owner.data("GET", "/v1/alerts")
    seen = signed_in.get(f"/alerts/{alert['id']}")
    about = seen.text.split("The error it is about")[1]
    assert in_order(about, "TypeError: x is undefined", "1 event", "shop@2", "The rule")
    assert {f"/issues/{alert['issue_id']}", f"/alerts/event-rules/{rule}"} <= set(hrefs(seen))
    assert "The runs that prove it" not in seen.text
    assert "each location" not in seen.text
    owner("DELETE", f"/v1/alerts/rules/{rule}")
    assert "Errors (deleted since)" in signed_in.get(f"/alerts/{alert['id']}").text
