"""Failed journeys and monitors' alerts come into incidents: told where they are recorded, looked at soon after."""

from __future__ import annotations

import multiprocessing
import os
import signal
from typing import Any

import pytest
from sqlalchemy import select, update

from alerts.lifecycle import retract
from model.finished import Finished
from model.outcome import RunError, RunStatus, Trigger
from store.alert_tables import Alert
from store.incident_failures import tell_failures
from store.maintenance_windows import WindowFields, create_window
from store.sessions import EVERY_ORGANIZATION, Database
from store.tables import Run
from store.write_lock import Urgency
from telemetry.agents.failures import Signature, cluster_of
from telemetry.agents.told import Uniting
from telemetry.agents.uniting import Placing
from tests.alerts.alerting import add_rule, alerts_of
from tests.alerts.recording import T0
from tests.conftest import KEYRING, Clock
from tests.scheduler.asked import mark_stored_runs
from tests.telemetry.agents.incidents import (
    SHOP,
    add_journey,
    add_monitor,
    dump,
    ping,
    put,
    record_runs,
    waiting,
    walk,
)

KILLS = int(os.environ.get("TRACER_TEST_INCIDENT_KILLS", "6")) // 3
"""For each point and store; more by the environment."""
POINTS = ("read", "written", "kept")


def test_a_journey_a_monitor_and_an_agent_that_met_the_same_are_one_incident(
    database: Database, organization: str, clock: Clock
) -> None:
    journey, monitor = add_journey(database, organization), add_monitor(database, organization)
    add_rule(database, organization, threshold=2)
    record_runs(database, *(walk(organization, journey, number) for number in range(3)))
    record_runs(database, *(ping(organization, monitor, number) for number in range(3)))
    looped = cluster_of(Signature("tool_loop", "http(url: x)", "HTTP 500", SHOP))
    put(database, organization, Placing(kind="session", id="s", member="s", cluster=looped, label="tool_loop",
                                        first_ms=T0 - 9, last_ms=T0 - 5))  # fmt: skip
    Uniting(database).work()
    [found] = dump(database, organization)
    assert (found["title"], found["label"], found["count"]) == (f"{SHOP} answers 500", "tool_loop", 6)
    opened = sorted((alert.id, alert.triggered_ms) for alert in alerts_of(database))
    newest = walk(organization, journey, 2).run_id
    assert found["members"] == [
        *(("alert", id_, "", 1, at_ms, at_ms, id_, False) for id_, at_ms in opened),
        ("check", journey, "unhandled_error", 3, T0, T0 + 20_105, newest, False),
        ("session", "s", "tool_loop", 1, T0 - 9, T0 - 5, "s", False),
    ]
    record_runs(database, ping(organization, monitor, 3, passed=True), walk(organization, journey, 3, passed=True))
    Uniting(database).work()
    [found] = dump(database, organization)
    assert [each[-1] for each in found["members"]] == [True, True, False, False], "both alerts are resolved"
    assert (found["count"], found["last_ms"], waiting(database)) == (6, T0 + 20_105, 0)


@pytest.mark.parametrize(
    "done",
    [
        {"passed": True},
        {"trigger": Trigger.MANUAL},
        {"trigger": Trigger.CI},
        {"trigger": Trigger.CONFIRM},
        {"maintenance": True},
        {"status": RunStatus.UNKNOWN, "error": RunError("browser_crashed", "x")},
    ],
)
@pytest.mark.parametrize("store", ["sqlite"], indirect=True)
def test_runs_that_judge_nothing_are_no_failures(database: Database, organization: str, done: dict[str, Any]) -> None:
    made: Finished = walk(organization, add_journey(database, organization), 0, passed=done.pop("passed", False))
    for name, value in done.items():
        setattr(made, name, value)
    record_runs(database, made)
    Uniting(database).work()
    assert dump(database, organization) == []


def test_what_is_told_again_is_looked_at_again_and_counts_once(database: Database, organization: str) -> None:
    journey = add_journey(database, organization)
    runs = [walk(organization, journey, number) for number in range(4)]
    record_runs(database, *runs, *runs)
    for _ in range(2):
        with database.write(EVERY_ORGANIZATION, Urgency.RESULTS) as session:
            tell_failures(session, "run", [(organization, done.run_id, journey) for done in runs])
        Uniting(database).work()
        assert dump(database, organization)[0]["count"] == 4
    with database.write(EVERY_ORGANIZATION, Urgency.RESULTS) as session:
        tell_failures(session, "run", [(organization, runs[0].run_id, journey), (organization, "run_gone00", journey)])
        session.execute(update(Run.__table__).where(Run.id == runs[0].run_id).values(status="success"))  # type: ignore[arg-type]
    Uniting(database).work()
    assert (dump(database, organization)[0]["count"], waiting(database)) == (3, 0), "as it is now"


