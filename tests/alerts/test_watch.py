"""What time does, and what two locations do to one another: silence, confirming runs, results recorded at once."""

from __future__ import annotations

import threading

import pytest
from sqlalchemy import select, text

from alerts.edits import after_rule_delete
from alerts.record import record
from store.alert_rules import delete_rule, get_rule
from store.sessions import EVERY_ORGANIZATION, Database
from store.tables import Run
from store.write_lock import Urgency
from tests.alerts.alerting import (
    T0,
    add_channel,
    add_rule,
    alerts_of,
    outbox,
    record_one,
    run_of,
    tell_story,
)
from tests.alerts.recording import add_check
from tests.alerts.test_quiet import window
from tests.api.wire import wait_until
from tests.conftest import Clock
from tests.scheduler.asked import watch


@pytest.fixture(autouse=True)
def at_t0(clock: Clock) -> None:
    clock.now_ms = T0


def test_silence_alerts_when_it_has_lasted_long_enough_and_a_run_ends_it(
    database: Database, organization: str, clock: Clock
) -> None:
    check = add_check(database, organization)
    add_rule(database, organization, "no_data", window=60, channels=[add_channel(database, organization)])
    tell_story(database, organization, check, "+")
    clock.now_ms = T0 + 59_000
    watch(database)
    assert alerts_of(database) == []
    clock.now_ms = T0 + 62_000
    watch(database)
    watch(database)
    [alert] = alerts_of(database)
    assert alert.triggered_ms == T0 + 105 + 60_000
    assert alert.cause == "nothing was measured for 60 s at local"
    tell_story(database, organization, check, "-", after=8)
    assert [alert.status for alert in alerts_of(database)] == ["resolved"]
    assert [event for event, status, _ in outbox(database) if status != "replaced"] == ["resolved"]


def test_silence_in_a_maintenance_window_is_told_after_it(database: Database, organization: str, clock: Clock) -> None:
    check = add_check(database, organization)
    add_rule(database, organization, "no_data", window=30)
    tell_story(database, organization, check, "+")
    window(database, organization, starts_ms=T0, ends_ms=T0 + 90_000)
    clock.now_ms = T0 + 80_000
    watch(database)
    assert alerts_of(database) == []
    clock.now_ms = T0 + 91_000
    watch(database)
    assert [alert.status for alert in alerts_of(database)] == ["triggered"]


def test_a_late_result_shows_that_there_was_no_silence(database: Database, organization: str, clock: Clock) -> None:
    check = add_check(database, organization)
    add_rule(database, organization, "no_data", window=60)
    tell_story(database, organization, check, "+")
    clock.now_ms = T0 + 65_000
    watch(database)
    with database.write(EVERY_ORGANIZATION, Urgency.RESULTS) as session:
        record(session, [run_of(organization, check, 4, "+")], clock.now_ms)
    [alert] = alerts_of(database)
    assert (alert.status, alert.retracted) == ("resolved", True)


def confirming(database: Database, check: str) -> list[Run]:
    with database.read(EVERY_ORGANIZATION) as session:
        return list(session.scalars(select(Run).where(Run.check_id == check, Run.trigger == "confirm")))


def test_a_failure_at_one_location_starts_a_confirming_run_at_the_others_at_once(
    database: Database, organization: str
) -> None:
    check = add_check(database, organization, locations=("asia", "eu", "us"))
    add_rule(database, organization, threshold=1, min_locations=2)
    for location in ("us", "asia"):
        tell_story(database, organization, check, "+", location=location)
    tell_story(database, organization, check, "--", location="eu", after=1)
    asked = confirming(database, check)
    assert sorted((run.location, run.status) for run in asked) == [("asia", "queued"), ("us", "queued")]
    assert alerts_of(database) == []


