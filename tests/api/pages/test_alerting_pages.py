"""/alerts/rules, /alerts/channels, /alerts/silences and /alerts/why: what they show and do."""

from __future__ import annotations

import re
from typing import Any

import pytest

from model.times import HOUR_MS
from store.notification_lists import list_notifications
from store.sessions import Database
from tests.api.conftest import Client
from tests.api.pages.conftest import Outage
from tests.api.pages.world import MINUTE_MS, Browser, fail, form_token, succeed, tell
from tests.api.test_monitors import url_monitor
from tests.conftest import Clock

sqlite_only = pytest.mark.parametrize("store", ["sqlite"], indirect=True)
RULES, CHANNELS, SILENCES, WINDOWS = "/alerts/rules", "/alerts/channels", "/alerts/silences", "/settings/maintenance"
DOWN = {"name": "Down", "type": "consecutive_failures", "threshold": "2", "covers": "all", "severity": "high"}
TYPES = {
    "consecutive_failures": {"threshold": "4"},
    "failure_rate": {"form": "threshold", "threshold": "50", "window": "5 min", "failures": "3", "runs": "10"},
    "response_time": {"threshold": "750", "aggregate": "p95", "window": "10 min"},
    "certificate_expiry": {"threshold": "21"},
    "no_data": {"window": "1 h"},
}


@pytest.fixture
def channel(owner: Client) -> str:
    body = {"name": "Ops", "type": "email", "config": {"recipients": ["ops@example.com"]}}
    return str(owner.data("POST", "/v1/alert-channels", body, status=201)["id"])


def rule_of(owner: Client) -> dict[str, Any]:
    found: dict[str, Any] = owner.data("GET", "/v1/alert-rules")[0]
    return found


@sqlite_only
@pytest.mark.parametrize("kind", TYPES)
def test_a_rule_of_every_type_is_made_and_changed_by_its_form(
    signed_in: Browser, owner: Client, channel: str, kind: str
) -> None:
    more = {"channels": channel, "min_locations": "2", "recovery_threshold": "3", "reminder_interval": "30 min"}
    fields = {**DOWN, **TYPES[kind], "type": kind, **more, "covers": "some", "tags": "shop", "enabled": "yes"}
    answer = signed_in.send(f"{RULES}/new?type={kind}", RULES, **fields)
    assert answer.status_code == 303, answer.get_data(as_text=True)
    made = rule_of(owner)
    assert (made["type"], made["channels"], made["apply_to"]["tags"]) == (kind, [channel], ["shop"])
    assert (made["min_locations"], made["recovery_threshold"], made["reminder_interval"]) == (2, 3, 1800)
    assert made["enabled"] is True
    if kind == "failure_rate":
        assert (made["threshold"], made["window"], made["failures"], made["runs"]) == (50, 300, None, None)
    path = f"{RULES}/{made['id']}"
    seen = signed_in.get(path)
    values = {field.get("name"): field.get("value") for field in seen.all("input")}
    assert all(
        values.get(name, text) == text for name, text in TYPES[kind].items() if name not in ("form", "failures", "runs")
    )
    answer = signed_in.send(
        path, path, **{**fields, "form": "failures", "reminder_interval": "", "enabled": "", "covers": "all"}
    )
    assert answer.status_code == 303, answer.get_data(as_text=True)
    changed = rule_of(owner)
    assert (changed["reminder_interval"], changed["enabled"], changed["apply_to"]["all"]) == (None, False, True)
    if kind == "failure_rate":
        assert (changed["threshold"], changed["failures"], changed["runs"]) == (None, 3, 10)
    assert "switched off" in signed_in.get(RULES).text
    assert signed_in.send(path, f"{path}/delete").status_code == 303
    assert owner.data("GET", "/v1/alert-rules") == []
    assert signed_in.post(f"{path}/delete", {}).status_code == 403


@sqlite_only
@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"threshold": "often"}, "must be a whole number"),
        ({"threshold": ""}, None),
        ({"name": ""}, "Name"),
        ({"reminder_interval": "soon"}, "stretch of time"),
        ({"covers": "some", "checks": "mon_gone123456"}, "there is no monitor"),
        ({"channels": "chan_gone123456"}, "there is no channel"),
    ],
)
def test_a_rule_that_makes_no_sense_is_refused_beside_its_field_and_nothing_is_lost(
    signed_in: Browser, owner: Client, wrong: dict[str, str], said: str | None
) -> None:
    answer = signed_in.send(f"{RULES}/new", RULES, **{**DOWN, "name": "My <rule>", **wrong})
    text = answer.get_data(as_text=True)
    if said is None:  # a field that may be left to its default
        assert answer.status_code == 303
        return
    assert (answer.status_code, 'role="alert"' in text, said in text) == (422, True, True)
    assert "My &lt;rule&gt;" in text or wrong.get("name") == ""
    assert owner.data("GET", "/v1/alert-rules") == []


