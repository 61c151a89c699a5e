"""Leases: what an instance is given, keeps, gives back and loses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from sqlalchemy import select, update

from model.protocol import LEASE_MS, LeaseRequest, ReleasedRuns
from store.audit import UNAUDITED
from store.changes import append_change, newest_change
from store.claims import Claimed, anything_to_claim, claim
from store.dispatches import NewDispatch, PlannedRun, add_dispatches, reopen_lost
from store.fencing import fenced_dispatches
from store.leases import Revoked, end_lease_of, give_back, lost_with_an_answer, renew_instance, revoked
from store.open_dispatches import Holder
from store.sessions import EVERY_ORGANIZATION, Database
from store.tables import Check, Dispatch, Probe, ProbeInstance, Run
from store.write_lock import Urgency
from tests.alerts.recording import add_check
from tests.conftest import Clock


class Place:
    """A location with two probes, and checks whose runs wait there."""

    def __init__(self, database: Database, organization: str, clock: Clock) -> None:
        self.database, self.organization, self.clock = database, organization, clock
        self.holder = self.probe("prb_1", "local")
        self.other = self.probe("prb_2", "local")
        self.check = add_check(database, organization)
        self._made = 0

    def probe(self, probe_id: str, location: str) -> Holder:
        with self.database.write(EVERY_ORGANIZATION, Urgency.PEOPLE) as session:
            session.add(
                Probe(
                    id=probe_id, organization_id=self.organization, name=probe_id, location=location,
                    key_hash=probe_id, hint="", created_ms=0,
                )
            )  # fmt: skip
        return Holder(self.organization, probe_id, location)

    def run(self, due_in_ms: int = 1000, *, check: str | None = None, trigger: str = "schedule") -> PlannedRun:
        self._made += 1
        due = self.clock.now_ms + due_in_ms
        return (f"run_{self._made:04}", check or self.check, due, due + 10_000, trigger)

    def dispatch(self, runs: Sequence[PlannedRun] | int = 1, **facts: Any) -> list[PlannedRun]:
        """Store a dispatch; its runs."""
        planned = [self.run() for _ in range(runs)] if isinstance(runs, int) else list(runs)
        kind = facts.pop("kind", "network")
        new = NewDispatch(self.organization, facts.pop("location", "local"), kind, planned, **facts)
        with self.database.write(EVERY_ORGANIZATION, Urgency.RESULTS) as session:
            add_dispatches(session, [new], self.clock.now_ms)
        self.clock.advance(1)
        return planned

    def request(self, instance: str = "one", **facts: Any) -> LeaseRequest:
        wanted = {"types": ["url"], "capabilities": ["network"], "capacity": 100, "version": "1", **facts}
        return LeaseRequest(protocol=1, instance=instance, **wanted)

    def lease(self, instance: str = "one", holder: Holder | None = None, **facts: Any) -> list[Claimed]:
        request = self.request(instance, **facts)
        with self.database.write(EVERY_ORGANIZATION, Urgency.RESULTS) as session:
            assert renew_instance(session, holder or self.holder, request, self.clock.now_ms)
            again = lost_with_an_answer(session, holder or self.holder, request)
            return again + claim(session, holder or self.holder, request, self.clock.now_ms)

    def give_back(self, released: list[ReleasedRuns], instance: str = "one") -> None:
        with self.database.write(EVERY_ORGANIZATION, Urgency.RESULTS) as session:
            give_back(session, self.holder, instance, released, self.clock.now_ms)

    def rescue(self) -> int:
        with self.database.write(EVERY_ORGANIZATION, Urgency.RESULTS) as session:
            return len(reopen_lost(session, self.clock.now_ms, 100))

    def rows(self) -> list[Dispatch]:
        with self.database.read(EVERY_ORGANIZATION) as session:
            return list(session.scalars(select(Dispatch).order_by(Dispatch.created_ms, Dispatch.id)))

    def end_run(self, planned: PlannedRun, status: str = "success") -> None:
        with self.database.write(EVERY_ORGANIZATION, Urgency.RESULTS) as session:
            session.add(
                Run(
                    id=planned[0], organization_id=self.organization, check_id=planned[1], check_version=1,
                    location="local", at_ms=planned[2], trigger=planned[4], status=status,
                )
            )  # fmt: skip


@pytest.fixture
def place(database: Database, organization: str, clock: Clock) -> Place:
    return Place(database, organization, clock)


def ids(claimed: Sequence[Claimed]) -> list[list[str]]:
    return [[planned[0] for planned in one.runs] for one in claimed]


def test_what_was_asked_for_by_hand_goes_before_older_scheduled_runs(place: Place) -> None:
    scheduled = place.dispatch(1)
    asked = place.dispatch([place.run(trigger="manual")], priority=0)
    assert ids(place.lease()) == [[asked[0][0]], [scheduled[0][0]]]


def test_a_dispatch_is_leased_once(place: Place) -> None:
    place.dispatch(3)
    first = place.lease("one")
    assert [(len(one.runs), one.token) for one in first] == [(3, 1)]
    assert place.lease("two", place.other) == []


def test_a_run_asked_for_by_hand_is_running_once_leased(place: Place, database: Database) -> None:
    planned = place.run(trigger="manual")
    place.end_run(planned, "queued")
    place.dispatch([planned], priority=0)
    place.lease()
    with database.read(EVERY_ORGANIZATION) as session:
        assert session.get_one(Run, planned[0]).status == "running"


def test_other_locations_and_organizations_are_not_served(
    place: Place, make_organization: Any, database: Database, clock: Clock
) -> None:
    place.dispatch(1, location="eu-west")
    stranger = Place.__new__(Place)
    stranger.__dict__.update(place.__dict__, organization=make_organization("Other"))
    elsewhere = stranger.probe("prb_3", "local")
    place.dispatch(1)
    assert place.lease("three", elsewhere) == []
    assert len(place.lease()) == 1


def test_capacity_cuts_a_dispatch_and_leaves_the_rest_to_others(place: Place) -> None:
    planned = place.dispatch(5)
    assert ids(place.lease("one", capacity=2)) == [[run[0] for run in planned[:2]]]
    assert ids(place.lease("two", place.other, capacity=100)) == [[run[0] for run in planned[2:]]]
    assert [(len(row.runs), row.token) for row in place.rows()] == [(2, 1), (3, 1)]


def test_no_capacity_takes_nothing(place: Place) -> None:
    place.dispatch(1)
    assert place.lease(capacity=0) == []


BOTH = {"capabilities": ["network", "browser"]}


def test_journeys_are_counted_apart_from_network_checks(place: Place) -> None:
    network, journeys = place.dispatch(3), place.dispatch(3, kind="browser")
    full = place.lease("one", capacity=0, browser_capacity=2, by_hand_capacity=1, **BOTH)
    assert ids(full) == [[run[0] for run in journeys[:2]]]
    assert ids(place.lease("two", place.other, browser_capacity=0, **BOTH)) == [[run[0] for run in network]]


def test_without_a_browser_no_journey_is_leased(place: Place) -> None:
    place.dispatch(1, kind="browser")
    assert place.lease(browser_capacity=5) == []


def test_what_people_ask_for_leaves_browsers_to_the_schedule(place: Place) -> None:
    planned = place.dispatch(2, kind="browser")
    asked = place.dispatch([place.run(trigger="manual") for _ in range(3)], kind="browser", priority=0)
    taken = ids(place.lease(browser_capacity=4, by_hand_capacity=2, **BOTH))
    assert sorted(run for runs in taken for run in runs) == sorted(run[0] for run in [*asked[:2], *planned])


def test_only_types_that_the_probe_knows_are_leased(place: Place, database: Database, organization: str) -> None:
    tcp = add_check(database, organization)
    with database.write(EVERY_ORGANIZATION, Urgency.PEOPLE) as session:
        session.execute(update(Check).where(Check.id == tcp).values(type="tcp"), execution_options={UNAUDITED: True})
    url_run, tcp_run = place.run(), place.run(check=tcp)
    place.dispatch([url_run, tcp_run])
    assert ids(place.lease("one", types=["url"])) == [[url_run[0]]]
    assert place.lease("one", types=["url"], holding=[place.rows()[0].id]) == []
    assert ids(place.lease("two", place.other, types=["tcp"])) == [[tcp_run[0]]]


def test_many_dispatches_of_an_unknown_type_do_not_hide_one_of_a_known_type(
    place: Place, database: Database, organization: str
) -> None:
    tcp = add_check(database, organization)
    with database.write(EVERY_ORGANIZATION, Urgency.PEOPLE) as session:
        session.execute(update(Check).where(Check.id == tcp).values(type="tcp"), execution_options={UNAUDITED: True})
        add_dispatches(
            session,
            [NewDispatch(organization, "local", "network", [place.run(check=tcp)]) for _ in range(120)],
            place.clock.now_ms,
        )
    place.clock.advance(1)
    known = place.dispatch(1)
    assert ids(place.lease()) == [[known[0][0]]]


def test_a_browser_run_needs_the_capability(place: Place, database: Database, organization: str) -> None:
    place.dispatch(1)
    with database.write(EVERY_ORGANIZATION, Urgency.PEOPLE) as session:
        session.execute(update(Dispatch).values(kind="browser"))
    assert place.lease(capabilities=["network"]) == []
    assert len(place.lease(capabilities=["network", "browser"], browser_capacity=1)) == 1


def test_runs_that_ended_are_not_leased_again(place: Place) -> None:
    planned = place.dispatch(3)
    place.end_run(planned[1], "missed")
    assert ids(place.lease()) == [[planned[0][0], planned[2][0]]]


def test_a_slot_past_its_limit_is_left_to_be_closed(place: Place, clock: Clock) -> None:
    late, good = place.run(-10_001), place.run(1000)
    place.dispatch([late, good])
    assert ids(place.lease()) == [[good[0]]]
    left = place.rows()[1]
    assert (left.runs[0][0], left.instance_id, left.token, left.last_limit_ms) == (late[0], None, 0, late[3])
    assert place.lease(holding=[place.rows()[0].id]) == []


def test_scheduled_runs_of_a_paused_check_are_cancelled_and_asked_for_ones_are_run(
    place: Place, database: Database
) -> None:
    scheduled, asked = place.run(), place.run(trigger="manual")
    place.dispatch([scheduled, asked])
    with database.write(EVERY_ORGANIZATION, Urgency.PEOPLE) as session:
        session.execute(
            update(Check).where(Check.id == place.check).values(status="paused"), execution_options={UNAUDITED: True}
        )
    claimed = place.lease()
    assert ids(claimed) == [[asked[0]]]
    assert [planned[0] for planned in claimed[0].cancelled] == [scheduled[0]]


def test_every_run_of_a_deleted_check_is_cancelled(place: Place, database: Database) -> None:
    place.dispatch([place.run(), place.run(trigger="manual")])
    with database.write(EVERY_ORGANIZATION, Urgency.PEOPLE) as session:
        session.execute(
            update(Check).where(Check.id == place.check).values(deleted_ms=1), execution_options={UNAUDITED: True}
        )
    (claimed,) = place.lease()
    assert (claimed.runs, len(claimed.cancelled)) == ([], 2)


def test_a_renewed_instance_keeps_its_lease_and_one_that_is_silent_loses_it(place: Place, clock: Clock) -> None:
    place.dispatch(1)
    place.lease("one")
    held = [row.id for row in place.rows()]
    clock.advance(LEASE_MS - 1)
    place.lease("one", holding=held)
    clock.advance(LEASE_MS)
    assert place.rescue() == 0
    clock.advance(1)
    assert place.rescue() == 1


def test_a_rescued_dispatch_is_leased_whole_under_a_higher_token(place: Place, clock: Clock) -> None:
    planned = place.dispatch(3)
    place.lease("one")
    place.end_run(planned[0])
    clock.advance(LEASE_MS + 1)
    place.rescue()
    (claimed,) = place.lease("two", place.other, capacity=1)
    assert (claimed.token, ids([claimed])) == (2, [[planned[1][0], planned[2][0]]])


def test_a_rescued_run_is_leased_as_late_as_any_other_and_no_later(place: Place, clock: Clock) -> None:
    planned = place.dispatch(1)
    place.lease("one")
    clock.advance(LEASE_MS + 1)
    place.rescue()
    clock.now_ms = planned[0][3] + 1
    assert place.lease("two", place.other) == []
    clock.now_ms -= 1
    assert ids(place.lease("two", place.other)) == [[planned[0][0]]]


def test_what_an_instance_says_it_holds_is_not_leased_to_it_again(place: Place, clock: Clock) -> None:
    place.dispatch(1)
    (claimed,) = place.lease("one")
    clock.advance(LEASE_MS + 1)
    place.rescue()
    assert place.lease("one", holding=[claimed.dispatch_id]) == []
    assert place.rows()[0].token == 1


def test_an_answer_that_was_lost_is_sent_again_under_the_same_token(place: Place) -> None:
    planned = place.dispatch(2)
    place.lease("one")
    place.end_run(planned[0])
    again = place.lease("one", holding=[])
    assert [(one.token, ids([one])) for one in again] == [(1, [[planned[1][0]]])]
    assert place.lease("one", holding=[again[0].dispatch_id]) == []


def test_what_a_stopping_instance_never_got_is_open_to_others_at_once(place: Place) -> None:
    place.dispatch(2)
    place.lease("one")
    assert place.lease("one", holding=[], stopping=True) == []
    assert len(place.lease("two", place.other)) == 1


def test_a_stopping_instance_takes_nothing_and_keeps_what_it_holds(place: Place, clock: Clock) -> None:
    place.dispatch(1)
    (claimed,) = place.lease("one")
    place.dispatch(1)
    clock.advance(LEASE_MS - 1)
    assert place.lease("one", holding=[claimed.dispatch_id], stopping=True) == []
    clock.advance(2)
    assert place.rescue() == 0


def test_released_runs_are_leased_by_others_and_the_rest_keeps_its_token(place: Place) -> None:
    planned = place.dispatch(3)
    (claimed,) = place.lease("one")
    released = [ReleasedRuns(claimed.dispatch_id, 1, [planned[1][0], planned[2][0]])]
    place.give_back(released)
    place.give_back(released)
    (taken,) = place.lease("two", place.other)
    assert ids([taken]) == [[planned[1][0], planned[2][0]]]
    assert taken.dispatch_id != claimed.dispatch_id
    kept = next(row for row in place.rows() if row.id == claimed.dispatch_id)
    assert (kept.token, kept.instance_id, [run[0] for run in kept.runs]) == (1, "one", [planned[0][0]])


def test_a_dispatch_released_whole_is_open_again(place: Place, database: Database) -> None:
    planned = place.run(trigger="manual")
    place.end_run(planned, "queued")
    place.dispatch([planned], priority=0)
    (claimed,) = place.lease("one")
    place.give_back([ReleasedRuns(claimed.dispatch_id, 1, [planned[0]])])
    with database.read(EVERY_ORGANIZATION) as session:
        assert session.get_one(Run, planned[0]).status == "queued"
    assert [one.token for one in place.lease("two", place.other)] == [2]


def test_a_release_under_a_former_token_does_nothing(place: Place, clock: Clock) -> None:
    planned = place.dispatch(2)
    (claimed,) = place.lease("one")
    clock.advance(LEASE_MS + 1)
    place.rescue()
    place.lease("two", place.other)
    place.give_back([ReleasedRuns(claimed.dispatch_id, 1, [planned[0][0]])])
    assert [(row.instance_id, row.token, len(row.runs)) for row in place.rows()] == [("two", 2, 2)]


def test_a_release_said_again_does_not_take_back_what_was_leased_anew(place: Place) -> None:
    planned = place.dispatch(1)
    (claimed,) = place.lease("one")
    released = [ReleasedRuns(claimed.dispatch_id, 1, [planned[0][0]])]
    place.give_back(released)
    assert [one.token for one in place.lease("one")] == [2]
    place.give_back(released)
    assert [(row.instance_id, row.token) for row in place.rows()] == [("one", 2)]


def test_releasing_the_rest_closes_a_dispatch_whose_other_runs_have_ended(place: Place, database: Database) -> None:
    planned = place.dispatch(2)
    (claimed,) = place.lease("one")
    place.end_run(planned[0])
    with database.write(EVERY_ORGANIZATION, Urgency.PEOPLE) as session:
        session.execute(update(Dispatch).values(finished=1))
    place.give_back([ReleasedRuns(claimed.dispatch_id, 1, [planned[1][0]])])
    closed = {row.id: row.closed_ms is not None for row in place.rows()}
    assert closed.pop(claimed.dispatch_id)
    assert list(closed.values()) == [False]


def test_a_replaced_instance_loses_its_lease_at_once_and_only_to_its_own_probe(place: Place, clock: Clock) -> None:
    place.dispatch(1)
    place.lease("one")
    for holder, lost in ((place.other, 0), (place.holder, 1)):
        with place.database.write(EVERY_ORGANIZATION, Urgency.RESULTS) as session:
            end_lease_of(session, holder, "one", clock.now_ms)
        assert place.rescue() == lost


def test_an_instance_id_belongs_to_the_probe_that_came_with_it_first(place: Place, database: Database) -> None:
    place.lease("one")
    with database.write(EVERY_ORGANIZATION, Urgency.RESULTS) as session:
        assert not renew_instance(session, place.other, place.request("one"), place.clock.now_ms)
    with database.read(EVERY_ORGANIZATION) as session:
        assert session.get_one(ProbeInstance, "one").probe_id == "prb_1"


def test_looking_finds_what_claiming_would_and_changes_nothing(place: Place, database: Database) -> None:
    def look() -> bool:
        with database.read(EVERY_ORGANIZATION) as session:
            return anything_to_claim(session, place.holder, place.request(), place.clock.now_ms)

    assert not look()
    place.dispatch(1)
    assert look()
    assert place.rows()[0].token == 0
    place.lease()
    assert not look()


def test_changes_of_held_checks_are_told_and_others_are_not(
    place: Place, database: Database, organization: str
) -> None:
    paused, other = add_check(database, organization), add_check(database, organization)
    place.dispatch([place.run(), place.run(check=paused)])
    place.lease("one")
    with database.write(EVERY_ORGANIZATION, Urgency.PEOPLE) as session:
        seen = append_change(session, organization, "check", place.check, 1)
    with database.write(EVERY_ORGANIZATION, Urgency.PEOPLE) as session:
        session.execute(
            update(Check).where(Check.id == paused).values(status="paused"), execution_options={UNAUDITED: True}
        )
        for check_id in (place.check, paused, other):
            append_change(session, organization, "check", check_id, 1)
    with database.read(EVERY_ORGANIZATION) as session:
        until = newest_change(session)
        for told, expected in (
            (seen, Revoked([place.check], [paused])),
            (until, Revoked([], [])),
            (0, Revoked([], [])),
        ):
            assert revoked(session, place.holder, place.request(seen=told), until) == expected


def test_a_result_counts_under_the_newest_token_of_its_own_probe_only(place: Place, clock: Clock) -> None:
    planned = place.dispatch(1)
    (first,) = place.lease("one")
    verdicts: list[tuple[bool, bool]] = []

    def judge() -> None:
        with place.database.write(EVERY_ORGANIZATION, Urgency.RESULTS) as session:
            found = fenced_dispatches(session, place.holder, [first.dispatch_id])[first.dispatch_id]
            run_id, check_id = planned[0][0], planned[0][1]
            verdicts.append(
                (
                    found.refuses(place.holder, run_id, check_id, 1) is None,
                    found.refuses(place.other, run_id, check_id, 2) is None,
                )
            )

    judge()
    clock.advance(LEASE_MS + 1)
    place.rescue()
    judge()
    place.lease("two", place.other)
    judge()
    assert verdicts == [(True, False), (True, False), (False, True)]


def test_a_dispatch_of_another_location_is_unknown_to_fencing(place: Place) -> None:
    place.dispatch(1)
    (claimed,) = place.lease("one")
    elsewhere = Holder(place.organization, "prb_1", "eu-west")
    with place.database.write(EVERY_ORGANIZATION, Urgency.RESULTS) as session:
        assert fenced_dispatches(session, elsewhere, [claimed.dispatch_id]) == {}
