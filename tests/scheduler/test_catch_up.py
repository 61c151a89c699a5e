"""After an absence every slot is accounted for once, late runs are rationed, and what is due goes on meanwhile."""

from __future__ import annotations

import time
from collections import Counter

import pytest

from model.ids import slot_run_id
from model.schedule import Schedule
from scheduler.catch_up import EXTRA_RATE, LEAST_EXTRA_PER_S, OFFERED_MS, CatchUp, Ration
from scheduler.closing import NOT_HANDED_OUT
from scheduler.figures import Figures
from scheduler.ticker import LEAD_MS, Ticker
from store.service_clock import beat
from store.sessions import EVERY_ORGANIZATION, Database
from store.write_lock import Urgency
from tests.scheduler.asked import close_and_rescue
from tests.scheduler.world import World, due_slots

MINUTE, DAY = 60_000, 86_400_000


class _Crew:
    """A ticker and its catching up, driven by the test's clock."""

    def __init__(self, world: World, database: Database, name: str = "one") -> None:
        self.world = world
        self.figures = Figures()
        self.ticker = Ticker(database, name, figures=self.figures)
        self.catch_up = CatchUp(database, self.ticker, self.figures)
        self.catch_up._extra = Ration(lambda: world.clock.now_ms / 1000)

    def go(self, seconds: float, *, steps: int = 1_000) -> None:
        for _ in range(round(seconds * 4)):
            self.ticker.tick()
            for _ in range(steps):
                if not self.catch_up.step():
                    break
            self.world.clock.advance(250)


def _accounted(world: World, check: str, interval_ms: int, location: str = "eu") -> Counter[int]:
    """How often each slot is accounted for: dispatched, a row, or inside a gap."""
    counts: Counter[int] = Counter()
    for dispatch in world.dispatches():
        counts.update(planned[2] for planned in dispatch.runs if planned[1] == check and dispatch.location == location)
    counts.update(run.at_ms for run in world.runs() if run.check_id == check and run.location == location)
    for gap in world.gaps():
        if gap.check_id == check and gap.location == location:
            slots = due_slots(check, interval_ms, gap.from_ms - 1, gap.to_ms, location)
            assert len(slots) == gap.slots
            counts.update(slots)
    return counts


@pytest.mark.parametrize("away_s", [1.5, 4, 30, 59, 61, 3_600])
def test_every_slot_of_an_absence_is_accounted_for_once(world: World, database: Database, away_s: float) -> None:
    checks = {world.check(interval): interval * 1_000 for interval in (1, 2, 10, 60, 300, 7_200)}
    start = world.clock.now_ms
    crew = _Crew(world, database)
    crew.go(5)
    world.clock.advance(round(away_s * 1000))
    crew.go(15)
    until = world.clock.now_ms - 250 + LEAD_MS
    for check, interval_ms in checks.items():
        counts = _accounted(world, check, interval_ms)
        assert sorted(counts) == due_slots(check, interval_ms, start, until)
        assert set(counts.values()) <= {1}
    assert {(run.status, run.error_code) for run in world.runs()} <= {("missed", "api_unreachable")}
    assert world.scalar("SELECT count(*) FROM arrears") == 0


def test_a_missed_slot_claims_no_more_than_is_known_whoever_was_away(world: World, database: Database) -> None:
    """A scheduler that was away, for a little and for long, and then an API: one sentence."""
    world.check(10)
    crew = _Crew(world, database)
    for away_ms in (2_000, 40_000, 3 * MINUTE):
        world.clock.advance(away_ms)
        crew.go(15)
    caught_up = len(world.runs())
    for _ in range(2):
        with database.write(EVERY_ORGANIZATION, Urgency.RESULTS) as session:
            beat(session, world.clock.now_ms)
        world.clock.advance(30_000)
    close_and_rescue(database)
    runs, gaps = world.runs(), world.gaps()
    assert (caught_up > 0, len(runs) > caught_up, len(gaps) > 0) == (True, True, True)
    assert {ended.error_code for ended in [*runs, *gaps]} == {"api_unreachable"}
    assert {ended.error_message for ended in [*runs, *gaps]} == {NOT_HANDED_OUT}