def test_the_list_says_what_a_rule_covers_when_it_fired_and_why_it_may_never(
    signed_in: Browser, owner: Client, outage: Outage
) -> None:
    assert "No rule yet" in signed_in.get(RULES).text
    bare = {"name": "Shop", "type": "consecutive_failures", "apply_to": {"tags": ["shop"]}}
    owner.data("POST", "/v1/alert-rules", bare, status=201)
    text = signed_in.get(RULES).text
    assert "Covers the tag shop: 0 checks" in text
    assert "has never fired" in text
    assert "No monitor or journey has the tag shop" in text
    assert "1 rule, 1 with a warning" in text


def history(owner: Client, database: Database, organization: str, clock: Clock) -> str:
    """A check that failed twice for three minutes, half an hour apart, within the last day; its id."""
    check_id: str = owner.data(
        "POST", "/v1/monitors", url_monitor(name="Cart", interval=60, locations=["local"]), status=201
    )["id"]
    start = clock.now_ms
    for minute in range(60):
        made = fail if minute in (10, 11, 12, 40, 41, 42) else succeed
        made(database, organization, check_id, start + minute * MINUTE_MS, location="local", duration_ms=100.0 + minute)
    clock.advance(HOUR_MS)
    return check_id


def test_the_backtest_tells_what_rest_tells_and_draws_it(
    signed_in: Browser, owner: Client, database: Database, organization: str, clock: Clock, channel: str
) -> None:
    check_id = history(owner, database, organization, clock)
    other: str = owner.data("POST", "/v1/monitors", url_monitor(name="Other", locations=["local"]), status=201)["id"]
    for minute in (50, 51, 52):
        fail(database, organization, other, clock.now_ms - minute * MINUTE_MS, location="local")
    fields = {**DOWN, "channels": channel, "try_on": check_id, "days": "1"}
    token = form_token(signed_in)
    part = signed_in.post(f"{RULES}/try", {**fields, "form_token": token, "part": "1"}).get_data(as_text=True)
    body = {"type": "consecutive_failures", "threshold": 2, "channels": [channel], "apply_to": {"monitors": [check_id]}}
    told = owner.data("POST", "/v1/alert-rules/backtest", body)
    assert len(told["alerts"]) == 2
    assert f"Would have raised 2 alerts, the longest 2 min in 1 d; Ops {told['notices'][channel]} notices." in text_of(
        part
    )
    assert part.count('class="would"') == 2
    assert "<html" not in part
    assert 'role="img"' in part
    assert "60 runs, 6 failed" in part
    less = signed_in.post(f"{RULES}/try", {**fields, "threshold": "4", "form_token": token, "part": "1"})
    assert "Would have raised no alert in 1 d" in less.get_data(as_text=True)
    whole = signed_in.post(f"{RULES}/try", {**fields, "try_on": "", "form_token": token}).get_data(as_text=True)
    assert "Would have raised 3 alerts" in whole
    assert 'aria-label="Cart: 2 alerts' in whole
    assert 'aria-label="Other: 1 alert' in whole
    assert 'value="Down"' in whole
    assert owner.data("GET", "/v1/alert-rules") == []


def test_runs_from_before_an_edit_are_said_to_be_left_out(
    signed_in: Browser, owner: Client, database: Database, organization: str, clock: Clock
) -> None:
    check_id = history(owner, database, organization, clock)
    owner.data("PUT", f"/v1/monitors/{check_id}", {"url": "https://elsewhere.example/"})
    fields = {**DOWN, "try_on": check_id, "days": "1", "form_token": form_token(signed_in), "part": "1"}
    part = signed_in.post(f"{RULES}/try", fields).get_data(as_text=True)
    assert "Would have raised no alert" in part
    assert "60 runs were left out: of what a check asked before it was edited" in part
    body = {"type": "consecutive_failures", "threshold": 2, "apply_to": {"monitors": [check_id]}}
    warnings = owner("POST", "/v1/alert-rules/backtest", body).get_json()["meta"]["warnings"]
    assert warnings[0].startswith("60 runs were left out")


@sqlite_only
def test_a_rule_that_is_not_finished_is_not_tried_and_says_why(signed_in: Browser) -> None:
    token = form_token(signed_in)
    fields = {**DOWN, "threshold": "x", "form_token": token}
    part = signed_in.post(f"{RULES}/try", {**fields, "part": "1"})
    assert (part.status_code, "Not tried yet: threshold must be a whole number" in part.get_data(as_text=True)) == (
        200,
        True,
    )
    assert signed_in.post(f"{RULES}/try", fields).status_code == 422


