"""What nobody runs ends with its reason, and a dead probe's work is given to others."""

from __future__ import annotations

import pytest

from model.ids import new_id, slot_run_id
from model.protocol import LEASE_MS, LeaseRequest
from scheduler.ticker import Ticker
from store.claims import claim
from store.dispatches import LONGEST_QUEUE_MS, OVERDUE_MS, NewDispatch, add_dispatches
from store.open_dispatches import Holder
from store.service_clock import beat
from store.sessions import EVERY_ORGANIZATION, Database
from store.tables import Dispatch, Probe, ProbeInstance, Run
from store.write_lock import Urgency
from tests.scheduler.asked import close_and_rescue
from tests.scheduler.world import World


def _serve(world: World, seconds: float) -> None:
    """Time passes while the API serves."""
    for _ in range(max(1, round(seconds))):
        world.clock.advance(round(seconds * 1000) if seconds < 1 else 1_000)
        with world.database.write(EVERY_ORGANIZATION, Urgency.RESULTS) as session:
            beat(session, world.clock.now_ms)


def _dispatch(
    world: World,
    check: str,
    *,
    limit_ms: int = 10_000,
    trigger: str = "schedule",
    kind: str = "network",
    location: str = "eu",
) -> tuple[str, str]:
    """One run due now, in a dispatch of its own; (dispatch id, run id)."""
    due = world.clock.now_ms
    run_id = slot_run_id(check, location, due) if trigger == "schedule" else new_id("run", due)
    planned = [(run_id, check, due, due + limit_ms, trigger)]
    with world.database.write(EVERY_ORGANIZATION, Urgency.RESULTS) as session:
        if trigger != "schedule":
            session.add(
                Run(
                    id=run_id, organization_id=world.organization, check_id=check, check_version=1, location=location,
                    at_ms=due, trigger=trigger, status="queued", degraded=False, maintenance=False,
                )
            )  # fmt: skip
            session.flush()
        add_dispatches(session, [NewDispatch(world.organization, location, kind, planned)], due)
    return next(each.id for each in world.dispatches() if each.runs[0][0] == run_id), run_id


def _ends(world: World) -> list[tuple[str, str | None]]:
    return [(run.status, run.error_code) for run in world.runs()]


@pytest.fixture(autouse=True)
def serving(world: World) -> None:
    _serve(world, 10)


def test_where_no_probe_was_ever_registered_it_is_unknown(world: World, database: Database) -> None:
    _dispatch(world, world.check(10, from_ms=world.clock.now_ms - 1))
    _serve(world, 9)
    assert close_and_rescue(database) == 0
    _serve(world, 1)
    assert close_and_rescue(database) == 1
    assert _ends(world) == [("unknown", "no_probe")]
    assert world.dispatches()[0].closed_ms == world.clock.now_ms


def test_where_all_probes_are_offline_it_is_missed(world: World, database: Database) -> None:
    world.probe()
    world.probe("us", lease_ms=60_000)
    _dispatch(world, world.check(10, from_ms=world.clock.now_ms - 1))
    _serve(world, 10)
    close_and_rescue(database)
    assert _ends(world) == [("missed", "probe_offline")]


def test_where_a_probe_was_there_but_took_nothing_it_is_unknown(world: World, database: Database) -> None:
    world.probe(lease_ms=60_000)
    _dispatch(world, world.check(10, from_ms=world.clock.now_ms - 1))
    _serve(world, 10)
    close_and_rescue(database)
    assert _ends(world) == [("unknown", "no_probe")]


def test_a_probe_without_a_browser_is_no_probe_for_journeys(world: World, database: Database) -> None:
    check = world.check(10, kind="browser", from_ms=world.clock.now_ms - 1)
    world.probe(lease_ms=60_000)
    _dispatch(world, check, kind="browser")
    _serve(world, 10)
    close_and_rescue(database)
    world.probe(lease_ms=1_000, capabilities=("network", "browser"))
    _serve(world, 5)
    _dispatch(world, check, kind="browser")
    _serve(world, 10)
    close_and_rescue(database)
    assert _ends(world) == [("unknown", "no_probe"), ("missed", "probe_offline")]


