"""When nobody is told: maintenance, mutes, silences, parents that are down. And that they are told afterwards."""

from __future__ import annotations

from typing import Any

import pytest

from model.ids import new_id
from model.times import iso
from store.alert_tables import Alert, MaintenanceWindow, Notification, Silence
from store.alerting_feed import alerting_changed
from store.sessions import EVERY_ORGANIZATION, Database
from store.tables import Check, RollupHour, Run
from store.write_lock import Urgency
from tests.alerts.alerting import (
    STEP_MS,
    T0,
    add_channel,
    add_rule,
    alerts_of,
    outbox,
    record_one,
    run_of,
    tell_story,
    timeline,
)
from tests.alerts.recording import add_check, rows_of
from tests.conftest import Clock
from tests.scheduler.asked import watch


@pytest.fixture(autouse=True)
def at_t0(clock: Clock) -> None:
    clock.now_ms = T0


def silence(database: Database, organization: str, match: dict[str, Any], seconds: int) -> None:
    with database.write(EVERY_ORGANIZATION, Urgency.PEOPLE) as session:
        session.add(
            Silence(
                id=new_id("sil", T0), organization_id=organization, match=match, reason="deploy", created_by="ci",
                starts_ms=T0, ends_ms=T0 + seconds * 1000,
            )
        )  # fmt: skip
        alerting_changed(session)


def window(database: Database, organization: str, **fields: Any) -> None:
    shown = {"apply_to": {"all": True}, "starts_ms": None, "ends_ms": None, "cron": None, "timezone": "UTC", **fields}
    shown |= {"created_ms": T0, "updated_ms": T0}
    with database.write(EVERY_ORGANIZATION, Urgency.PEOPLE) as session:
        session.add(MaintenanceWindow(id=new_id("mwi", T0), organization_id=organization, name="upgrade", **shown))
        alerting_changed(session)


def mute(database: Database, check_id: str, **changes: Any) -> None:
    with database.write(EVERY_ORGANIZATION, Urgency.PEOPLE) as session:
        check = session.get_one(Check, check_id)
        check.definition = {**check.definition, **changes}


def events(database: Database) -> list[str]:
    return [event for event, status, _ in outbox(database) if status != "replaced"]


def test_a_planned_outage_raises_nothing_and_stands_apart_from_uptime(database: Database, organization: str) -> None:
    check = add_check(database, organization)
    add_rule(database, organization, threshold=2, channels=[add_channel(database, organization)])
    window(database, organization, starts_ms=T0, ends_ms=T0 + 4 * STEP_MS)
    tell_story(database, organization, check, "----++")
    assert alerts_of(database) == []
    assert [row["maintenance"] for row in rows_of(database, Run)].count(True) == 4
    [hour] = rows_of(database, RollupHour)
    assert (hour["planned"], hour["success"], hour["failed"], hour["maintenance"]) == (2, 2, 0, 4)


def test_an_outage_that_outlasts_its_window_is_told_by_what_comes_after(database: Database, organization: str) -> None:
    check = add_check(database, organization)
    add_rule(database, organization, threshold=2)
    window(database, organization, starts_ms=T0, ends_ms=T0 + 2 * STEP_MS)
    tell_story(database, organization, check, "---")
    assert alerts_of(database) == []
    tell_story(database, organization, check, "-", after=3)
    assert [alert.status for alert in alerts_of(database)] == ["triggered"]


def test_a_recovery_in_a_window_still_resolves(database: Database, organization: str) -> None:
    check = add_check(database, organization)
    add_rule(database, organization, threshold=1)
    window(database, organization, starts_ms=T0 + STEP_MS, ends_ms=T0 + 9 * STEP_MS)
    tell_story(database, organization, check, "--+")
    assert [alert.status for alert in alerts_of(database)] == ["resolved"]


def test_a_notice_says_that_its_check_is_in_maintenance(database: Database, organization: str, clock: Clock) -> None:
    check = add_check(database, organization)
    add_rule(database, organization, threshold=1, channels=[add_channel(database, organization)])
    window(database, organization, starts_ms=T0 + STEP_MS, ends_ms=T0 + 9 * STEP_MS)
    tell_story(database, organization, check, "-+")
    told = rows_of(database, Notification)
    assert {row["event"]: row["payload"]["data"]["check"]["health"] for row in told} == {
        "triggered": "down", "resolved": "maintenance",
    }  # fmt: skip


def test_a_window_by_cron_holds_from_each_fire_time_for_its_duration(database: Database, organization: str) -> None:
    check = add_check(database, organization)
    add_rule(database, organization, threshold=1)
    window(database, organization, cron="30 10 * * *", duration_s=25)  # T0 is 10:30
    tell_story(database, organization, check, "---")
    assert alerts_of(database) == []
    tell_story(database, organization, check, "-", after=3)
    assert len(alerts_of(database)) == 1


