"""Every slot is dispatched once, ahead of its time, by whoever holds its shard."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from model.ids import shard_of
from model.schedule import Schedule
from scheduler.ticker import LEAD_MS, Ticker
from store.dispatches import RUNS_PER_DISPATCH, queue_depth
from store.sessions import EVERY_ORGANIZATION, Database
from store.shards import SHARDS
from tests.scheduler.world import World, due_slots


def _ticks(world: World, *tickers: Ticker, seconds: float, step_ms: int = 250) -> None:
    for _ in range(round(seconds * 1000 / step_ms)):
        for ticker in tickers:
            ticker.tick()
        world.clock.advance(step_ms)


def test_each_slot_is_dispatched_once_and_ahead_of_its_time(world: World, database: Database) -> None:
    checks = [world.check(interval) for interval in (1, 3, 10, 10, 60)]
    start = world.clock.now_ms
    ticker = Ticker(database, "one")
    for _ in range(80):
        ticker.tick()
        newest = {slot for slot in world.dispatched() if slot[1] > world.clock.now_ms + LEAD_MS}
        assert not newest, "no slot is dispatched more than the lead ahead"
        world.clock.advance(250)
    until = world.clock.now_ms - 250 + LEAD_MS
    expected = [
        (check, due)
        for check, interval in zip(checks, (1, 3, 10, 10, 60), strict=True)
        for due in due_slots(check, interval * 1000, start, until)
    ]
    assert world.dispatched() == sorted(expected, key=lambda slot: (slot[1], slot[0]))
    assert all(due > dispatch.created_ms for dispatch in world.dispatches() for _, _, due, _, _ in dispatch.runs)


def test_a_dispatch_holds_runs_of_one_place_and_kind_that_may_begin_equally_late(
    world: World, database: Database
) -> None:
    for _ in range(RUNS_PER_DISPATCH + 30):
        world.check(1)
    world.check(1, locations=("eu", "us"))
    world.check(60, cron="* * * * *")
    world.check(1, kind="browser")
    ticker = Ticker(database, "one")
    ticker.tick()
    world.clock.advance(60_000 - world.clock.now_ms % 60_000 - 900)
    _ticks(world, ticker, seconds=0.5)
    dispatches = world.dispatches()
    assert max(len(dispatch.runs) for dispatch in dispatches) <= RUNS_PER_DISPATCH
    assert {(dispatch.location, dispatch.kind) for dispatch in dispatches} == {
        ("eu", "network"), ("us", "network"), ("eu", "browser"),
    }  # fmt: skip
    for dispatch in dispatches:
        assert len({limit - due for _, _, due, limit, _ in dispatch.runs}) == 1
        assert dispatch.first_limit_ms == min(planned[3] for planned in dispatch.runs)
        assert dispatch.last_limit_ms == max(planned[3] for planned in dispatch.runs)
    with database.read(EVERY_ORGANIZATION) as session:
        depth = queue_depth(session)
    assert sum(depth.values()) == sum(len(dispatch.runs) for dispatch in dispatches)
    assert set(depth) == {("eu", "network"), ("us", "network"), ("eu", "browser")}


@pytest.mark.parametrize("paused_after_s", [2, 2.25, 2.5, 2.75])
def test_a_paused_check_is_dispatched_no_more_from_the_next_tick_on(
    world: World, database: Database, paused_after_s: float
) -> None:
    check = world.check(1)
    world.check(1)
    ticker = Ticker(database, "one")
    _ticks(world, ticker, seconds=paused_after_s)
    paused = world.clock.now_ms
    world.edit(check, None, paused)
    _ticks(world, ticker, seconds=3)
    assert max(due for found, due in world.dispatched() if found == check) <= paused - 250 + LEAD_MS


def test_a_slot_belongs_to_the_version_in_force_when_it_is_due(world: World, database: Database) -> None:
    check = world.check(1)
    start = world.clock.now_ms
    ticker = Ticker(database, "one")
    _ticks(world, ticker, seconds=2)
    begins = world.clock.now_ms + 2_000
    world.edit(check, Schedule("network", ("eu", "us"), 1_000, 3_000), begins)
    _ticks(world, ticker, seconds=10)
    until = world.clock.now_ms - 250 + LEAD_MS
    expected = due_slots(check, 1_000, start, begins)
    expected += due_slots(check, 3_000, begins, until) + due_slots(check, 3_000, begins, until, "us")
    assert [due for _, due in world.dispatched()] == sorted(expected)


def test_a_new_check_is_heard_of_before_its_first_slot(world: World, database: Database) -> None:
    ticker = Ticker(database, "one")
    _ticks(world, ticker, seconds=2)
    begins = world.clock.now_ms + 2_000
    check = world.check(1, from_ms=begins)
    _ticks(world, ticker, seconds=6)
    until = world.clock.now_ms - 250 + LEAD_MS
    assert [due for _, due in world.dispatched()] == due_slots(check, 1_000, begins, until)


def test_a_change_that_the_feed_never_told_of_is_found_by_comparison(world: World, database: Database) -> None:
    ticker = Ticker(database, "one")
    ticker.tick()
    check = world.check(1)
    with database.engine.begin() as connection:
        connection.execute(text("DELETE FROM changes"))
    _ticks(world, ticker, seconds=50, step_ms=1_000)
    assert world.dispatched() == []
    _ticks(world, ticker, seconds=15, step_ms=1_000)
    assert {found for found, _ in world.dispatched()} == {check}


def test_a_definition_that_cannot_be_read_does_not_stop_the_others(world: World, database: Database) -> None:
    good = world.check(1)
    broken = [world.check(1), world.check(None, cron="0 0 30 2 *"), world.check(1)]
    with database.engine.begin() as connection:
        poison = text("UPDATE check_versions SET schedule = :schedule WHERE check_id = :check")
        connection.execute(poison, {"schedule": '{"kind": "network"}', "check": broken[0]})
        zone = '{"kind":"network","locations":["eu"],"budget_ms":1,"cron":"* * * * *","timezone":"Mars/Olympus"}'
        connection.execute(poison, {"schedule": zone, "check": broken[1]})
        negative = '{"kind":"network","locations":["eu"],"budget_ms":1,"interval_ms":-5}'
        connection.execute(poison, {"schedule": negative, "check": broken[2]})
    ticker = Ticker(database, "one")
    _ticks(world, ticker, seconds=3)
    assert {check for check, _ in world.dispatched()} == {good}


def test_two_schedulers_share_the_shards_and_nothing_is_dispatched_twice(world: World, database: Database) -> None:
    checks = world.checks(40, 1)
    start = world.clock.now_ms
    first, second = Ticker(database, "first"), Ticker(database, "second")
    _ticks(world, first, seconds=1)
    _ticks(world, first, second, seconds=9)
    assert (len(first.held), len(second.held)) == (SHARDS // 2, SHARDS // 2)
    assert not set(first.held) & set(second.held)
    until = world.clock.now_ms - 250 + LEAD_MS
    expected = sorted((due, check) for check in checks for due in due_slots(check, 1_000, start, until))
    assert sorted((due, check) for check, due in world.dispatched()) == expected
    assert max(world.dispatched_ids().values()) == 1


def test_when_one_dies_the_other_has_its_shards_within_three_seconds(world: World, database: Database) -> None:
    checks = world.checks(40, 1)
    start = world.clock.now_ms
    first, second = Ticker(database, "first"), Ticker(database, "second")
    _ticks(world, first, second, seconds=5)
    died = world.clock.now_ms
    while len(second.held) < SHARDS:
        second.tick()
        world.clock.advance(250)
        assert world.clock.now_ms - died <= 3_000
    _ticks(world, second, seconds=3)
    assert max(world.dispatched_ids().values()) == 1
    dispatched = set(world.dispatched())
    for check in checks:
        for due in due_slots(check, 1_000, start, died - 250):
            assert (check, due) in dispatched


def test_a_zombie_with_an_old_token_moves_no_checkpoint_and_dispatches_nothing(
    world: World, database: Database
) -> None:
    world.checks(40, 1)
    zombie, heir = Ticker(database, "zombie"), Ticker(database, "heir")
    _ticks(world, zombie, seconds=2)
    _ticks(world, heir, seconds=6)
    assert len(heir.held) == SHARDS
    before = world.dispatched_ids()
    checkpoint = world.scalar("SELECT min(checkpoint_ms) FROM shards")
    zombie.tick()  # finds the first half lost,
    zombie.tick()  # and the half it meant to hand over
    assert zombie.held == {}
    assert world.dispatched_ids() == before
    assert world.scalar("SELECT min(checkpoint_ms) FROM shards") == checkpoint
    _ticks(world, heir, seconds=2)
    assert max(world.dispatched_ids().values()) == 1


def test_a_commit_whose_answer_was_lost_is_not_done_again(
    world: World, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.checks(20, 1)
    ticker = Ticker(database, "one")
    _ticks(world, ticker, seconds=2)
    with monkeypatch.context() as patch:
        patch.setattr(Ticker, "_settle", lambda *_: None)  # the process never hears that it was committed
        ticker.tick()
    world.clock.advance(100)
    _ticks(world, ticker, seconds=5)
    assert max(world.dispatched_ids().values()) == 1
    assert len(ticker.held) == SHARDS


@pytest.mark.parametrize("back_s", [30, 3_000])
def test_when_the_clock_is_set_back_nothing_is_dispatched_twice(world: World, database: Database, back_s: int) -> None:
    world.checks(10, 10)
    ticker = Ticker(database, "one")
    _ticks(world, ticker, seconds=12)
    world.clock.advance(-back_s * 1000)
    _ticks(world, ticker, seconds=20)
    _ticks(world, Ticker(database, "two"), seconds=10)
    assert max(world.dispatched_ids().values()) == 1


def test_when_the_clock_was_hours_ahead_checks_run_on_all_the_same(world: World, database: Database) -> None:
    steady, cron = world.check(1), world.check(None, cron="* * * * *")
    ticker = Ticker(database, "one")
    _ticks(world, ticker, seconds=2)
    world.clock.advance(7_200_000)
    _ticks(world, ticker, seconds=2)
    world.clock.advance(-7_200_000)
    back = world.clock.now_ms
    before = len(world.dispatched())
    _ticks(world, ticker, seconds=70, step_ms=1_000)
    since = world.dispatched()
    assert len(since) - before >= 70
    assert {check for check, due in since if back < due <= back + 70_000} == {steady, cron}


def test_a_released_shard_is_claimed_at_once(world: World, database: Database) -> None:
    first, second = Ticker(database, "first"), Ticker(database, "second")
    _ticks(world, first, seconds=1)
    first.release()
    second.tick()
    assert len(second.held) == SHARDS


def test_idle_ticks_write_once_a_second(world: World, database: Database) -> None:
    world.check(3_600)
    ticker = Ticker(database, "one")
    _ticks(world, ticker, seconds=2)
    written = set()
    for _ in range(40):
        ticker.tick()
        written.add(world.scalar("SELECT max(lease_until_ms) FROM shards"))
        world.clock.advance(250)
    assert 9 <= len(written) <= 11


def test_on_one_host_a_restarted_scheduler_waits_for_nobody(world: World, database: Database) -> None:
    check = world.check(1)
    _ticks(world, Ticker(database, "killed"), seconds=2)
    heir = Ticker(database, "heir", alone=True)
    heir.tick()
    assert len(heir.held) == SHARDS
    assert shard_of(check, SHARDS) in heir.held
