"""/alerts/event-rules: rules on events, made, changed and deleted; and when they fired."""

from __future__ import annotations

import re

import pytest

from store.sessions import Database
from telemetry.judging import EventJudge
from tests.api.conftest import Client
from tests.api.pages.test_alerting_pages import channel as channel
from tests.api.pages.world import MINUTE_MS, Browser
from tests.conftest import Clock
from tests.telemetry.reporting import make_project, message

sqlite_only = pytest.mark.parametrize("store", ["sqlite"], indirect=True)
EVENT_RULES = "/alerts/event-rules"


@sqlite_only
def test_a_rule_on_events_is_made_changed_and_deleted_by_its_form(
    signed_in: Browser, owner: Client, channel: str
) -> None:
    assert "make a project" in signed_in.get(EVENT_RULES).text
    project = make_project(owner, "truecom")
    fields = {
        "name": "Checkout fails", "project": "truecom", "query": "level:error", "group_by": "release", "threshold": "5",
        "window": "10m", "cooldown": "2h", "severity": "critical", "channels": channel, "enabled": "yes",
    }  # fmt: skip
    answer = signed_in.send(f"{EVENT_RULES}/new?project=truecom&query=level:error", EVENT_RULES, **fields)
    assert answer.status_code == 303, answer.get_data(as_text=True)
    [made] = project.get("/v1/alerts/rules")
    assert {**fields, "channels": [channel], "threshold": 5, "enabled": True}.items() <= made.items()
    listed = signed_in.get(EVENT_RULES).text
    assert "5 or more of level:error within 10m, each release by itself · tells Ops" in listed
    path = f"{EVENT_RULES}/{made['id']}"
    values = {field.get("name"): field.get("value") for field in signed_in.get(path).all("input")}
    assert {name: values[name] for name in ("query", "group_by", "threshold", "window", "cooldown")} == {
        name: fields[name] for name in ("query", "group_by", "threshold", "window", "cooldown")
    }
    assert signed_in.send(path, path, **{**fields, "group_by": "project", "enabled": ""}).status_code == 303
    assert "switched off" in signed_in.get(EVENT_RULES).text
    assert signed_in.send(path, f"{path}/delete").status_code == 303
    assert project.get("/v1/alerts/rules") == []


def test_a_rule_on_events_lists_when_it_fired_with_its_alerts(
    signed_in: Browser, owner: Client, channel: str, database: Database, clock: Clock
) -> None:
    project = make_project(owner, "truecom")
    made = owner("POST", "/v1/alerts/rules", {"name": "R", "project": "truecom", "channels": [channel]}).get_json()
    quiet = owner("POST", "/v1/alerts/rules", {"name": "Q", "project": "truecom", "query": "quiet"}).get_json()
    path = f"{EVENT_RULES}/{made['id']}"
    assert "It has never fired" in signed_in.get(path).text
    judge = EventJudge(database)
    for number in range(22):
        clock.advance(MINUTE_MS)
        project.events(message(f"e{number}", f"broken <{'x' * number}>", level="error"))
        judge.work()
    seen = signed_in.get(path)
    firings = project.get("/v1/alerts/firings", rule_id=made["id"])["firings"]
    assert len(firings) == 22
    links = [str(tag["href"]) for tag in seen.all("a") if re.match("/alerts/alr_", str(tag.get("href")))]
    assert links == [f"/alerts/{firing['alert_id']}" for firing in firings[:20]], "the newest twenty"
    assert f"broken <{'x' * 21}> in Truecom triggered" in seen.text
    assert f"1 event of the group {firings[0]['group_key']} · Ops: pending" in seen.text
    assert "The newest 20" in seen.text
    assert "It has never fired" in signed_in.get(f"{EVENT_RULES}/{quiet['id']}").text
    assert "When it fired" not in signed_in.get(f"{EVENT_RULES}/new").text


@sqlite_only
@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"threshold": "often"}, "So many or more"),
        ({"threshold": "0"}, "So many or more"),
        ({"query": "in:"}, "Which events"),
        ({"window": "soon"}, "must be a number and s, m, h or d"),
        ({"cooldown": "31d"}, "at most 30d"),
        ({"group_by": "a b"}, "Counted for"),
        ({"project": "nobodys"}, "may not see such a project"),
        ({"channels": "chan_gone123456"}, "there is no channel"),
        ({"name": ""}, "Name"),
    ],
)
def test_a_rule_on_events_that_makes_no_sense_is_refused_beside_its_field(
    signed_in: Browser, owner: Client, wrong: dict[str, str], said: str
) -> None:
    project = make_project(owner, "truecom")
    fields = {"name": "My <rule>", "project": "truecom", "query": "level:error", "threshold": "1", "window": "5m"}
    answer = signed_in.send(f"{EVENT_RULES}/new", EVENT_RULES, **{**fields, **wrong})
    text = answer.get_data(as_text=True)
    assert (answer.status_code in (403, 422), 'role="alert"' in text, said in text) == (True, True, True), text
    assert "My &lt;rule&gt;" in text or wrong.get("name") == ""
    assert project.get("/v1/alerts/rules") == []
