"""Dispatches: stored with their limits, found when they are past them, counted while they wait."""

from __future__ import annotations

from store.dispatches import (
    OVERDUE_MS,
    NewDispatch,
    PlannedRun,
    add_dispatches,
    close_dispatches,
    leased_past_limit,
    places,
    queue_depth,
    reopen_lost,
    unclaimed_past_limit,
)
from store.sessions import EVERY_ORGANIZATION, Database
from store.tables import Dispatch, Probe, ProbeInstance
from store.write_lock import Urgency
from tests.conftest import Clock


def _runs(due_ms: int, count: int, late_ms: int = 10_000) -> list[PlannedRun]:
    return [
        (f"run_{number:06d}", f"mon_{number:06d}", due_ms + number, due_ms + number + late_ms, "schedule")
        for number in range(count)
    ]


def _instance(database: Database, organization: str, now_ms: int, lease_ms: int, name: str = "ins_1") -> None:
    with database.write(EVERY_ORGANIZATION, Urgency.PEOPLE) as session:
        session.add(
            Probe(id=f"prb_{name}", organization_id=organization, name=name, location="eu", key_hash=name, hint="",
                  created_ms=now_ms)
        )  # fmt: skip
        session.flush()
        session.add(
            ProbeInstance(
                id=name, organization_id=organization, probe_id=f"prb_{name}", location="eu",
                lease_until_ms=now_ms + lease_ms, started_ms=now_ms, seen_ms=now_ms, version="1",
                capabilities=["network"], types=[], running=0, spool=0, self_check="off", stopping=False,
            )
        )  # fmt: skip


def _lease(database: Database, dispatch_id: str, instance: str) -> None:
    with database.write(EVERY_ORGANIZATION, Urgency.RESULTS) as session:
        dispatch = session.get_one(Dispatch, dispatch_id)
        dispatch.instance_id, dispatch.token = instance, dispatch.token + 1


def test_a_dispatch_keeps_its_runs_and_the_limits_of_the_first_and_the_last(
    database: Database, clock: Clock, organization: str
) -> None:
    with database.write(EVERY_ORGANIZATION, Urgency.RESULTS) as session:
        add_dispatches(session, [NewDispatch(organization, "eu", "network", _runs(clock.now_ms, 3))], clock.now_ms)
        add_dispatches(session, [], clock.now_ms)
        assert unclaimed_past_limit(session, clock.now_ms + 10_001, 9) == []
        (found,) = unclaimed_past_limit(session, clock.now_ms + 10_002, 9)
        assert found.runs == _runs(clock.now_ms, 3)
        assert (found.location, found.kind, found.token) == ("eu", "network", 0)
        close_dispatches(session, [found.id], clock.now_ms)
        assert unclaimed_past_limit(session, clock.now_ms + 10_002, 9) == []
    with database.read(EVERY_ORGANIZATION) as session:
        stored = session.query(Dispatch).one()
    assert (stored.first_limit_ms, stored.last_limit_ms) == (clock.now_ms + 10_000, clock.now_ms + 10_002)
    assert (stored.priority, stored.finished, stored.closed_ms) == (1, 0, clock.now_ms)


def test_only_what_a_dead_instance_holds_is_opened_again(database: Database, clock: Clock, organization: str) -> None:
    _instance(database, organization, clock.now_ms, 5_000, "ins_dead")
    _instance(database, organization, clock.now_ms, 50_000, "ins_alive")
    with database.write(EVERY_ORGANIZATION, Urgency.RESULTS) as session:
        for _ in range(4):
            add_dispatches(session, [NewDispatch(organization, "eu", "network", _runs(clock.now_ms, 2))], clock.now_ms)
    ids = _ids(database)
    for dispatch_id, instance in zip(ids, ("ins_dead", "ins_alive", "ins_never_seen"), strict=False):
        _lease(database, dispatch_id, instance)
    with database.write(EVERY_ORGANIZATION, Urgency.RESULTS) as session:
        reopened = reopen_lost(session, clock.now_ms + 5_001, 9)
    assert {dispatch.id for dispatch in reopened} == {ids[0], ids[2]}
    with database.read(EVERY_ORGANIZATION) as session:
        stored = {dispatch.id: dispatch for dispatch in session.query(Dispatch)}
    assert stored[ids[0]].instance_id is None
    assert stored[ids[0]].token == 1
    assert stored[ids[0]].last_limit_ms == clock.now_ms + 10_001, "a slot grows no younger by its probe's death"
    assert stored[ids[1]].instance_id == "ins_alive"


def test_leased_work_is_looked_at_once_it_may_be_overdue(database: Database, clock: Clock, organization: str) -> None:
    with database.write(EVERY_ORGANIZATION, Urgency.RESULTS) as session:
        add_dispatches(session, [NewDispatch(organization, "eu", "network", _runs(clock.now_ms, 1))], clock.now_ms)
    _lease(database, _ids(database)[0], "ins_1")
    with database.read(EVERY_ORGANIZATION) as session:
        assert leased_past_limit(session, clock.now_ms + 10_000 + OVERDUE_MS - 1) == []
        assert len(leased_past_limit(session, clock.now_ms + 10_000 + OVERDUE_MS)) == 1


def test_the_queue_is_what_waits_for_a_probe(database: Database, clock: Clock, organization: str) -> None:
    with database.write(EVERY_ORGANIZATION, Urgency.RESULTS) as session:
        for location, count in (("eu", 3), ("eu", 2), ("us", 1)):
            new = NewDispatch(organization, location, "network", _runs(clock.now_ms, count))
            add_dispatches(session, [new], clock.now_ms)
        assert queue_depth(session) == {("eu", "network"): 5, ("us", "network"): 1}
    _lease(database, _ids(database)[0], "ins_1")
    with database.write(EVERY_ORGANIZATION, Urgency.RESULTS) as session:
        assert sum(queue_depth(session).values()) < 6
        close_dispatches(session, _ids(database), clock.now_ms)
        assert queue_depth(session) == {}


def test_an_instance_was_there_if_it_had_begun_and_its_lease_had_not_run_out(
    database: Database, clock: Clock, organization: str
) -> None:
    now = clock.now_ms
    _instance(database, organization, now, 5_000)
    place = (organization, "eu")
    with database.read(EVERY_ORGANIZATION) as session:
        found = places(session, {place, (organization, "us")}, now - 1_000)
    assert found.able(*place, "network")
    assert not found.able(*place, "browser")
    assert not found.able(organization, "us", "network")
    assert found.online(place, "network", now + 4_000, now + 9_000)
    assert not found.online(place, "network", now + 5_001, now + 9_000)
    assert not found.online(place, "network", now - 9_000, now - 1)
    assert not found.online(place, "browser", now, now)


def _ids(database: Database) -> list[str]:
    with database.read(EVERY_ORGANIZATION) as session:
        return sorted(row[0] for row in session.query(Dispatch.id))