def test_the_newest_overdue_slot_is_run_and_older_ones_are_not(world: World, database: Database) -> None:
    check, slow = world.check(10), world.check(600)
    crew = _Crew(world, database)
    crew.go(2)
    left = world.clock.now_ms
    world.clock.advance(59_000)
    back = world.clock.now_ms
    before = len(world.dispatched())
    crew.go(1)
    late = [slot for slot in world.dispatched()[before:] if slot[1] <= back]
    newest = due_slots(check, 10_000, left - 250 + LEAD_MS, back)[-1]
    expected = [(check, newest)]
    expected += [(slow, due) for due in due_slots(slow, 600_000, left - 250 + LEAD_MS, back)[-1:]]
    assert sorted(late) == sorted(expected)
    assert [run.at_ms for run in world.runs()] == due_slots(check, 10_000, left - 250 + LEAD_MS, newest - 1)


def test_a_slot_that_is_a_minute_old_is_not_run_any_more(world: World, database: Database) -> None:
    check = world.check(3_600)
    crew = _Crew(world, database)
    crew.go(1)
    due = due_slots(check, 3_600_000, world.clock.now_ms + LEAD_MS, world.clock.now_ms + 7_200_000)[0]
    world.clock.now_ms = due + MINUTE
    crew.go(1)
    assert world.dispatched() == []
    assert [(run.at_ms, run.status) for run in world.runs()] == [(due, "missed")]


def test_two_days_asleep_are_one_gap_a_check_and_soon_right_again(world: World, database: Database) -> None:
    checks = world.checks(60, 10)
    cron = world.check(None, cron="*/7 * * * *")
    crew = _Crew(world, database)
    crew.go(2)
    world.clock.advance(2 * DAY)
    back = world.clock.now_ms
    begun = time.monotonic()
    crew.go(OFFERED_MS / 1000 + 5)
    assert time.monotonic() - begun < 60
    gaps = world.gaps()
    assert len(gaps) == len(checks) + 1
    assert {gap.error_code for gap in gaps} == {"api_unreachable"}
    for check in checks:
        counts = _accounted(world, check, 10_000)
        assert set(counts.values()) == {1}
        assert max(counts) > back
        assert len(counts) == pytest.approx(2 * DAY / 10_000, abs=4)
    assert next(gap.slots for gap in gaps if gap.check_id == cron) in (431, 432)  # nine an hour
    planned = world.scalar("SELECT sum(planned) FROM rollups_day")
    assert planned == sum(gap.slots for gap in gaps) + len(world.runs())
    assert planned == world.scalar("SELECT sum(planned) FROM rollups_hour")


def test_late_runs_stay_within_their_ration_and_what_is_due_is_not_touched(world: World, database: Database) -> None:
    checks = world.checks(300, 10)
    crew = _Crew(world, database)
    crew.go(11)
    world.clock.advance(60_000)
    back = world.clock.now_ms
    seen = len(world.dispatched())
    extra_per_s = max(EXTRA_RATE * len(checks) / 10, LEAST_EXTRA_PER_S)
    late: list[tuple[str, int]] = []
    for second in range(1, 13):
        crew.go(1)
        late = [slot for slot in world.dispatched()[seen:] if slot[1] <= back]
        assert len(late) <= extra_per_s * (second + 1) + 2
    due = {(check, at) for check in checks for at in due_slots(check, 10_000, back, world.clock.now_ms - 250)}
    assert due <= set(world.dispatched())
    for check in checks[:50]:
        assert set(_accounted(world, check, 10_000).values()) == {1}
    assert len(late) > extra_per_s


def test_after_a_short_absence_everything_overdue_is_run_at_once(world: World, database: Database) -> None:
    checks = world.checks(200, 10)
    crew = _Crew(world, database)
    crew.go(11)
    checkpoint = world.clock.now_ms - 250 + LEAD_MS
    world.clock.advance(3_500)
    back = world.clock.now_ms
    crew.go(0.25)
    late = {slot for slot in world.dispatched() if checkpoint < slot[1] <= back}
    assert late == {(check, at) for check in checks for at in due_slots(check, 10_000, checkpoint, back)}


