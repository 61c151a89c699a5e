"""Probes: a key opens one place, until the probe is deleted; its state is told by its instances."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from model.keys import PROBE_KEY, well_formed
from store.changes import changes_since
from store.keyring import Keyring
from store.probes import (
    authenticate_probe,
    delete_probe,
    list_probes,
    online_locations,
    register_probe,
    register_probe_of_environment,
    served_locations,
)
from store.sessions import EVERY_ORGANIZATION, Database
from store.tables import Probe, ProbeInstance
from store.write_lock import Urgency
from tests.conftest import Clock

Register = Callable[..., tuple[Probe, str]]


@pytest.fixture
def register(database: Database, keyring: Keyring, organization: str, clock: Clock) -> Register:
    def made(name: str = "eu-1", location: str = "eu-west") -> tuple[Probe, str]:
        with database.write(organization, Urgency.PEOPLE) as session:
            return register_probe(session, keyring, organization, (name, location), clock.now_ms)

    return made


def instance(probe: Probe, name: str, until_ms: int, *, stopping: bool = False) -> ProbeInstance:
    return ProbeInstance(
        id=name, organization_id=probe.organization_id, probe_id=probe.id, location=probe.location,
        lease_until_ms=until_ms, started_ms=0, seen_ms=until_ms - 6000, version="0.1.0", capabilities=["network"],
        types=["url"], running=0, spool=0, self_check="on", stopping=stopping,
    )  # fmt: skip


def test_a_key_opens_its_probe_and_no_other_does(register: Register, database: Database, keyring: Keyring) -> None:
    probe, key = register()
    assert well_formed(key, PROBE_KEY)
    with database.read(EVERY_ORGANIZATION) as session:
        found = authenticate_probe(session, keyring, key)
        assert found is not None
        assert (found.id, found.location) == (probe.id, "eu-west")
        assert authenticate_probe(session, keyring, key[:-1]) is None


def test_a_deleted_probe_is_out_at_once(
    register: Register, database: Database, keyring: Keyring, organization: str, clock: Clock
) -> None:
    probe, key = register()
    with database.write(organization, Urgency.PEOPLE) as session:
        session.add(instance(probe, "i1", clock.now_ms + 6000))
    with database.write(organization, Urgency.PEOPLE) as session:
        assert delete_probe(session, probe.id, clock.now_ms)
        assert not delete_probe(session, probe.id, clock.now_ms)
    with database.read(EVERY_ORGANIZATION) as session:
        assert authenticate_probe(session, keyring, key) is None
        assert session.get_one(ProbeInstance, "i1").lease_until_ms == clock.now_ms
        assert served_locations(session) == {}
        assert online_locations(session, clock.now_ms) == set()
        assert [(change.kind, change.entity_id) for change in changes_since(session, 0)] == [("probe", probe.id)] * 2


def test_a_probe_is_online_while_an_instance_holds_its_lease_and_stays(
    register: Register, database: Database, organization: str, clock: Clock
) -> None:
    names = ("live", "gone", "stopping", "never")
    probes = {name: register(name, f"at-{name}")[0] for name in names}
    now = clock.now_ms
    with database.write(organization, Urgency.PEOPLE) as session:
        session.add(instance(probes["live"], "l1", now - 1))
        session.add(instance(probes["live"], "l2", now + 1))
        session.add(instance(probes["gone"], "g1", now))
        session.add(instance(probes["stopping"], "s1", now + 1, stopping=True))
    with database.read(organization) as session:
        states, total = list_probes(session, now)
        assert {state.probe.name: state.online for state in states} == {name: name == "live" for name in names}
        assert online_locations(session, now) == {"at-live"}
        assert served_locations(session) == {f"at-{name}": 1 for name in names}
    assert total == 4
    by_name = {state.probe.name: state for state in states}
    assert [found.id for found in by_name["live"].instances] == ["l2", "l1"]
    assert [found.id for found in by_name["live"].live(now)] == ["l2"]
    assert by_name["never"].newest is None


def test_probes_of_another_organization_are_not_seen(
    register: Register, database: Database, make_organization: Callable[[str], str], clock: Clock
) -> None:
    probe, _ = register()
    with database.write(make_organization("Stranger"), Urgency.PEOPLE) as session:
        assert list_probes(session, clock.now_ms) == ([], 0)
        assert not delete_probe(session, probe.id, clock.now_ms)
        assert served_locations(session) == {}


def test_a_key_of_the_environment_that_a_probe_has_already_stays_that_probes(
    register: Register, database: Database, keyring: Keyring, organization: str, clock: Clock
) -> None:
    probe, key = register()
    with database.write(EVERY_ORGANIZATION, Urgency.PEOPLE) as session:
        register_probe_of_environment(session, keyring, organization, key, clock.now_ms)
    with database.read(EVERY_ORGANIZATION) as session:
        found = authenticate_probe(session, keyring, key)
        assert found is not None
        assert found.id == probe.id
