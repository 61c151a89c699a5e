"""More runs than the plan allows is told once a month, and everything goes on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from alerts.self_watch import plan_limits
from alerts.self_watch.watching import Watch, Watching
from model.plans import Plan, Plans
from model.settings import Settings
from model.times import DAY_MS, parse_iso
from store.sessions import Database
from tests.alerts.noticing import Owners
from tests.alerts.recording import add_check, measured, record_all
from tests.conftest import Clock

Run = Callable[[int], None]
PLAN = Plan.model_validate({"id": "team", "name": "Team", "limits": {"api_runs": 1_000}})


def watching_with(plan: Plan, folder: Path) -> Watching:
    return Watching(
        (plan_limits.WATCH,),
        Settings(data_dir=folder, public_url="https://tracer.example", plans=Plans(plans=[plan])),
    )


@pytest.fixture
def watches() -> Sequence[Watch]:
    return (plan_limits.WATCH,)


@pytest.fixture
def watching(tmp_path: Path) -> Watching:
    return watching_with(PLAN, tmp_path)


@pytest.fixture
def run(database: Database, organization: str, clock: Clock) -> Run:
    """A function that has so many runs recorded."""
    check = add_check(database, organization)

    def record(count: int) -> None:
        record_all(database, [[measured(organization, check, clock.now_ms + n) for n in range(count)]])
        clock.advance(60_000)

    return record


def test_owners_are_told_once_a_month_and_never_that_it_is_over(
    owners: Owners, run: Run, watching: Watching, database: Database, clock: Clock
) -> None:
    owners.channel()
    run(1_000)
    watching(database)
    assert owners.told() == []
    run(1)
    for _ in range(3):
        watching(database)
        run(100)
    assert owners.open() == [("plan_limit", "api_runs 2024-01")]
    assert owners.told() == [("plan_limit", "open")]
    [notice] = owners.notices()
    assert notice.message == (
        "This month has had more runs of monitors than the plan Team allows (1,000). Everything goes on being checked; "
        "the count begins anew at 2024-02-01 00:00:00 UTC."
    )
    clock.now_ms = parse_iso("2024-02-01T00:00:10Z")
    for _ in range(3):
        watching(database)
        clock.advance(DAY_MS)
    assert (owners.open(), owners.told()) == ([], [("plan_limit", "open")])
    run(1_001)
    watching(database)
    assert owners.open() == [("plan_limit", "api_runs 2024-02")]
    assert owners.told() == [("plan_limit", "open")] * 2


def test_a_limit_that_goes_up_and_down_again_is_not_told_twice(
    owners: Owners, run: Run, watching: Watching, database: Database, tmp_path: Path, clock: Clock
) -> None:
    owners.channel()
    run(1_001)
    watching(database)
    watching_with(PLAN.model_copy(update={"limits": Plan(id="x", name="x").limits}), tmp_path)(database)
    assert owners.open() == []
    clock.advance(DAY_MS)
    watching(database)
    assert (owners.open(), owners.told()) == ([], [("plan_limit", "open")])