def test_what_was_maintenance_all_along_leaves(database: Database, organization: str, clock: Clock) -> None:
    journey = add_journey(database, organization)
    record_runs(database, *(walk(organization, journey, number) for number in range(3)))
    Uniting(database).work()
    window = WindowFields(name="w", apply_to={"all": True}, starts_ms=T0, ends_ms=T0 + 15_000)
    clock.advance(60_000)
    with database.write(organization, Urgency.PEOPLE) as session:
        create_window(session, organization, window, clock.now_ms)
    mark_stored_runs(database)
    Uniting(database).work()
    [found] = dump(database, organization)
    assert (found["count"], found["first_ms"]) == (1, T0 + 20_000)


def test_an_alert_that_never_should_have_been_leaves(database: Database, organization: str) -> None:
    monitor = add_monitor(database, organization)
    add_rule(database, organization, threshold=1)
    record_runs(database, ping(organization, monitor, 0))
    Uniting(database).work()
    assert dump(database, organization)[0]["label"] == "unhandled_error"
    with database.write(EVERY_ORGANIZATION, Urgency.RESULTS) as session:
        retract(session, session.scalars(select(Alert)).one(), T0)
    Uniting(database).work()
    assert dump(database, organization) == []


def test_alerts_that_no_failed_run_is_behind_are_known_by_their_rule(database: Database, organization: str) -> None:
    monitor = add_monitor(database, organization)
    add_rule(database, organization, "response_time", threshold=50, aggregate="max", window=60)
    record_runs(database, *(ping(organization, monitor, number, passed=number != 1) for number in range(6)))
    Uniting(database).work()
    assert [each["title"] for each in dump(database, organization)] == [f"{SHOP} is slow"]


def test_what_changes_while_it_is_looked_at_is_looked_at_once_more(database: Database, organization: str) -> None:
    journey = add_journey(database, organization)
    done = walk(organization, journey, 0)
    record_runs(database, done)

    def meanwhile(point: str) -> None:
        if point == "read" and not told:
            told.append(point)
            with database.write(EVERY_ORGANIZATION, Urgency.RESULTS) as session:
                session.execute(update(Run.__table__).values(maintenance=True))  # type: ignore[arg-type]
                tell_failures(session, "run", [(organization, done.run_id, journey)])

    told: list[str] = []
    Uniting(database, meanwhile).work()
    assert (told, dump(database, organization), waiting(database)) == (["read"], [], 0)


def test_a_detail_of_another_version_is_read_as_far_as_it_can_be(database: Database, organization: str) -> None:
    monitor = add_monitor(database, organization)
    add_rule(database, organization, threshold=1)
    record_runs(database, ping(organization, monitor, 0))
    with database.write(EVERY_ORGANIZATION, Urgency.RESULTS) as session:
        session.execute(update(Run.__table__).values(detail=b'{"steps": 7}'))  # type: ignore[arg-type]
    Uniting(database).work()
    assert [each["title"] for each in dump(database, organization)] == [f"{SHOP}: status was #"]


def _work_and_die(url: str, dies_at: str, after: int) -> None:
    left = after

    def reached(point: str) -> None:
        nonlocal left
        left -= point == dies_at
        if not left:
            os.kill(os.getpid(), signal.SIGKILL)

    database = Database(url)
    database.seal_with(KEYRING.signature)
    Uniting(database, reached, at_once=5).work()


@pytest.mark.timeout(180)
@pytest.mark.parametrize("point", POINTS)
def test_a_process_that_is_killed_loses_nothing_and_doubles_nothing(
    database: Database, database_url: str, organization: str, point: str
) -> None:
    journey, monitor = add_journey(database, organization), add_monitor(database, organization)
    add_rule(database, organization, threshold=1)
    processes, told = multiprocessing.get_context("forkserver"), 0
    for life in range(KILLS):
        runs = [walk(organization, journey, told + number) for number in range(12)]
        pings = [ping(organization, monitor, told + number, passed=number % 2 == 1) for number in range(12)]
        record_runs(database, *runs, *pings)
        told += 12
        process = processes.Process(target=_work_and_die, args=(database_url, point, 1 + life % 2), daemon=True)
        process.start()
        process.join(60)
        assert process.exitcode == -signal.SIGKILL, "it never came to that point"
    Uniting(database).work()
    [found] = dump(database, organization)
    counts = {(kind, id_): count for kind, id_, _, count, *_ in found["members"]}
    alerts = {("alert", alert.id): 1 for alert in alerts_of(database)}
    assert counts == {("check", journey): told, **alerts}
    assert (found["count"], waiting(database)) == (told + len(alerts), 0)
    assert len(alerts) == 1 + told // 2
