"""Retention of alerting: what is over and old goes with all that belongs to it; what is open stays."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from model.settings import Settings
from model.times import DAY_MS, HOUR_MS
from store.alert_tables import Alert, AlertEvent, Decision, Notice, Notification, Silence
from store.keyring import Keyring
from store.retention import Retention
from store.sessions import EVERY_ORGANIZATION, Database
from store.tables import ApiKey, Base, WebSession
from tests.conftest import Clock
from tests.store.conftest import SECRET_KEYS
from tests.store.test_retention import Yard

LONG_MS = 800 * DAY_MS


@pytest.fixture
def yard(database: Database, keyring: Keyring, organization: str, clock: Clock) -> Yard:
    return Yard(database, keyring, organization, clock)


def ids(yard: Yard, table: Any) -> list[str]:
    with yard.database.read(EVERY_ORGANIZATION) as session:
        return sorted(session.scalars(select(next(iter(table.__table__.primary_key)))))


def alert(yard: Yard, name: str, age_ms: int, resolved_ago_ms: int | None, *, events: int = 1) -> None:
    at_ms = yard.ago(age_ms)
    common = {"rule_id": "rule_1", "rule_name": "down", "check_id": f"mon_{name}", "severity": "high", "votes": {}}
    yard.add(
        Alert,
        {
            **common, "id": f"alr_{name}", "status": "triggered", "title": "down", "cause": "x", "needed": 1,
            "run_ids": [], "at_ms": at_ms, "triggered_ms": at_ms, "notes": [], "retracted": False,
            "resolved_ms": None if resolved_ago_ms is None else yard.ago(resolved_ago_ms),
        },
    )  # fmt: skip
    yard.add(
        AlertEvent,
        *(
            {
                "id": f"evt_{name}_{n:05}",
                "alert_id": f"alr_{name}",
                "number": n,
                "at_ms": at_ms,
                "kind": "joined",
                "detail": "",
            }
            for n in range(events)
        ),
    )
    notification(yard, name, age_ms, alert_id=f"alr_{name}")


def notification(yard: Yard, name: str, age_ms: int, status: str = "sent", **fields: Any) -> None:
    yard.add(
        Notification,
        {
            "id": f"ntf_{name}", "channel_id": "chan_1", "event": "alert.triggered", "number": 1, "status": status,
            "attempts": 1, "created_ms": yard.ago(age_ms), "next_ms": 0, "grouped": False, "fallback": False,
            "payload": {}, "sent_ms": yard.ago(age_ms) if status == "sent" else None, **fields,
        },
    )  # fmt: skip


def test_an_old_alert_goes_with_its_story_and_an_open_one_stays_with_its(yard: Yard) -> None:
    alert(yard, "a_old", LONG_MS + HOUR_MS, LONG_MS, events=1_200)
    alert(yard, "b_open", LONG_MS, None)
    alert(yard, "c_late", LONG_MS, DAY_MS)
    alert(yard, "d_young", DAY_MS, HOUR_MS)
    yard.sweep()
    kept = ["b_open", "c_late", "d_young"]
    assert ids(yard, Alert) == [f"alr_{name}" for name in kept]
    assert ids(yard, AlertEvent) == [f"evt_{name}_00000" for name in kept]
    assert ids(yard, Notification) == ["ntf_b_open", "ntf_d_young"]


def test_what_was_sent_or_given_up_goes_after_ninety_days_and_what_waits_stays(yard: Yard) -> None:
    for status in ("sent", "failed", "replaced", "pending"):
        notification(yard, f"old_{status}", 91 * DAY_MS, status)
        notification(yard, f"young_{status}", 89 * DAY_MS, status)
    notification(yard, "resent", 91 * DAY_MS, sent_ms=yard.ago(DAY_MS))
    yard.sweep()
    assert ids(yard, Notification) == [
        "ntf_old_pending", "ntf_resent", "ntf_young_failed", "ntf_young_pending", "ntf_young_replaced",
        "ntf_young_sent",
    ]  # fmt: skip


def test_decisions_go_with_the_runs_they_explain(yard: Yard) -> None:
    check = yard.check()
    for name, days in (("old", 31), ("young", 29)):
        yard.add(
            Decision,
            {
                "id": f"dec_{name}", "run_id": "run_1", "check_id": check, "rule_id": "rule_1",
                "at_ms": yard.ago(days * DAY_MS), "outcome": "joined", "detail": "",
            },
        )  # fmt: skip
    yard.sweep()
    assert ids(yard, Decision) == ["dec_young"]
    yard.delete_check(check)
    yard.clock.advance(2 * DAY_MS)
    yard.sweep()
    assert ids(yard, Decision) == []


def test_notices_and_silences_that_are_over_go_and_open_ones_stay(yard: Yard) -> None:
    for name, began, ended in (("old", 100, 91), ("open", 100, None), ("late", 100, 89)):
        resolved_ms = None if ended is None else yard.ago(ended * DAY_MS)
        common = {"severity": "high", "message": "", "link": "", "at_ms": yard.ago(began * DAY_MS), "messages": 1}
        yard.add(
            Notice, {**common, "id": f"ntc_{name}", "kind": "disk_low", "subject": name, "resolved_ms": resolved_ms}
        )
        yard.add(
            Silence,
            {
                "id": f"sil_{name}", "match": {}, "reason": "", "created_by": "me", "starts_ms": 0,
                "ends_ms": resolved_ms or yard.clock.now_ms,
            },
        )  # fmt: skip
    yard.sweep()
    assert ids(yard, Notice) == ["ntc_late", "ntc_open"]
    assert ids(yard, Silence) == ["sil_late", "sil_open"]


def test_a_sign_in_goes_when_it_has_run_out(yard: Yard) -> None:
    yard.add(
        ApiKey,
        {"id": "key_1", "name": "k", "key_hash": "h", "hint": "", "scopes": [], "created_ms": 0},
    )
    for name, left_ms in (("old", -1), ("live", 1)):
        times = {"created_ms": 0, "seen_ms": 0, "expires_ms": yard.clock.now_ms + left_ms}
        yard.add(WebSession, {"token_hash": name, "id": f"ses_{name}", "api_key_id": "key_1", **times})
    yard.sweep()
    assert ids(yard, WebSession) == ["live"]


def test_every_table_that_grows_is_named_by_retention(yard: Yard) -> None:
    """A table of alerting that nobody deletes from is either made by people, one row at a time, or a mistake."""
    by_people = {"alert_channels", "alert_rules", "maintenance_windows"}
    alerting = {
        mapper.local_table.name for mapper in Base.registry.mappers if mapper.class_.__module__ == "store.alert_tables"
    }
    swept: set[str] = set()
    retention = Retention(yard.database, Settings(secret_keys=SECRET_KEYS))
    real = retention._deleting.find
    retention._deleting.find = lambda query, *values: (
        swept.add(query.split(" FROM ")[1].split()[0])
        or real(  # type: ignore[method-assign,func-returns-value]
            query, *values
        )
    )
    yard.check()
    yard.sweep(retention)
    assert alerting - swept - by_people == {"alert_events"}, "those go with their alerts"
