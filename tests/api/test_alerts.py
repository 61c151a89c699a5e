"""/v1/alerts: what the on-call sees and does."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy.orm import Session

import store.alerts as alerts_store
from alerts.lifecycle import close
from store.alert_tables import Alert
from store.checks import lock_checks
from store.sessions import EVERY_ORGANIZATION, Database
from store.write_lock import Urgency
from tests.alerts.alerting import STEP_MS, add_channel, add_rule, outbox, tell_story
from tests.alerts.recording import T0, add_check
from tests.api.conftest import Client
from tests.conftest import Clock


class World:
    """A check with an outage, and those who are told of it."""

    def __init__(self, database: Database, organization: str, clock: Clock) -> None:
        self.database, self.organization, self.clock = database, organization, clock
        self.channel = add_channel(database, organization)

    def outage(self, **rule: Any) -> str:
        """A new check that fails three times; its id."""
        definition = {"name": "Shop", "tags": rule.pop("tags", [])}
        check = add_check(self.database, self.organization, definition=definition)
        add_rule(
            self.database, self.organization, threshold=3, channels=[self.channel], name="a rule",
            apply_to={"monitors": [check]}, **rule,
        )  # fmt: skip
        tell_story(self.database, self.organization, check, "+---")
        self.clock.now_ms = T0 + 10 * STEP_MS
        return check


@pytest.fixture
def world(database: Database, organization: str, clock: Clock) -> World:
    return World(database, organization, clock)


def only(client: Client, query: str = "") -> Any:
    [alert] = client.data("GET", f"/v1/alerts?{query}")
    return alert


def test_an_alert_is_listed_as_the_contract_says(owner: Client, world: World) -> None:
    check = world.outage(severity="critical")
    alert = only(owner)
    run_ids, rule_id = alert["run_ids"], alert["rule_id"]
    assert len(run_ids) == 3
    assert alert == {
        "id": alert["id"],
        "status": "triggered",
        "severity": "critical",
        "rule_id": rule_id,
        "rule_name": "a rule",
        "monitor_id": check,
        "title": "n is down",
        "cause": alert["cause"],
        "locations": ["local"],
        "run_ids": run_ids,
        "triggered_at": "2024-01-15T10:30:30.105Z",
        "acknowledged_at": None,
        "acknowledged_by": None,
        "resolved_at": None,
        "resolved_by": None,
        "resolution": None,
        "retracted": False,
        "held": None,
        "notes": [],
        "notifications": [
            {
                "id": alert["notifications"][0]["id"], "channel_id": world.channel, "event": "alert.triggered",
                "status": "pending", "attempts": 0, "last_error": None, "sent_at": None,
            }
        ],
    }  # fmt: skip
    assert "status was 500" in alert["cause"]
    timeline = owner.data("GET", f"/v1/alerts/{alert['id']}")["timeline"]
    assert timeline == [
        {
            "at": "2024-01-15T10:30:30.105Z", "kind": "triggered", "by": None, "text": alert["cause"],
            "run_id": run_ids[-1],
        }
    ]  # fmt: skip


def test_the_seeds_acknowledge_and_resolve_with_notes(owner: Client, world: World) -> None:
    world.outage()
    path = f"/v1/alerts/{only(owner)['id']}"
    shown = owner.data("POST", f"{path}/acknowledge", {"note": "Looking into this issue"})
    assert (shown["status"], shown["acknowledged_by"]) == ("acknowledged", "test")
    assert shown["acknowledged_at"] == "2024-01-15T10:31:40.000Z"
    world.clock.advance(1_000)
    shown = owner.data("POST", f"{path}/resolve", {"note": "Fixed by deploying v2.1.0"})
    assert (shown["status"], shown["resolved_by"]) == ("resolved", "test")
    assert shown["resolution"] == "Fixed by deploying v2.1.0"
    assert shown["notes"] == [
        {"at": "2024-01-15T10:31:40.000Z", "by": "test", "text": "Looking into this issue"},
        {"at": "2024-01-15T10:31:41.000Z", "by": "test", "text": "Fixed by deploying v2.1.0"},
    ]
    assert [(line["kind"], line["by"], line["text"]) for line in shown["timeline"][1:]] == [
        ("acknowledged", "test", "Looking into this issue"),
        ("resolved", "test", "Fixed by deploying v2.1.0"),
    ]
    assert owner.data("GET", path) == shown
    assert [event for event, status, _ in outbox(world.database) if status == "pending"] == ["resolved"]


def test_twice_adds_a_new_note_and_changes_nothing_else(owner: Client, world: World) -> None:
    world.outage()
    path = f"/v1/alerts/{only(owner)['id']}"
    first = owner.data("POST", f"{path}/acknowledge")
    world.clock.advance(1_000)
    assert owner.data("POST", f"{path}/acknowledge") == first
    noted = owner.data("POST", f"{path}/acknowledge", {"note": "it is the cache"})
    assert [note["text"] for note in noted["notes"]] == ["it is the cache"]
    assert (noted["acknowledged_at"], noted["timeline"][-1]["kind"]) == (first["acknowledged_at"], "note")
    world.clock.advance(1_000)
    assert owner.data("POST", f"{path}/acknowledge", {"note": "it is the cache"}) == noted
    first = owner.data("POST", f"{path}/resolve")
    world.clock.advance(1_000)
    assert owner.data("POST", f"{path}/resolve", {"note": "me too"}) == first
    assert first["resolution"] == "resolved by hand"
    error = owner.error("POST", f"{path}/acknowledge", status=409)
    assert error["code"] == "conflict"
    assert "resolved already" in error["message"]


def test_alerts_are_found_by_status_severity_check_rule_and_tag(owner: Client, world: World) -> None:
    shop = world.outage(severity="critical", tags=["web", "eu"])
    mail = world.outage(severity="low", tags=["mail"])
    alerts = {alert["monitor_id"]: alert for alert in owner.data("GET", "/v1/alerts")}
    owner.data("POST", f"/v1/alerts/{alerts[mail]['id']}/acknowledge")

    def found(query: str) -> set[str]:
        return {alert["monitor_id"] for alert in owner.data("GET", f"/v1/alerts?{query}")}

    assert found("") == {shop, mail}
    assert found("status=triggered") == {shop}
    assert found("status=acknowledged") == {mail}
    assert found("status=triggered,acknowledged") == {shop, mail}
    assert found("status=resolved") == set()
    assert found("severity=critical") == {shop}
    assert found("severity=critical,low") == {shop, mail}
    assert found(f"monitor_id={mail}") == {mail}
    assert found("journey_id=jny_abc123") == set()
    assert found(f"rule_id={alerts[shop]['rule_id']}") == {shop}
    assert found("tag=web") == {shop}
    assert found("tag=we") == set()
    assert found(f"tag=web&monitor_id={mail}") == set()
    assert owner("GET", "/v1/alerts?per_page=1&page=2").get_json()["meta"] == {"total": 2, "page": 2, "per_page": 1}


def test_a_filter_that_makes_no_sense_is_named(owner: Client) -> None:
    for query, at in (
        ("status=open", "status"),
        ("status=", "status"),
        ("status=triggered,", "status"),
        ("severity=worst", "severity"),
        ("monitor_id=jny_abc123", "monitor_id"),
        ("journey_id=1", "journey_id"),
        ("rule_id=x", "rule_id"),
        ("tag=", "tag"),
        ("monitor_id=mon_abc123&journey_id=jny_abc123", "journey_id"),
        ("colour=red", "colour"),
        ("per_page=101", "per_page"),
    ):
        assert at in owner.error("GET", f"/v1/alerts?{query}", status=422)["fields"], query


def test_a_note_that_is_none_is_named(owner: Client, world: World) -> None:
    world.outage()
    path = f"/v1/alerts/{only(owner)['id']}"
    for body in ({"note": 5}, {"note": "x" * 10_001}, {"note": "a\u0000"}, {"notes": "x"}):
        assert owner.error("POST", f"{path}/acknowledge", body, status=422)["fields"], body
        assert owner.error("POST", f"{path}/resolve", body, status=422)["fields"], body
    assert owner.data("GET", path)["status"] == "triggered"


def test_who_may_only_read_acknowledges_nothing(client_of: Callable[..., Client], world: World) -> None:
    world.outage()
    reader = client_of("read")
    path = f"/v1/alerts/{only(reader)['id']}"
    reader.error("POST", f"{path}/acknowledge", status=403)
    reader.error("POST", f"{path}/resolve", status=403)
    client_of("run").error("POST", f"{path}/resolve", status=403)


def test_another_organizations_alert_is_not_there(
    owner: Client, client_of: Callable[..., Client], make_organization: Callable[[str], str], world: World
) -> None:
    world.outage()
    stranger = client_of("admin", organization_id=make_organization("Other"))
    path = f"/v1/alerts/{only(owner)['id']}"
    assert stranger.data("GET", "/v1/alerts") == []
    stranger.error("GET", path, status=404)
    stranger.error("POST", f"{path}/acknowledge", status=404)
    stranger.error("POST", f"{path}/resolve", status=404)
    for none in ("alr_abc123", "alr_", "1", "mon_abc123", "%00"):
        owner.error("GET", f"/v1/alerts/{none}", status=404)


@pytest.mark.parametrize("store", ["postgresql"], indirect=True)  # SQLite has one writer at a time
def test_of_a_person_and_a_result_that_both_end_an_alert_the_second_sees_that_it_has_ended(
    owner: Client, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    check = world.outage()
    alert_id = only(owner)["id"]
    has_read = threading.Event()

    def lock_then(session: Session, check_ids: Collection[str]) -> None:
        has_read.set()
        lock_checks(session, check_ids)

    monkeypatch.setattr(alerts_store, "lock_checks", lock_then)
    with ThreadPoolExecutor() as people:
        with world.database.write(EVERY_ORGANIZATION, Urgency.RESULTS) as session:
            lock_checks(session, [check])
            by_hand = people.submit(owner.data, "POST", f"/v1/alerts/{alert_id}/resolve", {"note": "mine"})
            assert has_read.wait(30)
            close(session, session.get_one(Alert, alert_id), "it recovered", world.clock.now_ms)
        shown = by_hand.result(30)
    assert (shown["resolution"], shown["notes"]) == ("it recovered", [])
    assert [line["kind"] for line in shown["timeline"]] == ["triggered", "resolved"]