@sqlite_only
def test_the_line_of_response_times_has_its_bar(
    signed_in: Browser, owner: Client, database: Database, organization: str, clock: Clock
) -> None:
    check_id = history(owner, database, organization, clock)
    fields = {**DOWN, "type": "response_time", "threshold": "120", "window": "5 min", "try_on": check_id, "days": "1"}
    fields |= {"form_token": form_token(signed_in), "part": "1", "aggregate": "avg"}
    part = signed_in.post(f"{RULES}/try", fields).get_data(as_text=True)
    assert "<polyline" in part
    assert "bar-line" in part
    assert "the bar is at 120 ms" in part
    assert "cell-unknown" not in part


def text_of(html: str) -> str:
    return re.sub(r"<[^>]+>", "", html)


CONFIGS = {
    "slack": {"webhook_url": "https://hooks.slack.com/services/T/B/x"},
    "email": {"recipients": "a@example.com\nb@example.com"},
    "webhook": {"url": "https://hooks.example/x", "headers": "X-Team: ops\nAuthorization: Bearer hunter2"},
    "apprise": {"url": "json://hooks.example/x"},
}


@sqlite_only
@pytest.mark.parametrize("kind", [kind for kind in CONFIGS if kind != "apprise"])
def test_a_channel_of_every_type_is_made_changed_and_deleted(signed_in: Browser, owner: Client, kind: str) -> None:
    answer = signed_in.send(f"{CHANNELS}/new?type={kind}", CHANNELS, type=kind, name="Ops", **CONFIGS[kind])
    text = answer.get_data(as_text=True)
    assert answer.status_code in (200, 303), text
    assert ("whsec_" in text) == (kind == "webhook")
    [made] = owner.data("GET", "/v1/alert-channels")
    assert (made["type"], made["name"]) == (kind, "Ops")
    path = f"{CHANNELS}/{made['id']}"
    text = signed_in.answer(path).get_data(as_text=True)
    assert "hunter2" not in text
    assert "hooks." not in text.replace("https://hooks.slack.com/services/…", "")
    fields = {"name": "Night", **CONFIGS[kind]}
    if kind == "webhook":
        fields |= {"url": "********", "headers": "X-Team: night\nAuthorization: ********"}
    assert signed_in.send(path, path, **fields).status_code == 303
    assert owner.data("GET", f"/v1/alert-channels/{made['id']}")["name"] == "Night"
    assert "whsec_" not in signed_in.answer(CHANNELS).get_data(as_text=True)
    assert signed_in.send(CHANNELS, f"{path}/delete").status_code == 303
    assert owner.data("GET", "/v1/alert-channels") == []


@sqlite_only
@pytest.mark.parametrize(
    ("kind", "fields", "said"),
    [
        ("slack", {"webhook_url": "ftp://x"}, "Webhook URL"),
        ("slack", {"webhook_url": ""}, "is required"),
        ("email", {"recipients": "a@example.com nobody"}, "(entry 2)"),
        ("webhook", {"url": "http://x.example/", "headers": "no colon"}, "(line 1) must be Name: value"),
        ("webhook", {"url": "http://169.254.169.254/"}, "metadata"),
    ],
)
def test_a_channel_that_makes_no_sense_is_refused_beside_its_field(
    signed_in: Browser, owner: Client, kind: str, fields: dict[str, str], said: str
) -> None:
    answer = signed_in.send(f"{CHANNELS}/new?type={kind}", CHANNELS, type=kind, name="Mine", **fields)
    text = answer.get_data(as_text=True)
    assert (answer.status_code, said in text, 'value="Mine"' in text) == (422, True, True), text
    assert owner.data("GET", "/v1/alert-channels") == []


def test_a_test_says_what_came_of_it_and_the_list_says_what_is_broken(
    signed_in: Browser, owner: Client, outage: Outage, database: Database, organization: str, clock: Clock
) -> None:
    hook = {"name": "Ops", "type": "webhook", "config": {"url": "http://127.0.0.1:9/"}}
    channel = owner.data("POST", "/v1/alert-channels", hook, status=201)["id"]
    assert "No alert was sent yet" in signed_in.get(CHANNELS).text
    answer = signed_in.send(CHANNELS, f"{CHANNELS}/{channel}/test")
    assert answer.status_code == 200
    assert "Not delivered" in answer.get_data(as_text=True)
    assert 'data-reload="/alerts/channels"' in answer.get_data(as_text=True), "a reload sends no second test"
    assert "data-reload" not in signed_in.answer(CHANNELS).get_data(as_text=True)
    tell(
        database,
        organization,
        outage.alert_id,
        "Pager",
        clock.now_ms,
        status="failed",
        attempts=3,
        last_error="gone <b>",
    )
    tell(database, organization, outage.alert_id, "Mail", clock.now_ms, status="sent", attempts=1, sent_ms=clock.now_ms)
    text = signed_in.answer(CHANNELS).get_data(as_text=True)
    assert "1 of 3 channels does not deliver" in text
    assert "gone &lt;b&gt;" in text
    assert "Does not arrive" in text
    assert "Works" in text
    with database.read(organization) as session:
        [failed], _ = list_notifications(session, status="failed", channel_id=None, alert_id=None, page=(0, 9))
    resend = f"/alerts/notifications/{failed.id}/resend"
    assert signed_in.send(CHANNELS, resend).status_code == 303
    assert owner.data("GET", "/v1/notifications?status=failed") == []
    again = signed_in.post(resend, {"form_token": form_token(signed_in)})
    assert again.status_code == 303  # it is on its way already


