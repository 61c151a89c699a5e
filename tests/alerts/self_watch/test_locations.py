"""A location without a probe is one notice to the owners, told within a minute; its checks raise no alert."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from alerts.self_watch import locations
from alerts.self_watch.watching import Watch
from model.protocol import LEASE_MS
from store.dispatches import NewDispatch, add_dispatches
from store.probes import delete_probe
from store.sessions import EVERY_ORGANIZATION
from store.tables import ProbeInstance
from store.write_lock import Urgency
from tests.alerts.noticing import Owners
from tests.alerts.self_watch.conftest import Pass
from tests.scheduler.asked import close_and_rescue
from tests.scheduler.world import World


@pytest.fixture
def watches() -> Sequence[Watch]:
    return (locations.WATCH,)


def renew(world: World, instance_id: str, *, stopping: bool = False) -> None:
    with world.database.write(EVERY_ORGANIZATION, Urgency.RESULTS) as session:
        row = session.get_one(ProbeInstance, instance_id)
        row.lease_until_ms, row.stopping = world.clock.now_ms + LEASE_MS, stopping


def delete(world: World, instance_id: str) -> None:
    with world.database.write(world.organization, Urgency.PEOPLE) as session:
        probe_id = session.get_one(ProbeInstance, instance_id).probe_id
        assert delete_probe(session, probe_id, world.clock.now_ms)


def test_a_location_that_goes_offline_is_told_once_within_a_minute_and_once_when_it_is_back(
    world: World, owners: Owners, let_pass: Pass
) -> None:
    owners.channel()
    world.checks(5)
    probe = world.probe(lease_ms=LEASE_MS)
    let_pass(60, keeping=lambda: renew(world, probe))
    assert owners.told() == []
    let_pass(45)
    assert owners.told() == [("location_offline", "open")]
    notice = owners.notices()[0]
    assert (notice.subject, notice.severity, notice.link) == ("eu", "high", "https://tracer.example/alerts")
    assert notice.message.startswith(
        "No probe of the location eu has been online since 2024-01-15 10:31:06 UTC. 5 checks are not measured there: "
    )
    assert " and 2 more. Start one again (tracer probe --location eu)" in notice.message
    owners.send_all()
    let_pass(60)
    assert len(owners.told()) == 1
    let_pass(10, keeping=lambda: renew(world, probe))
    assert owners.told() == [("location_offline", "open"), ("location_offline", "resolved")]
    assert owners.alerts() == 0


def test_a_last_probe_that_is_stopped_on_purpose_is_told_too(world: World, owners: Owners, let_pass: Pass) -> None:
    probe = world.probe(lease_ms=LEASE_MS)
    let_pass(10, keeping=lambda: renew(world, probe))
    renew(world, probe, stopping=True)
    let_pass(50)
    assert owners.open() == [("location_offline", "eu")]
    assert owners.notices()[0].severity == "low", "nothing runs there"


def test_a_probe_that_is_replaced_is_no_matter(world: World, owners: Owners, let_pass: Pass) -> None:
    old = world.probe(lease_ms=LEASE_MS)
    let_pass(10, keeping=lambda: renew(world, old))
    renew(world, old, stopping=True)
    let_pass(25)
    new = world.probe(lease_ms=LEASE_MS)
    let_pass(60, keeping=lambda: renew(world, new))
    assert owners.notices() == []


def test_an_api_that_was_away_blames_no_probe_that_finds_it_again(world: World, owners: Owners, let_pass: Pass) -> None:
    probe = world.probe(lease_ms=LEASE_MS)
    let_pass(10, keeping=lambda: renew(world, probe))
    let_pass(120, serving=False)
    let_pass(20)
    let_pass(60, keeping=lambda: renew(world, probe))
    assert owners.notices() == []
    let_pass(120, serving=False)
    let_pass(25)
    assert owners.notices() == []
    let_pass(20)
    assert owners.open() == [("location_offline", "eu")], "it never came back"


def test_all_of_tracer_stopped_and_started_again_is_no_location_offline(
    world: World, owners: Owners, let_pass: Pass
) -> None:
    old = world.probe(lease_ms=LEASE_MS)
    let_pass(10, keeping=lambda: renew(world, old))
    with world.database.write(EVERY_ORGANIZATION, Urgency.RESULTS) as session:
        row = session.get_one(ProbeInstance, old)
        row.lease_until_ms, row.stopping = world.clock.now_ms - 1, True  # it said goodbye, as with Ctrl-C
    let_pass(5)
    let_pass(120, serving=False)
    let_pass(15)
    new = world.probe(lease_ms=LEASE_MS)
    let_pass(60, keeping=lambda: renew(world, new))
    assert owners.notices() == []


def test_an_api_that_is_away_resolves_nothing(world: World, owners: Owners, let_pass: Pass) -> None:
    world.probe(lease_ms=LEASE_MS)
    let_pass(60)
    assert owners.open() == [("location_offline", "eu")]
    let_pass(60, serving=False)
    let_pass(60)
    assert owners.open() == [("location_offline", "eu")]
    assert len(owners.notices()) == 1


def test_a_location_that_was_given_up_is_no_trouble(world: World, owners: Owners, let_pass: Pass) -> None:
    probe = world.probe(lease_ms=LEASE_MS)
    let_pass(60)
    assert owners.open() == [("location_offline", "eu")]
    delete(world, probe)
    let_pass(5)
    assert owners.open() == []


def test_a_deleted_probe_whose_checks_go_on_is_told_as_long_as_they_do(
    world: World, owners: Owners, let_pass: Pass
) -> None:
    check = world.check()
    probe = world.probe(lease_ms=LEASE_MS)
    let_pass(10, keeping=lambda: renew(world, probe))
    delete(world, probe)
    let_pass(45)
    assert owners.open() == [("location_offline", "eu")]
    with world.database.write(EVERY_ORGANIZATION, Urgency.HOUSEKEEPING) as session:
        session.delete(session.get_one(ProbeInstance, probe))
    let_pass(45)
    assert owners.open() == [("location_offline", "eu")], "retention forgets probes, not trouble"
    world.edit(check, None, world.clock.now_ms)
    let_pass(5)
    assert owners.open() == []


def test_what_its_checks_miss_meanwhile_is_nobodys_failure(world: World, owners: Owners, let_pass: Pass) -> None:
    owners.channel()
    check = world.check(10, from_ms=world.clock.now_ms - 1)
    world.probe(lease_ms=LEASE_MS)
    let_pass(30)
    with world.database.write(EVERY_ORGANIZATION, Urgency.RESULTS) as session:
        due = world.clock.now_ms
        planned = [("run_" + "0" * 32, check, due, due + 10_000, "schedule")]
        add_dispatches(session, [NewDispatch(world.organization, "eu", "network", planned)], due)
    let_pass(30, keeping=lambda: close_and_rescue(world.database))
    assert [(run.status, run.error_code) for run in world.runs()] == [("missed", "probe_offline")]
    assert owners.open() == [("location_offline", "eu")]
    assert owners.alerts() == 0
