"""While no scheduler works, an API says so and sends the outbox in its place."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from api.scheduler_watch import OUTBOX_ROLE, SchedulerWatch
from model.settings import Settings
from store.roles import hold_roles
from store.service_clock import beat
from store.sessions import EVERY_ORGANIZATION, Database
from store.tables import Shard
from store.write_lock import Urgency
from tests.alerts.noticing import Owners
from tests.conftest import Clock


class FakeSender:
    """Says what became of it, and minds being started twice."""

    running = 0

    def __init__(self, may: Callable[[], bool]) -> None:
        assert may()

    def start(self) -> None:
        assert FakeSender.running == 0
        FakeSender.running += 1

    def stop(self) -> None:
        FakeSender.running -= 1


@pytest.fixture(autouse=True)
def none_running(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FakeSender, "running", 0)


def watch(database: Database, identity: str = "api-1") -> SchedulerWatch:
    return SchedulerWatch(database, Settings(), identity, FakeSender)


def schedule(database: Database, checkpoint_ms: int) -> None:
    with database.write(EVERY_ORGANIZATION, Urgency.RESULTS) as session:
        session.query(Shard).update({"checkpoint_ms": checkpoint_ms})


def take_role(database: Database, owner: str, now_ms: int) -> bool:
    with database.write(EVERY_ORGANIZATION, Urgency.RESULTS) as session:
        return bool(hold_roles(session, [OUTBOX_ROLE], owner, now_ms))


def test_it_sends_only_while_no_scheduler_works(database: Database, clock: Clock) -> None:
    api = watch(database)
    schedule(database, clock.now_ms)
    api.stand_in()
    assert FakeSender.running == 0
    clock.advance(10_001)
    for _ in range(5):
        api.stand_in()
        assert FakeSender.running == 1
        assert not take_role(database, "scheduler", clock.now_ms)
        clock.advance(1_000)
    schedule(database, clock.now_ms)
    api.stand_in()
    assert FakeSender.running == 0
    assert take_role(database, "scheduler", clock.now_ms), "the role is free at once"


def test_of_two_apis_one_sends(database: Database, clock: Clock) -> None:
    first, second = watch(database, "api-1"), watch(database, "api-2")
    for _ in range(3):
        first.stand_in()
        second.stand_in()
        assert FakeSender.running == 1
        clock.advance(1_000)
    clock.advance(3_000)
    assert take_role(database, "api-3", clock.now_ms)
    first.stand_in()
    assert FakeSender.running == 0, "who was away too long has lost the role"


def test_a_thread_of_its_own_gives_everything_back_when_it_is_stopped(database: Database, clock: Clock) -> None:
    api = watch(database)
    api.start()
    api.stand_in()
    api.stop()
    assert FakeSender.running == 0
    assert take_role(database, "scheduler", clock.now_ms)


def test_it_says_that_the_scheduler_has_stopped(database: Database, clock: Clock, organization: str) -> None:
    owners = Owners(database, clock, organization)
    owners.channel()
    api = watch(database)
    schedule(database, clock.now_ms)
    for _ in range(16):
        with database.write(EVERY_ORGANIZATION, Urgency.RESULTS) as session:
            beat(session, clock.now_ms)
        api.look()
        clock.advance(2_500)
    assert owners.told() == [("scheduler_stopped", "open")]
