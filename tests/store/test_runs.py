"""Lists of runs: newest first, gaps in their place, nothing skipped or repeated between pages."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy import event, select

from model.ids import phase_ms
from model.outcome import RunStatus, Trigger
from store.runs import (
    COUNTED,
    Entry,
    RunFilter,
    last_runs,
    list_runs,
    list_runs_after,
    queue_runs,
    run_by_id,
    set_running,
)
from store.sessions import EVERY_ORGANIZATION, Database
from store.tables import Check, Gap, Run
from store.write_lock import Urgency
from tests.alerts.recording import T0, add_check, manual, measured, not_run, record_all

PACE_MS = 10_000
EVERYTHING = RunFilter()


@pytest.fixture
def check(database: Database, organization: str) -> str:
    """A check with 40 runs (each tenth failed) at two places, twice 20 slots not run, and three runs by hand."""
    check = add_check(database, organization, interval_ms=PACE_MS)
    start = T0 + phase_ms(check, "local", PACE_MS)
    other = T0 + phase_ms(check, "eu-west", PACE_MS)
    done = [measured(organization, check, start + PACE_MS * at, passed=at % 10 != 0) for at in range(20)]
    done += [not_run(organization, check, start + PACE_MS * at) for at in range(20, 40)]
    done += [measured(organization, check, start + PACE_MS * at) for at in range(40, 50)]
    done += [not_run(organization, check, start + PACE_MS * at) for at in range(50, 70)]
    done += [measured(organization, check, other + PACE_MS * at, location="eu-west") for at in range(10)]
    done += [manual(organization, check, start + 4 * PACE_MS + at) for at in range(3)]
    record_all(database, [done])
    return check


def _places(entries: list[Entry]) -> list[tuple[int, str, str]]:
    return [
        (entry.to_ms, entry.location, "gap") if isinstance(entry, Gap) else (entry.at_ms, entry.location, entry.trigger)
        for entry in entries
    ]


def _all(database: Database, organization: str, check: str, wanted: RunFilter = EVERYTHING) -> list[Entry]:
    with database.read(organization) as session:
        return list_runs(session, check, wanted, page=1, per_page=100).entries


def test_the_newest_comes_first_and_a_gap_stands_where_it_ends(
    database: Database, organization: str, check: str
) -> None:
    entries = _all(database, organization, check)
    assert len(entries) == 30 + 2 * 7 + 2 + 10 + 3
    places = _places(entries)
    assert [place[0] for place in places] == sorted((place[0] for place in places), reverse=True)
    assert [place for place, entry in enumerate(entries) if isinstance(entry, Gap)] == [0, 1 + 7 + 10]


@pytest.mark.parametrize("per_page", [1, 3, 7, 100])
def test_pages_and_cursors_show_every_entry_once(
    database: Database, organization: str, check: str, per_page: int
) -> None:
    expected = _places(_all(database, organization, check))
    by_page: list[Entry] = []
    by_cursor: list[Entry] = []
    with database.read(organization) as session:
        for page in range(1, len(expected) // per_page + 3):
            by_page += list_runs(session, check, RunFilter(), page=page, per_page=per_page).entries
        found = list_runs(session, check, RunFilter(), page=1, per_page=per_page)
        by_cursor += found.entries
        while found.next is not None:
            found = list_runs_after(session, check, RunFilter(), cursor=found.next, per_page=per_page)
            by_cursor += found.entries
    assert _places(by_page) == expected
    assert _places(by_cursor) == expected


def test_many_gaps_do_not_upset_the_pages(database: Database, organization: str) -> None:
    check = add_check(database, organization)
    with database.write(EVERY_ORGANIZATION, Urgency.HOUSEKEEPING) as session:
        session.add_all(
            Gap(
                id=f"gap_{at}", organization_id=organization, check_id=check, location="local", from_ms=T0 + at,
                to_ms=T0 + at, slots=1, status="missed", error_code="overlap", error_message="",
            )
            for at in range(0, 30, 2)
        )  # fmt: skip
    record_all(database, [[manual(organization, check, T0 + at) for at in range(0, 30, 3)]])
    expected = _places(_all(database, organization, check))
    assert len(expected) == 25
    with database.read(organization) as session:
        for per_page in (1, 2, 4):
            found = list_runs(session, check, RunFilter(), page=1, per_page=per_page)
            by_cursor = _places(found.entries)
            while found.next is not None:
                found = list_runs_after(session, check, RunFilter(), cursor=found.next, per_page=per_page)
                by_cursor += _places(found.entries)
            assert by_cursor == expected
            pages = [list_runs(session, check, RunFilter(), page=page, per_page=per_page) for page in range(1, 30)]
            assert _places([entry for page in pages for entry in page.entries]) == expected
            assert [page.next is None for page in pages].index(True) == (25 - 1) // per_page


@pytest.mark.parametrize(
    ("wanted", "count", "gaps"),
    [
        (RunFilter(statuses=[RunStatus.FAILED]), 2, 0),
        (RunFilter(statuses=[RunStatus.FAILED, RunStatus.MISSED]), 2 + 14, 2),
        (RunFilter(statuses=[RunStatus.SUCCESS]), 28 + 10 + 3, 0),
        (RunFilter(statuses=[RunStatus.UNKNOWN, RunStatus.QUEUED]), 0, 0),
        (RunFilter(locations=["eu-west"]), 10, 0),
        (RunFilter(locations=["local"], statuses=[RunStatus.MISSED]), 14, 2),
        (RunFilter(triggers=[Trigger.MANUAL]), 3, 0),
        (RunFilter(triggers=[Trigger.SCHEDULE]), 30 + 14 + 10, 2),
    ],
)
def test_a_filter_lets_through_what_it_says(
    database: Database, organization: str, check: str, wanted: RunFilter, count: int, gaps: int
) -> None:
    with database.read(organization) as session:
        page = list_runs(session, check, wanted, page=1, per_page=100)
    assert sum(isinstance(entry, Gap) for entry in page.entries) == gaps
    assert (len(page.entries), page.total, page.total_is_minimum) == (count + gaps, count + gaps, False)


def test_from_is_inclusive_to_is_exclusive_and_a_gap_is_in_a_window_it_touches(
    database: Database, organization: str, check: str
) -> None:
    start = T0 + phase_ms(check, "local", PACE_MS)
    local = RunFilter(locations=["local"], from_ms=start + 10 * PACE_MS, to_ms=start + 19 * PACE_MS)
    assert len(_all(database, organization, check, local)) == 9
    inside = RunFilter(from_ms=start + 30 * PACE_MS, to_ms=start + 31 * PACE_MS)
    (gap,) = _all(database, organization, check, inside)
    assert isinstance(gap, Gap)
    assert gap.slots == 13


def test_totals_are_exact_to_ten_thousand_and_then_say_so(database: Database, organization: str) -> None:
    check = add_check(database, organization)
    with database.write(EVERY_ORGANIZATION, Urgency.HOUSEKEEPING) as session:
        session.connection().execute(
            Run.__table__.insert(),  # type: ignore[attr-defined]
            [
                {
                    "id": f"run_{at:06d}", "organization_id": organization, "check_id": check, "check_version": 1,
                    "location": "local", "at_ms": at, "trigger": "schedule", "status": "success",
                }
                for at in range(COUNTED + 5)
            ],
        )  # fmt: skip
    with database.read(organization) as session:
        page = list_runs(session, check, RunFilter(), page=500, per_page=20)
        assert (page.total, page.total_is_minimum, len(page.entries)) == (COUNTED, True, 20)
        exact = list_runs(session, check, RunFilter(from_ms=5), page=1, per_page=20)
        assert (exact.total, exact.total_is_minimum) == (COUNTED, False)


def test_nothing_of_another_organization_is_listed_or_counted(
    database: Database, organization: str, check: str, make_organization: Callable[[str], str]
) -> None:
    with database.read(make_organization("Stranger")) as session:
        page = list_runs(session, check, RunFilter(), page=1, per_page=20)
        assert (page.entries, page.total, page.next) == ([], 0, None)
        assert last_runs(session, [check]) == {}
        some_run = _all(database, organization, check)[1]
        assert run_by_id(session, some_run.id) is None
    with database.read(organization) as session:
        found = run_by_id(session, some_run.id)
    assert found is not None


@pytest.mark.parametrize("cursor", ["", "é", "AAAA", "bnVsbA", "WzEsMiwzXQ", "Wy0xZTk5LCJhIiwiYiJd", "x" * 500])
def test_what_is_no_cursor_is_refused(database: Database, organization: str, check: str, cursor: str) -> None:
    with database.read(organization) as session, pytest.raises(ValueError, match="cursor"):
        list_runs_after(session, check, RunFilter(), cursor=cursor, per_page=20)


def test_the_last_run_is_the_newest_that_ended(database: Database, organization: str, check: str) -> None:
    idle = add_check(database, organization)
    with database.write(organization, Urgency.PEOPLE) as session:
        asked = session.scalars(select(Check).where(Check.id == check)).one()
        queue_runs(session, asked, ["local"], Trigger.MANUAL, T0 + 10**9)
    with database.read(organization) as session:
        found = last_runs(session, [check, idle])
    ended = [entry for entry in _all(database, organization, check) if isinstance(entry, Run)]
    assert {check_id: run.id for check_id, run in found.items()} == {check: ended[1].id}
    assert (ended[0].status, ended[1].status) == ("queued", "missed")


def test_runs_asked_for_in_one_millisecond_wait_in_a_row(database: Database, organization: str) -> None:
    check_id = add_check(database, organization)
    with database.write(organization, Urgency.PEOPLE) as session:
        check = session.scalars(select(Check).where(Check.id == check_id)).one()
        queued = [run for _ in range(3) for run in queue_runs(session, check, ["eu", "us"], Trigger.MANUAL, T0)]
    assert [(run.location, run.at_ms) for run in queued] == [
        (at, T0 + turn) for turn in range(3) for at in ("eu", "us")
    ]
    with database.write(EVERY_ORGANIZATION, Urgency.RESULTS) as session:
        set_running(session, [queued[0].run_id, queued[1].run_id])
    done = manual(organization, check_id, queued[1].at_ms, run_id=queued[1].run_id, location="us")
    record_all(database, [[done]])
    with database.write(EVERY_ORGANIZATION, Urgency.RESULTS) as session:
        set_running(session, [run.run_id for run in queued])
    with database.read(organization) as session:
        statuses = [run.status for run in (run_by_id(session, each.run_id) for each in queued) if run is not None]
    assert statuses == ["running", "success", "running", "running", "running", "running"]


@pytest.mark.parametrize("wanted", [RunFilter(), RunFilter(statuses=[RunStatus.FAILED, RunStatus.UNKNOWN])])
@pytest.mark.parametrize("store", ["sqlite"], indirect=True)
def test_every_list_walks_an_index_that_begins_with_the_check(
    database: Database, organization: str, check: str, wanted: RunFilter
) -> None:
    """Planned as on a store with many runs, whose statistics say so."""
    said: list[tuple[str, object]] = []
    with database.read(organization) as session:

        def hear(_connection: object, _cursor: object, statement: str, parameters: object, *_rest: object) -> None:
            said.append((statement, parameters))

        event.listen(database.engine, "before_cursor_execute", hear)
        first = list_runs(session, check, wanted, page=1, per_page=5)
        if first.next is not None:
            list_runs_after(session, check, wanted, cursor=first.next, per_page=5)
        event.remove(database.engine, "before_cursor_execute", hear)
        for statement, parameters in said:
            if " runs" not in statement:
                continue
            plan = [
                row[3] for row in session.connection().exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
            ]  # type: ignore[arg-type]
            search = next(step for step in plan if " runs " in step)
            assert search.startswith("SEARCH runs USING"), plan
            assert "(check_id=?" in search, plan
            assert not any("TEMP B-TREE FOR ORDER" in step for step in plan) or wanted.statuses, plan