def test_a_silence_begins_and_ends(signed_in: Browser, owner: Client, outage: Outage) -> None:
    fields = {"covers": "some", "checks": outage.check_id, "lasts": "28800", "reason": "deploying <v2>"}
    assert signed_in.send(f"{SILENCES}?check={outage.check_id}", SILENCES, **fields).status_code == 303
    [made] = owner.data("GET", "/v1/silences?status=active")
    assert made["match"]["monitors"] == [outage.check_id]
    seen = signed_in.get(SILENCES).text
    assert "1 silence now" in seen
    assert "for 8 h more" in seen
    assert "Orders API" in seen
    assert signed_in.send(SILENCES, f"{SILENCES}/{made['id']}/end").status_code == 303
    assert "Nothing is silenced" in signed_in.get(SILENCES).text
    token = form_token(signed_in)
    assert signed_in.post(f"{SILENCES}/{made['id']}/end", {"form_token": token}).status_code == 303


@sqlite_only
@pytest.mark.parametrize(
    "fields", [{"covers": "some", "lasts": "3600"}, {"covers": "all", "lasts": "other", "other": "x"}]
)
def test_a_silence_of_nothing_or_without_end_is_refused(
    signed_in: Browser, owner: Client, fields: dict[str, str]
) -> None:
    answer = signed_in.send(SILENCES, SILENCES, reason="why not", **fields)
    text = answer.get_data(as_text=True)
    assert (answer.status_code, 'role="alert"' in text, "why not" in text) == (422, True, True)
    assert owner.data("GET", "/v1/silences") == []


def test_why_nobody_was_told_is_said_of_a_check(signed_in: Browser, outage: Outage, owner: Client) -> None:
    seen = signed_in.get("/alerts/why?named=orders")
    assert any(tag.get("href") == f"/alerts/why?check={outage.check_id}" for tag in seen.all("a"))
    assert "No check has such a name" in signed_in.get("/alerts/why?named=nothing").text
    owner.data("POST", "/v1/alert-rules", {"name": "Five", "type": "consecutive_failures", "threshold": 5,
                                           "apply_to": {"all": True}}, status=201)  # fmt: skip
    text = signed_in.get(f"/alerts/why?check={outage.check_id}").text
    assert "Nobody is told when Orders API fails" in text
    assert "Not counted, by the rule Five: rule Five has been in force, as it is now, only since later" in text
    assert "status_code was 503, expected 201; nobody was told" in text
    signed_in.get("/alerts/why?check=mon_0123456789", status=404)
    signed_in.get("/alerts/why?at=yesterday", status=422)


def test_checks_are_found_by_name_and_what_was_typed_stays(signed_in: Browser, owner: Client, outage: Outage) -> None:
    answer = signed_in.send(
        f"{RULES}/new", RULES, **{**DOWN, "name": "Kept", "named": "ORDERS", "find": "1", "covers": "some"}
    )
    text = answer.get_data(as_text=True)
    assert (answer.status_code, "Orders API" in text, 'value="Kept"' in text) == (200, True, True)
    answer = signed_in.send(f"{RULES}/new", RULES, **{**DOWN, "named": "nothing", "find": "1", "covers": "some"})
    assert "No check has such a name" in answer.get_data(as_text=True)
    assert owner.data("GET", "/v1/alert-rules") == []


@sqlite_only
def test_a_viewer_sees_all_of_it_and_changes_nothing(enter: Any, owner: Client, outage: Outage, channel: str) -> None:
    rule = owner.data("POST", "/v1/alert-rules", {"name": "R", "type": "no_data"}, status=201)["id"]
    viewer = enter("viewer")
    for path in (RULES, f"{RULES}/{rule}", CHANNELS, SILENCES, WINDOWS, "/alerts/why"):
        seen = viewer.get(path)
        assert not [
            tag for tag in seen.all("button") if "primary" in (tag.get("class") or "") and path != "/alerts/why"
        ], path
    viewer.get(f"{RULES}/new", status=403)