def _queue_behind_another(world: World) -> tuple[str, str]:
    """A journey asked for at a location whose only browser walks another; (dispatch id, run id)."""
    check = world.check(10, kind="browser", from_ms=world.clock.now_ms - 1, budget_ms=36_000_000)
    instance = world.probe(lease_ms=36_000_000, capabilities=("network", "browser"))
    walking, _ = _dispatch(world, check, kind="browser", trigger="ci", limit_ms=60_000)
    world.lease(walking, instance)
    world.clock.advance(1)
    return _dispatch(world, check, kind="browser", trigger="ci", limit_ms=60_000)


def test_a_journey_asked_for_waits_while_the_browsers_there_walk_others(world: World, database: Database) -> None:
    dispatch_id, run_id = _queue_behind_another(world)
    for _ in range(3):
        _serve(world, 60)
        close_and_rescue(database)
    assert next(run.status for run in world.runs() if run.id == run_id) == "queued"
    with database.write(EVERY_ORGANIZATION, Urgency.RESULTS) as session:
        other = Holder(world.organization, session.query(Probe).one().id, "eu")
        request = LeaseRequest(1, "two", "1", ["url"], ["browser"], capacity=0, browser_capacity=1, by_hand_capacity=1)
        assert [claimed.dispatch_id for claimed in claim(session, other, request, world.clock.now_ms)] == [dispatch_id]


