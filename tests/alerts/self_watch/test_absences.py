"""Whatever stops Tracer for a while is one notice: while it lasts if somebody can say it, else when it is back."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest

from alerts.self_watch import impaired, stopped
from alerts.self_watch.registry import BY_API, BY_SCHEDULER
from alerts.self_watch.watching import Watch, Watching
from model.ids import new_id
from model.settings import Settings
from store.sessions import EVERY_ORGANIZATION
from store.tables import Gap, Run, Shard
from store.write_lock import Urgency
from tests.alerts.noticing import Owners
from tests.alerts.self_watch.conftest import Pass
from tests.scheduler.world import World


@pytest.fixture
def watches() -> Sequence[Watch]:
    return (stopped.WATCH, impaired.WATCH)


def tick(world: World) -> None:
    with world.database.write(EVERY_ORGANIZATION, Urgency.RESULTS) as session:
        session.query(Shard).update({"checkpoint_ms": world.clock.now_ms + 1_000})


def miss(world: World, check: str, *, ago_ms: int, slots: int) -> None:
    """Some slots ended as a run and a gap, because the API was away."""
    at, now = world.clock.now_ms - ago_ms, world.clock.now_ms
    with world.database.write(EVERY_ORGANIZATION, Urgency.RESULTS) as session:
        session.add(
            Run(
                id=new_id("run", now), organization_id=world.organization, check_id=check, check_version=1,
                location="eu", at_ms=at, trigger="schedule", status="missed", error_code="api_unreachable",
            )
        )  # fmt: skip
        session.add(
            Gap(
                id=new_id("gap", now), organization_id=world.organization, check_id=check, location="eu",
                from_ms=at + 1_000, to_ms=at + 2_000, slots=slots - 1, status="missed",
                error_code="api_unreachable", error_message="the API was away",
            )
        )  # fmt: skip


def test_a_scheduler_that_stops_is_told_after_thirty_seconds_and_when_it_works_again(
    world: World, owners: Owners, let_pass: Pass
) -> None:
    owners.channel()
    let_pass(60, keeping=lambda: tick(world))
    let_pass(30)
    assert owners.notices() == []
    let_pass(10)
    assert owners.open() == [("scheduler_stopped", "scheduler")]
    assert owners.notices()[0].message.startswith("The scheduler stopped at 2024-01-15 10:31:01 UTC: no check is run")
    owners.send_all()
    let_pass(60)
    let_pass(60, keeping=lambda: tick(world))
    assert owners.told() == [("scheduler_stopped", "open"), ("scheduler_stopped", "resolved")]


def test_a_scheduler_that_never_started_is_told(owners: Owners, let_pass: Pass) -> None:
    let_pass(30)
    assert owners.notices() == []
    let_pass(10)
    assert owners.open() == [("scheduler_stopped", "scheduler")]
    assert "No scheduler has started" in owners.notices()[0].message


def test_an_absence_of_everything_is_told_once_with_what_it_cost(world: World, owners: Owners, let_pass: Pass) -> None:
    owners.channel()
    check = world.check()
    let_pass(30, keeping=lambda: tick(world))
    let_pass(120, serving=False)
    assert owners.notices() == []
    miss(world, check, ago_ms=60_000, slots=12)
    let_pass(120, keeping=lambda: tick(world))
    assert owners.told() == [("impaired", "resolved")]
    notice = owners.notices()[0]
    assert notice.message == (
        "Tracer was away from 2024-01-15 10:30:30 UTC to 2024-01-15 10:32:32 UTC: 12 runs were not measured."
    )
    assert (notice.severity, notice.resolved_ms) == ("medium", notice.at_ms + 122_500)
    let_pass(90, keeping=lambda: tick(world))
    assert len(owners.told()) == 1
    assert owners.alerts() == 0


def test_a_short_absence_is_not_worth_a_word(world: World, owners: Owners, let_pass: Pass) -> None:
    world.check()
    let_pass(30, keeping=lambda: tick(world))
    let_pass(25, serving=False)
    let_pass(120, keeping=lambda: tick(world))
    assert owners.notices() == []


def test_who_has_no_check_missed_nothing(world: World, owners: Owners, let_pass: Pass) -> None:
    let_pass(30, keeping=lambda: tick(world))
    let_pass(60, serving=False)
    let_pass(120, keeping=lambda: tick(world))
    assert owners.notices() == []


def test_after_a_machine_slept_the_scheduler_has_a_moment_to_wake(world: World, owners: Owners, let_pass: Pass) -> None:
    world.check()
    let_pass(30, keeping=lambda: tick(world))
    let_pass(60, serving=False)
    let_pass(20)
    let_pass(120, keeping=lambda: tick(world))
    assert [kind for kind, _ in owners.told()] == []
    assert [notice.kind for notice in owners.notices()] == ["impaired"], "one notice a stall"


def test_a_tracer_that_is_well_writes_nothing(
    world: World, let_pass: Pass, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.check()
    let_pass(40, keeping=lambda: tick(world))
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: shutil._ntuple_diskusage(100 << 30, 0, 100 << 30))

    def refuse(*_: object) -> None:
        raise AssertionError("it writes")

    monkeypatch.setattr(world.database, "write", refuse)
    Watching((*BY_API, *BY_SCHEDULER), Settings(data_dir=tmp_path))(world.database)


def test_each_kind_of_notice_that_a_watch_may_raise_is_its_own() -> None:
    kinds = [kind for watch in (*BY_API, *BY_SCHEDULER) for kind in watch.kinds]
    assert len(kinds) == len(set(kinds))