def test_its_verdict_fires_the_rule_and_enters_no_uptime(database: Database, organization: str) -> None:
    from model.outcome import Trigger
    from store.tables import RollupHour
    from tests.alerts.recording import rows_of

    check = add_check(database, organization, locations=("eu", "us"))
    add_rule(database, organization, threshold=1, min_locations=2)
    tell_story(database, organization, check, "+", location="us")
    tell_story(database, organization, check, "-", location="eu", after=1)
    [asked] = confirming(database, check)
    done = run_of(organization, check, 1, "-", location="us")
    done.run_id, done.trigger, done.at_ms = asked.id, Trigger.CONFIRM, asked.at_ms
    record_one(database, done)
    [alert] = alerts_of(database)
    assert set(alert.votes) == {"eu", "us"}
    assert asked.id in alert.run_ids
    us = next(row for row in rows_of(database, RollupHour) if row["location"] == "us")
    assert (us["planned"], us["failed"]) == (1, 0)


def test_confirming_runs_are_capped(database: Database, organization: str) -> None:
    checks = [add_check(database, organization, locations=("eu", "us")) for _ in range(15)]
    add_rule(database, organization, threshold=1, min_locations=2)
    for check in checks:
        tell_story(database, organization, check, "+", location="us")
    for check in checks:
        tell_story(database, organization, check, "-", location="eu", after=1)
    assert sum(len(confirming(database, check)) for check in checks) == 10


@pytest.mark.parametrize("store", ["postgresql"], indirect=True)
def test_two_locations_recorded_at_the_same_time_see_each_other(database: Database, organization: str) -> None:
    checks = [add_check(database, organization, locations=("eu", "us")) for _ in range(20)]
    add_rule(database, organization, threshold=1, min_locations=2)
    for check in checks:
        for location in ("eu", "us"):
            tell_story(database, organization, check, "+", location=location)
    start = threading.Barrier(2)

    def fail(location: str) -> None:
        for at, check in enumerate(checks):
            start.wait()
            record_one(database, run_of(organization, check, 1 + at % 2, "-", location=location))

    threads = [threading.Thread(target=fail, args=(location,)) for location in ("eu", "us")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(alert.check_id for alert in alerts_of(database)) == sorted(checks)


def test_a_rule_deleted_while_a_result_is_judged_leaves_no_alert_open(database: Database, organization: str) -> None:
    check = add_check(database, organization)
    rule_id = add_rule(database, organization, "consecutive_failures", threshold=1)
    tell_story(database, organization, check, "+")
    failing = threading.Thread(target=record_one, args=(database, run_of(organization, check, 1, "-")))
    with database.write(EVERY_ORGANIZATION, Urgency.PEOPLE) as session:
        rule = get_rule(session, rule_id, lock=True)
        assert rule is not None
        delete_rule(session, rule, T0)
        after_rule_delete(session, rule, T0)
        session.flush()
        failing.start()
        wait_until(lambda: not failing.is_alive() or waits_for_a_lock(database), "the result to wait")
    failing.join()
    assert [alert.status for alert in alerts_of(database)] in ([], ["resolved"])


def waits_for_a_lock(database: Database) -> bool:
    if database.engine.dialect.name == "sqlite":
        return True  # its only writer is whoever holds the lock
    with database.read(EVERY_ORGANIZATION) as session:
        return bool(session.scalar(text("SELECT count(*) FROM pg_locks WHERE NOT granted")))


def test_results_that_pass_cost_no_statement_of_their_own(database: Database, organization: str) -> None:
    """Results that pass cost a look: no statement more for a batch of fifty than for one of five."""
    from sqlalchemy import event

    add_rule(database, organization, threshold=3)
    checks = [add_check(database, organization) for _ in range(50)]
    counts: list[int] = []
    statements: list[str] = []
    event.listen(database.engine, "before_cursor_execute", lambda *given: statements.append(given[2]))
    for size in (50, 5, 50):
        statements.clear()
        at = len(counts)
        record_one(database, *[run_of(organization, check, at, "+") for check in checks[:size]])
        counts.append(len(statements))
    assert counts[1] == counts[2]