@pytest.mark.parametrize("away_s", [2, 4.5, 20])
def test_no_check_is_run_more_than_once_for_what_it_has_missed(world: World, database: Database, away_s: float) -> None:
    world.checks(5, 1)
    crew = _Crew(world, database)
    crew.go(2)
    checkpoint = world.clock.now_ms - 250 + LEAD_MS
    world.clock.advance(round(away_s * 1000))
    back = world.clock.now_ms
    crew.go(15)
    late = Counter(check for check, due in world.dispatched() if checkpoint < due <= back)
    assert set(late.values()) <= {1}


def test_catching_up_goes_on_where_a_killed_scheduler_left_it(world: World, database: Database) -> None:
    checks = world.checks(80, 10)
    start = world.clock.now_ms
    first = _Crew(world, database)
    first.go(2)
    world.clock.advance(600_000)
    first.go(0.5, steps=3)
    assert world.scalar("SELECT count(*) FROM arrears") > 0
    world.clock.advance(2_600)
    second = _Crew(world, database, "two")
    second.go(20)
    assert world.scalar("SELECT count(*) FROM arrears") == 0
    until = world.clock.now_ms - 250 + LEAD_MS
    for check in checks:
        counts = _accounted(world, check, 10_000)
        assert sorted(counts) == due_slots(check, 10_000, start, until)
        assert set(counts.values()) == {1}


def test_slots_of_an_absence_belong_to_the_versions_of_that_time(world: World, database: Database) -> None:
    edited, paused, deleted = world.check(60), world.check(60), world.check(60)
    crew = _Crew(world, database)
    crew.go(2)
    checkpoint = world.clock.now_ms - 250 + LEAD_MS
    change = world.clock.now_ms + 20 * MINUTE
    world.clock.now_ms = change
    world.edit(edited, Schedule("network", ("eu", "us"), 1_000, 30_000), change)
    world.edit(paused, None, change)
    world.edit(deleted, None, change, deleted=True)
    world.clock.now_ms += 20 * MINUTE
    crew.go(15)
    until = world.clock.now_ms - 250 + LEAD_MS
    for check in (paused, deleted):
        counts = _accounted(world, check, 60_000)
        assert [due for due in sorted(counts) if due > checkpoint] == due_slots(check, 60_000, checkpoint, change)
        assert set(counts.values()) == {1}
    for location in ("eu", "us"):
        expected = due_slots(edited, 60_000, checkpoint, change) if location == "eu" else []
        expected += due_slots(edited, 30_000, change, until, location)
        gaps = [gap for gap in world.gaps() if gap.check_id == edited and gap.location == location]
        apart = [run.at_ms for run in world.runs() if run.check_id == edited and run.location == location]
        for dispatch in world.dispatches():
            if dispatch.location == location:
                apart += [planned[2] for planned in dispatch.runs if planned[1] == edited]
        apart = [due for due in apart if due > checkpoint]
        inside = [due for due in expected if any(gap.from_ms <= due <= gap.to_ms for gap in gaps)]
        assert sorted(inside + apart) == expected
        assert sum(gap.slots for gap in gaps) == len(inside)


def test_a_run_that_was_late_anyway_is_not_in_the_gap(world: World, database: Database) -> None:
    """The gap ends before the newest slot, so that its result is a row of its own."""
    check = world.check(10)
    crew = _Crew(world, database)
    crew.go(2)
    world.clock.advance(DAY)
    crew.go(1)
    gap = world.gaps()[0]
    late = [due for _, due in world.dispatched() if due <= world.clock.now_ms - 1_000]
    assert late[-1] == gap.to_ms + 10_000
    assert slot_run_id(check, "eu", late[-1]) in world.dispatched_ids()


def test_the_ration_is_a_share_of_the_steady_rate_and_never_less_than_a_few() -> None:
    now = [0.0]
    ration = Ration(lambda: now[0])
    assert not ration.any_left(1_000)
    taken = 0
    for _ in range(100):
        now[0] += 0.1
        while ration.take(1, 1_000):
            taken += 1
    assert taken == pytest.approx(10 * EXTRA_RATE * 1_000, rel=0.02)
    now[0] += 100
    burst = 0
    while ration.take(1, 1):
        burst += 1
    assert burst == LEAST_EXTRA_PER_S
