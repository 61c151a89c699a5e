"""The whole scheduler in real time: threads, jobs and roles, on a clock that nobody winds."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from model.settings import Settings
from scheduler.jobs import Job, Reading
from scheduler.scheduler import Scheduler
from scheduler.ticker import Ticker
from store import shards
from store.service_clock import beat
from store.sessions import EVERY_ORGANIZATION, Database
from store.shards import SHARDS
from store.statements import rows
from store.write_lock import Urgency
from tests.conftest import Clock
from tests.scheduler.world import World, due_slots

Start = Callable[..., Scheduler]


class _Now(Clock):
    """The host's clock, where the world expects one of the test's."""

    def __init__(self) -> None:
        super().__init__(0)

    @property
    def now_ms(self) -> int:  # type: ignore[override]
        return time.time_ns() // 1_000_000

    @now_ms.setter
    def now_ms(self, _value: int) -> None:
        """It can't be set."""


@pytest.fixture
def clock() -> Clock:
    return _Now()


@pytest.fixture
def start(database: Database) -> Iterator[Start]:
    """A function that starts a scheduler; all are stopped in the end."""
    started: list[Scheduler] = []

    def begin(name: str, **more: object) -> Scheduler:
        scheduler = Scheduler(database, Settings(), name, **more)  # type: ignore[arg-type]
        started.append(scheduler)
        scheduler.start()
        return scheduler

    yield begin
    for scheduler in started:
        if scheduler.alive():
            scheduler.stop()


def _until(condition: Callable[[], bool], what: str, seconds: float = 20) -> float:
    begun = time.monotonic()
    while not condition():
        if time.monotonic() - begun > seconds:
            pytest.fail(f"{what} did not happen in {seconds} s")
        time.sleep(0.01)
    return time.monotonic() - begun


def _ticks(scheduler: Scheduler) -> int:
    return scheduler.figures.ticks.histogram()[0][-1][1]


def test_slots_are_dispatched_ahead_of_their_time_once_it_has_started(world: World, start: Start) -> None:
    checks = world.checks(5, 1)
    scheduler = start("one")
    _until(lambda: scheduler.figures.dispatched_slots > 0, "the first dispatch")
    _until(lambda: len(world.dispatched()) >= 15, "three slots each")
    late = [dispatch for dispatch in world.dispatches() if dispatch.created_ms > dispatch.runs[0][2]]
    assert len(late) <= 1
    assert {check for check, _ in world.dispatched()} == set(checks)
    plain = scheduler.figures.plain()
    assert (plain["shards_held"], plain["checks"], plain["failures_total"]) == (SHARDS, 5, 0)


def test_unclaimed_runs_end_and_heartbeat_time_goes_by_its_own_jobs(
    world: World, start: Start, database: Database
) -> None:
    world.check(1)
    with database.write(EVERY_ORGANIZATION, Urgency.RESULTS) as session:
        beat(session, database.now_ms(session) - 10_000)
    start("one")
    _until(lambda: bool(world.runs()), "the end of a run nobody took")
    assert world.runs()[0].error_code == "api_unreachable"


def test_a_scheduler_that_winds_down_dispatches_and_closes_nothing_more(
    world: World, start: Start, database: Database
) -> None:
    world.check(1)
    scheduler = start("one")
    _until(lambda: scheduler.figures.dispatched_slots > 0, "the first dispatch")
    scheduler.wind_down()
    ticks = _ticks(scheduler)
    _until(lambda: _ticks(scheduler) >= ticks + 2, "the end of the tick that was under way")
    waiting, checkpoint_ms = world.dispatched(), scheduler.figures.checkpoint_ms
    limit_ms = max(due_ms for _, due_ms in waiting) + 1_000
    with database.write(EVERY_ORGANIZATION, Urgency.RESULTS) as session:
        beat(session, database.now_ms(session))
    _until(lambda: world.clock.now_ms > limit_ms + 1_500, "the time of what nobody took")
    assert (world.dispatched(), scheduler.figures.checkpoint_ms) == (waiting, checkpoint_ms)
    assert not [run for run in world.runs() if run.at_ms == limit_ms - 1_000]
    scheduler.stop()
    start("two")
    _until(lambda: bool([run for run in world.runs() if run.at_ms == limit_ms - 1_000]), "who begins again closes it")