def test_nothing_waits_for_ever_behind_others(world: World, database: Database) -> None:
    _, run_id = _queue_behind_another(world)
    for _ in range(LONGEST_QUEUE_MS // 60_000 + 1):
        _serve(world, 60)
        close_and_rescue(database)
    run = next(run for run in world.runs() if run.id == run_id)
    assert (run.status, run.error_code) == ("unknown", "no_probe")
    assert "every browser at eu was busy" in (run.error_message or "")


def test_what_was_due_while_the_api_was_away_says_so(world: World, database: Database) -> None:
    world.probe(lease_ms=60_000)
    check = world.check(10, from_ms=world.clock.now_ms - 1)
    _dispatch(world, check)
    world.clock.advance(12_000)
    close_and_rescue(database)
    world.clock.advance(2_000)
    _dispatch(world, check)
    _serve(world, 11)
    close_and_rescue(database)
    assert _ends(world) == [("missed", "api_unreachable")] * 2


def test_an_api_that_died_a_moment_ago_is_not_taken_for_one_that_serves(world: World, database: Database) -> None:
    world.probe(lease_ms=60_000)
    check = world.check(10, from_ms=world.clock.now_ms - 1)
    _dispatch(world, check)
    _serve(world, 9)
    world.clock.advance(1_500)
    assert close_and_rescue(database) == 0, "it may have died right after it was last seen"
    world.clock.advance(2_000)
    close_and_rescue(database)
    assert _ends(world) == [("missed", "api_unreachable")]


def test_right_after_the_apis_return_probes_that_were_there_are_not_blamed(world: World, database: Database) -> None:
    check = world.check(10, locations=("eu", "us"), from_ms=world.clock.now_ms - 1)
    world.probe(lease_ms=LEASE_MS)
    world.clock.advance(5_000)
    _serve(world, 1)
    _dispatch(world, check)
    _dispatch(world, check, location="us")
    _serve(world, 10)
    close_and_rescue(database)
    assert sorted((run.location, run.error_code) for run in world.runs()) == [
        ("eu", "api_unreachable"),
        ("us", "no_probe"),
    ]


@pytest.mark.parametrize("handed_back", [False, True])
def test_what_waited_for_a_restart_however_quick_blames_no_probe(
    world: World, database: Database, handed_back: bool
) -> None:
    check = world.check(1, from_ms=world.clock.now_ms - 1)
    instance = world.probe(lease_ms=60_000)
    dispatch_id, _ = _dispatch(world, check, limit_ms=1_000)
    if handed_back:
        world.lease(dispatch_id, instance)
        with database.write(EVERY_ORGANIZATION, Urgency.RESULTS) as session:
            session.get_one(Dispatch, dispatch_id).instance_id = None
    world.clock.advance(1_400)
    with database.write(EVERY_ORGANIZATION, Urgency.RESULTS) as session:
        beat(session, world.clock.now_ms, returned=True)
    close_and_rescue(database)
    assert _ends(world) == [("missed", "api_unreachable")]


@pytest.mark.parametrize("away_ms", [0, 20_000])
def test_a_run_asked_for_by_hand_says_the_same_whatever_the_api_did(
    world: World, database: Database, away_ms: int
) -> None:
    _dispatch(world, world.check(10), limit_ms=60_000, trigger="manual")
    world.clock.advance(away_ms)
    _serve(world, 60)
    close_and_rescue(database)
    assert _ends(world) == [("unknown", "no_probe")]


def test_a_run_asked_for_by_hand_that_nobody_takes_is_unknown(world: World, database: Database) -> None:
    world.probe()
    _, run_id = _dispatch(world, world.check(10), limit_ms=60_000, trigger="manual")
    _serve(world, 60)
    close_and_rescue(database)
    assert [(run.id, run.status, run.error_code) for run in world.runs()] == [(run_id, "unknown", "no_probe")]


def test_a_check_paused_or_deleted_before_the_slot_was_due_cancels_it(world: World, database: Database) -> None:
    paused, deleted = world.check(10), world.check(10)
    world.edit(paused, None, world.clock.now_ms)
    world.edit(deleted, None, world.clock.now_ms, deleted=True)
    world.clock.advance(500)
    _dispatch(world, paused)
    _dispatch(world, deleted)
    _dispatch(world, paused, trigger="manual", limit_ms=10_001)
    _serve(world, 11)
    close_and_rescue(database)
    ends = {(run.check_id, run.trigger): run.status for run in world.runs()}
    assert ends == {
        (paused, "schedule"): "cancelled",
        (deleted, "schedule"): "cancelled",
        (paused, "manual"): "unknown",
    }
    assert all(dispatch.closed_ms for dispatch in world.dispatches())


def test_a_dead_probes_runs_are_open_again_within_ten_seconds_of_its_death(world: World, database: Database) -> None:
    check = world.check(10, from_ms=world.clock.now_ms - 1)
    dispatch_id, _ = _dispatch(world, check)
    asked_id, asked = _dispatch(world, world.check(10), trigger="manual", limit_ms=60_000)
    instance = world.probe(lease_ms=LEASE_MS)
    token = world.lease(dispatch_id, instance)
    world.lease(asked_id, instance)
    with database.write(EVERY_ORGANIZATION, Urgency.RESULTS) as session:
        session.get_one(Run, asked).status = "running"
    woken: list[str] = []
    database.wakeups.subscribe(f"lease:{world.organization}", lambda: woken.append("lease"))
    died = world.clock.now_ms
    while any(dispatch.instance_id for dispatch in world.dispatches()):
        _serve(world, 0.5)
        close_and_rescue(database)
        assert world.clock.now_ms - died <= 8_000
    reopened = {dispatch.id: dispatch for dispatch in world.dispatches()}
    assert reopened[dispatch_id].token == token, "the last holder's result counts until somebody else leases it"
    assert reopened[dispatch_id].last_limit_ms == reopened[dispatch_id].runs[0][2] + 10_000
    assert [run.status for run in world.runs()] == ["queued"]
    if database.sqlite:
        assert woken


def test_of_what_a_dead_probe_held_only_the_newest_slot_of_a_check_is_run_again(
    world: World, database: Database
) -> None:
    check = world.check(5, from_ms=world.clock.now_ms - 1, budget_ms=120_000)
    instance = world.probe(lease_ms=13_000)
    lost = []
    for seconds in (5, 5, 4):
        dispatch_id, run_id = _dispatch(world, check, limit_ms=5_000)
        world.lease(dispatch_id, instance)
        lost.append((dispatch_id, run_id))
        _serve(world, seconds)
    close_and_rescue(database)
    assert [(run.id, run.status, run.error_code) for run in world.runs()] == [
        (run_id, "unknown", "probe_lost") for _, run_id in lost[:2]
    ], "at once, not a minute later"
    assert [dispatch.id for dispatch in world.dispatches() if dispatch.closed_ms is None] == [lost[2][0]]
    with database.write(EVERY_ORGANIZATION, Urgency.RESULTS) as session:
        other = Holder(world.organization, session.query(Probe).one().id, "eu")
        request = LeaseRequest(1, "two", "1", ["url"], ["network"], capacity=9)
        (claimed,) = claim(session, other, request, world.clock.now_ms)
    assert [planned[0] for planned in claimed.runs] == [lost[2][1]]


def test_a_lost_run_that_nobody_takes_within_its_interval_is_unknown(world: World, database: Database) -> None:
    dispatch_id, _ = _dispatch(world, world.check(10, from_ms=world.clock.now_ms - 1))
    world.lease(dispatch_id, world.probe(lease_ms=LEASE_MS))
    for _ in range(9):
        _serve(world, 1)
        close_and_rescue(database)
    assert world.runs() == []
    _serve(world, 1)
    close_and_rescue(database)
    assert _ends(world) == [("unknown", "probe_lost")]


def test_lease_time_counts_only_while_the_api_serves(world: World, database: Database) -> None:
    check = world.check(10, from_ms=world.clock.now_ms - 1)
    dispatch_id, _ = _dispatch(world, check)
    world.lease(dispatch_id, world.probe(lease_ms=LEASE_MS))
    gone = world.probe("us", lease_ms=-1)
    for _ in range(120):
        world.clock.advance(1_000)
        close_and_rescue(database)
    assert world.dispatches()[0].instance_id is not None
    _serve(world, 1)
    close_and_rescue(database)
    assert world.dispatches()[0].instance_id is not None, "the return gives a fresh lease"
    assert world.runs() == []
    with database.read(EVERY_ORGANIZATION) as session:
        until_ms = session.get_one(ProbeInstance, gone).lease_until_ms
    assert until_ms < world.clock.now_ms, "but not to an instance that was dead before"
    _serve(world, LEASE_MS / 1000 + 1)
    close_and_rescue(database)
    assert world.dispatches()[0].instance_id is None


def test_a_result_that_never_comes_from_a_probe_that_lives_is_given_up(world: World, database: Database) -> None:
    check = world.check(10, budget_ms=30_000, from_ms=world.clock.now_ms - 1)
    dispatch_id, _ = _dispatch(world, check)
    world.lease(dispatch_id, world.probe(lease_ms=600_000))
    _serve(world, (30_000 + OVERDUE_MS) / 1000 - 1)
    close_and_rescue(database)
    assert world.runs() == []
    _serve(world, 1)
    close_and_rescue(database)
    assert _ends(world) == [("unknown", "probe_lost")]
    assert world.dispatches()[0].closed_ms is not None


def test_a_location_that_never_has_a_probe_costs_no_row_a_slot(world: World, database: Database) -> None:
    check = world.check(1)
    ticker = Ticker(database, "one")
    start = world.clock.now_ms
    for _ in range(150):
        ticker.tick()
        _serve(world, 1)
        close_and_rescue(database)
    runs, gaps = world.runs(), world.gaps()
    assert len(runs) <= 100
    assert len(gaps) == 1
    assert gaps[0].slots + len(runs) == world.scalar("SELECT sum(planned) FROM rollups_day")
    assert gaps[0].slots + len(runs) >= (world.clock.now_ms - start) // 1_000 - 3
    assert {run.check_id for run in runs} == {check}


def test_the_runs_of_a_check_that_is_gone_for_good_close_their_dispatch(world: World, database: Database) -> None:
    check = world.check(10)
    _dispatch(world, check)
    with database.engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM checks")
    _serve(world, 11)
    close_and_rescue(database)
    assert world.dispatches()[0].closed_ms is not None
    assert close_and_rescue(database) == 0
