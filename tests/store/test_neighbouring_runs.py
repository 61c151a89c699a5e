"""The last good run before one, and the runs around it."""

from __future__ import annotations

import pytest
from sqlalchemy import select

import store.neighbouring_runs
from store.neighbouring_runs import last_good_run, runs_around
from store.runs import run_by_id
from store.sessions import Database
from store.tables import Run
from tests.alerts.recording import T0, add_check, measured, record_all

STEP_MS = 10_000


def tell(database: Database, organization: str, check: str, letters: str, location: str = "local") -> None:
    """Record a run every ten seconds: + passed, - failed."""
    record_all(
        database,
        [
            [measured(organization, check, T0 + STEP_MS * at, passed=letter == "+", location=location)]
            for at, letter in enumerate(letters)
        ],
    )


def good_before(database: Database, organization: str, check: str, at: int, location: str = "local") -> int | None:
    """Which step's run is the last good one before that step's."""
    with database.read(organization) as session:
        run = session.scalars(
            select(Run).where(Run.check_id == check, Run.at_ms == T0 + STEP_MS * at, Run.location == location)
        ).one()
        found = last_good_run(session, run)
    return None if found is None else (found.at_ms - T0) // STEP_MS


def test_the_last_good_run_is_the_newest_before_at_the_same_location(database: Database, organization: str) -> None:
    check = add_check(database, organization)
    tell(database, organization, check, "++--+---")
    tell(database, organization, check, "--------", location="eu-west")
    assert [good_before(database, organization, check, at) for at in (7, 4, 3, 1, 0)] == [4, 1, 1, 0, None]
    assert good_before(database, organization, check, 7, "eu-west") is None


def test_a_failure_that_lasts_for_long_hides_no_good_run_before_it(
    database: Database, organization: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store.neighbouring_runs, "_LOOKED_AT", 3)
    check = add_check(database, organization)
    tell(database, organization, check, "+---------")
    assert good_before(database, organization, check, 9) == 0


def test_the_runs_around_one_are_those_next_to_it_in_time(database: Database, organization: str) -> None:
    check = add_check(database, organization)
    tell(database, organization, check, "+" * 10)
    with database.read(organization) as session:
        ids = session.scalars(select(Run.id).where(Run.check_id == check).order_by(Run.at_ms)).all()

        def around(at: int) -> list[int]:
            run = run_by_id(session, ids[at])
            assert run is not None
            return [ids.index(found.id) for found in runs_around(session, run, each_way=2)]

        assert around(5) == [7, 6, 5, 4, 3]
        assert around(0) == [2, 1, 0]
        assert around(9) == [9, 8, 7]