@pytest.mark.parametrize("store", ["postgresql"], indirect=True)
def test_a_killed_scheduler_is_replaced_and_nothing_is_dispatched_twice(
    world: World, start: Start, database: Database
) -> None:
    checks = world.checks(60, 1)
    first, second = start("first"), start("second")
    _until(lambda: first.figures.shards_held == second.figures.shards_held == SHARDS // 2, "sharing")
    begun = world.clock.now_ms + 1_500
    _until(lambda: world.clock.now_ms > begun + 1_000, "a second of work")
    first.stop(release=False)
    killed = world.clock.now_ms
    _until(lambda: second.figures.shards_held == SHARDS, "the take-over", 5)
    end = world.clock.now_ms
    _until(lambda: (second.figures.checkpoint_ms or 0) > end + 1_000, "two more seconds")
    assert max(world.dispatched_ids().values()) == 1
    dispatched = set(world.dispatched())
    for check in checks:
        slots = due_slots(check, 1_000, begun, killed) + due_slots(check, 1_000, end, end + 1_000)
        assert {(check, due) for due in slots} <= dispatched


@pytest.mark.parametrize("store", ["postgresql"], indirect=True)
def test_a_scheduler_that_stops_hands_over_at_once(world: World, start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shards, "SHARD_LEASE_MS", 60_000)  # nobody could wait for that to run out
    world.check(1)
    first, second = start("first"), start("second")
    _until(lambda: first.figures.shards_held + second.figures.shards_held == SHARDS, "sharing")
    first.stop()
    _until(lambda: second.figures.shards_held == SHARDS, "the take-over", 10)


def test_a_job_runs_only_where_its_role_is_held(database: Database, start: Start) -> None:
    calls: list[str] = []
    seen = threading.Event()

    def job(name: str) -> Job:
        def work(_database: Database) -> None:
            calls.append(name)
            seen.set()

        return Job("shared", 0.05, work)

    first = start("first", jobs=[job("first")])
    assert seen.wait(10)
    start("second", jobs=[job("second")])
    asked = len(calls)
    _until(lambda: len(calls) > asked + 10, "more work")
    assert set(calls) == {"first"}
    first.stop()
    _until(lambda: "second" in calls, "the other to take over", 5)


def _waking() -> tuple[list[Callable[[], None]], Callable[[Callable[[], None]], Callable[[], None]]]:
    """(what to call to wake a job, while it listens; the job's `woken`)"""
    wake: list[Callable[[], None]] = []

    def woken(call: Callable[[], None]) -> Callable[[], None]:
        wake.append(call)
        return lambda: wake.remove(call)

    return wake, woken


def test_a_job_that_is_woken_does_not_wait_for_its_turn(start: Start) -> None:
    turns = threading.Semaphore(0)
    wake, woken = _waking()

    scheduler = start("first", jobs=[Job("rare", 3600, lambda _database: turns.release(), woken)])
    for _ in range(3):  # at first it may not hold the role yet
        _until(lambda: wake[0]() or turns.acquire(timeout=0.5), "a turn")
    scheduler.stop()
    assert wake == []


def test_a_job_that_has_nothing_to_do_is_asked_and_not_run(start: Start) -> None:
    asked, turns = threading.Semaphore(0), threading.Semaphore(0)
    work = threading.Event()

    def waits(reading: Reading) -> bool:
        asked.release()
        return work.is_set() and reading.now_ms > 0

    def run(_database: Database) -> None:
        work.clear()
        turns.release()

    start("first", jobs=[Job("seldom", 0.01, run, waits=waits)])
    for _ in range(3):
        assert asked.acquire(timeout=10)
    assert not turns.acquire(blocking=False)
    work.set()
    assert turns.acquire(timeout=10)


def test_what_keeps_one_job_from_being_asked_keeps_no_other(start: Start, caplog: pytest.LogCaptureFixture) -> None:
    turns = threading.Semaphore(0)

    def refused(reading: Reading) -> bool:
        reading.main.execute(text("SELECT nothing_of_that_name"))
        return True

    def mistaken(_reading: Reading) -> bool:
        raise ZeroDivisionError

    jobs = [
        Job("refused", 0.01, lambda _database: turns.release(100), waits=refused),
        Job("mistaken", 0.01, lambda _database: turns.release(100), waits=mistaken),
        Job("good", 0.01, lambda _database: turns.release(), waits=lambda look: bool(rows(look.main, "SELECT 1"))),
    ]
    scheduler = start("first", jobs=jobs)
    for _ in range(3):
        assert turns.acquire(timeout=10)
    assert scheduler.figures.failures >= 2
    scheduler.stop()
    assert not turns.acquire(timeout=0) or not turns.acquire(timeout=0), "only the good one was run"


def test_it_stops_though_a_job_is_just_about_to_begin(start: Start) -> None:
    asked, told = threading.Event(), threading.Event()

    def waits(_reading: Reading) -> bool:
        asked.set()
        return told.wait(20)

    scheduler = start("first", jobs=[Job("seldom", 0.01, lambda _database: None, waits=waits)])
    assert asked.wait(10)
    stopping = threading.Thread(target=scheduler.stop)
    stopping.start()
    _until(lambda: not scheduler._jobs._scheduler.running, "it to stop")
    told.set()
    stopping.join(10)
    assert not stopping.is_alive()


def test_a_job_that_is_woken_and_says_when_it_has_work_is_run_at_once(start: Start) -> None:
    turns = threading.Semaphore(0)
    wake, woken = _waking()

    start("first", jobs=[Job("rare", 3600, lambda _database: turns.release(), woken, lambda _reading: False)])
    for _ in range(3):  # at first it may not hold the role yet
        _until(lambda: wake[0]() or turns.acquire(timeout=0.5), "a turn")


def test_a_job_that_takes_longer_than_its_interval_fills_no_log(start: Start, caplog: pytest.LogCaptureFixture) -> None:
    turns = threading.Semaphore(0)
    over = threading.Event()
    slow = Job("slow", 0.01, lambda _database: over.wait(20))
    start("first", jobs=[slow, Job("quick", 0.01, lambda _database: turns.release())])
    for _ in range(20):
        assert turns.acquire(timeout=10)
    over.set()
    assert [record.message for record in caplog.records if record.name.startswith("apscheduler")] == []


def test_it_outlives_a_database_that_fails_and_a_mistake_of_its_own(
    world: World, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.check(1)
    told: list[str] = []
    monkeypatch.setattr(threading, "excepthook", lambda args: told.append(args.exc_type.__name__))
    real = Ticker.tick
    failures = iter([OperationalError("SELECT 1", {}, Exception("gone")), ZeroDivisionError("a mistake")])

    def tick(ticker: Ticker) -> None:
        for failure in failures:
            raise failure
        real(ticker)

    monkeypatch.setattr(Ticker, "tick", tick)
    scheduler = start("one")
    _until(lambda: len(world.dispatched()) > 2, "dispatches all the same")
    assert scheduler.alive()
    assert scheduler.figures.failures == 2
    assert told == ["ZeroDivisionError"]