def test_what_a_silence_held_is_told_when_it_ends(database: Database, organization: str, clock: Clock) -> None:
    check, channel = add_check(database, organization), add_channel(database, organization)
    add_rule(database, organization, threshold=1, channels=[channel])
    silence(database, organization, {"monitors": [check]}, 60)
    tell_story(database, organization, check, "-")
    [alert] = alerts_of(database)
    assert alert.held is not None
    assert (alert.held["outcome"], alert.told_ms, outbox(database)) == ("silenced", None, [])
    clock.now_ms = T0 + 61_000
    watch(database)
    [alert] = alerts_of(database)
    assert (alert.held, alert.told_ms) == (None, clock.now_ms)
    assert events(database) == ["triggered"]
    assert timeline(database, alert) == ["triggered", "held", "released"]


def test_what_began_and_ended_under_a_silence_is_told_to_nobody(
    database: Database, organization: str, clock: Clock
) -> None:
    check = add_check(database, organization)
    add_rule(database, organization, threshold=1, channels=[add_channel(database, organization)])
    silence(database, organization, {"all": True}, 600)
    tell_story(database, organization, check, "-+")
    clock.now_ms = T0 + 601_000
    watch(database)
    assert [alert.status for alert in alerts_of(database)] == ["resolved"]
    assert outbox(database) == []


def test_a_muted_check_is_told_of_when_the_mute_ends(database: Database, organization: str, clock: Clock) -> None:
    check = add_check(database, organization)
    mute(database, check, muted_until=iso(T0 + 30_000))
    add_rule(database, organization, threshold=1, channels=[add_channel(database, organization)])
    tell_story(database, organization, check, "-")
    assert outbox(database) == []
    clock.now_ms = T0 + 30_000
    watch(database)
    assert events(database) == ["triggered"]


def _parent_and_child(database: Database, organization: str) -> tuple[str, str]:
    parent = add_check(database, organization)
    child = add_check(database, organization, definition={"depends_on": [parent]})
    add_rule(database, organization, threshold=2, channels=[add_channel(database, organization)])
    return parent, child


def test_a_child_is_held_while_its_parent_is_down_and_told_of_in_the_parents_notice(
    database: Database, organization: str, clock: Clock
) -> None:
    parent, child = _parent_and_child(database, organization)
    for at, letter in enumerate("+--"):
        record_one(database, run_of(organization, child, at, letter))
        record_one(database, run_of(organization, parent, at, letter))
    told = {alert.check_id: alert for alert in alerts_of(database)}
    held = told[child].held
    assert held is not None
    assert (held["outcome"], held["parent_id"]) == ("parent_down", parent)
    assert told[parent].held is None
    [payload] = [row["payload"] for row in rows_of_outbox(database)]
    assert payload["data"]["alert"]["also_affected"] == [{"id": child, "name": "n"}]
    clock.now_ms = T0 + 3 * STEP_MS
    watch(database)
    assert events(database) == ["triggered"], "still one notice, the parent's"


def rows_of_outbox(database: Database) -> list[dict[str, Any]]:
    from store.alert_tables import Notification

    return [row for row in rows_of(database, Notification) if row["status"] != "replaced"]


def test_a_child_that_stays_down_after_its_parent_is_told_of_then(
    database: Database, organization: str, clock: Clock
) -> None:
    parent, child = _parent_and_child(database, organization)
    for at, letters in enumerate(("++", "--", "--", "+ ")):
        for check, letter in zip((parent, child), letters.strip(), strict=False):
            record_one(database, run_of(organization, check, at, letter))
    clock.now_ms = T0 + 3 * STEP_MS + 200
    watch(database)
    by_check = {alert.check_id: alert for alert in alerts_of(database)}
    assert by_check[parent].status == "resolved"
    assert by_check[child].told_ms is None, "it failed before the parent was back: its next run tells"
    tell_story(database, organization, child, "-", after=4)
    clock.now_ms = T0 + 4 * STEP_MS + 200
    watch(database)
    assert {alert.check_id: alert for alert in alerts_of(database)}[child].told_ms == clock.now_ms


def test_a_child_whose_parent_is_up_is_told_of_at_once(database: Database, organization: str) -> None:
    parent, child = _parent_and_child(database, organization)
    for at in range(3):
        record_one(database, run_of(organization, parent, at, "+"), run_of(organization, child, at, "-"))
    assert events(database) == ["triggered"]


def test_reminders_come_until_somebody_acknowledges(database: Database, organization: str, clock: Clock) -> None:
    from alerts.lifecycle import acknowledge

    check = add_check(database, organization)
    channel = add_channel(database, organization)
    add_rule(database, organization, threshold=1, channels=[channel], reminder_interval=60)
    tell_story(database, organization, check, "-")
    told = T0 + 105
    for seconds in (59, 61, 90, 122):
        clock.now_ms = told + seconds * 1000
        watch(database)
    assert [event for event, _, _ in outbox(database)] == ["triggered", "reminder", "reminder"]
    with database.write(EVERY_ORGANIZATION, Urgency.PEOPLE) as session:
        acknowledge(session, session.get_one(Alert, alerts_of(database)[0].id), by="ann", note=None, now_ms=told)
    clock.now_ms = told + 600_000
    watch(database)
    assert [event for event, _, _ in outbox(database)].count("reminder") == 2
