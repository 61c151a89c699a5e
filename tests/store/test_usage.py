"""Runs are counted where they are stored: each once, by month and kind, whatever comes late, twice or at once."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from model.errors import ErrorCode
from model.finished import Finished
from model.months import month_of
from model.outcome import RunStatus, Trigger
from model.times import parse_iso
from store.sessions import EVERY_ORGANIZATION, Database
from store.usage import count_runs, runs_used
from tests.alerts.recording import T0, add_check, manual, measured, not_run, record_all

MONTH = month_of(T0)


def used(database: Database, organization: str, month_ms: int = MONTH) -> dict[str, int]:
    with database.read(organization) as session:
        return runs_used(session, organization, month_ms)


def test_a_run_that_passed_or_failed_counts_whatever_asked_for_it(database: Database, organization: str) -> None:
    check = add_check(database, organization)
    runs = [
        measured(organization, check, T0),
        measured(organization, check, T0 + 10_000, passed=False),
        manual(organization, check, T0 + 1),
        measured(organization, check, T0 + 2, trigger=Trigger.CI, run_id="run_ci"),
        measured(organization, check, T0 + 3, trigger=Trigger.CONFIRM, run_id="run_confirm"),
        measured(organization, check, T0 + 20_000, maintenance=True),
    ]
    record_all(database, [runs])
    assert used(database, organization) == {"api_runs": 6}


def test_what_was_not_measured_does_not_count(database: Database, organization: str) -> None:
    check = add_check(database, organization)
    lost = not_run(organization, check, T0 + 10_000, ErrorCode.NETWORK_UNAVAILABLE, started_ms=T0, probe_id="prb_1")
    cancelled = measured(organization, check, T0 + 20_000)
    cancelled.status = RunStatus.CANCELLED
    record_all(database, [[not_run(organization, check, T0), lost, cancelled]])
    assert used(database, organization) == {}


def test_a_heartbeat_does_not_count(database: Database, organization: str) -> None:
    check = add_check(database, organization)
    record_all(database, [[measured(organization, check, T0, probe_id=None)]])
    assert used(database, organization) == {}


def test_repeated_and_late_results_count_once(database: Database, organization: str) -> None:
    check = add_check(database, organization)
    done, late = measured(organization, check, T0), measured(organization, check, T0 + 10_000)
    missed = not_run(organization, check, T0 + 10_000)
    record_all(database, [[done, done], [done], [missed], [late, done], [late], [missed]])
    assert used(database, organization) == {"api_runs": 2}


def test_journeys_and_organizations_and_months_are_counted_apart(
    database: Database, organization: str, make_organization: Callable[[str], str]
) -> None:
    other = make_organization("Other")
    check, theirs = add_check(database, organization), add_check(database, other)
    next_month = parse_iso("2024-02-01T00:00:00Z")
    record_all(
        database,
        [
            [
                measured(organization, check, next_month - 1),
                measured(organization, check, next_month),
                measured(other, theirs, T0),
            ]
        ],
    )
    assert used(database, organization) == {"api_runs": 1}
    assert used(database, organization, next_month) == {"api_runs": 1}
    assert used(database, other) == {"api_runs": 1}
    journey = measured(organization, "jny_1", T0)
    assert count_runs([journey]) == {(organization, MONTH, "browser_runs"): 1}


def test_a_transaction_that_fails_counts_nothing(database: Database, organization: str) -> None:
    from alerts.record import record
    from store.write_lock import Urgency

    check = add_check(database, organization)

    def fail() -> None:
        with database.write(EVERY_ORGANIZATION, Urgency.RESULTS) as session:
            record(session, [measured(organization, check, T0)], T0)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert used(database, organization) == {}


def test_processes_that_record_at_once_lose_no_count(database: Database, organization: str) -> None:
    checks = [add_check(database, organization) for _ in range(8)]

    def batch(number: int) -> list[Finished]:
        return [measured(organization, checks[number % 8], T0 + (number * 5 + at) * 10_000) for at in range(5)]

    def twice(number: int) -> Any:
        return record_all(database, [batch(number), batch(number)])

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(twice, range(40)))
    assert used(database, organization) == {"api_runs": 200}


def test_the_number_of_statements_does_not_grow_with_the_batch(database: Database, organization: str) -> None:
    from sqlalchemy import event

    checks = [add_check(database, organization) for _ in range(30)]
    seen: list[str] = []
    event.listen(
        database.engine, "before_cursor_execute", lambda _c, _cu, statement, *_: seen.append(statement)
    )  # fmt: skip
    record_all(database, [[measured(organization, check, T0) for check in checks]])
    assert sum("usage_counters" in statement for statement in seen) == 1
    assert used(database, organization) == {"api_runs": 30}
