"""The first start makes an organization and its owner's key; later starts find them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import delete, func, select

from model.settings import Settings
from store.api_keys import NewApiKey, authenticate, create_api_key, revoke_api_key
from store.audit import UNAUDITED
from store.bootstrap import SettingRefusedError, bootstrap
from store.invitations import invitation_of
from store.keyring import Keyring
from store.people_tables import Membership
from store.probes import authenticate_probe
from store.sessions import EVERY_ORGANIZATION, Database
from store.tables import ApiKey, Organization, Probe
from store.write_lock import Urgency
from tests.conftest import Clock
from tests.store.conftest import SECRET_KEYS

OWN = "a key of my own choosing, 1!"
OTHER = "another key that I chose, 2?"


def started(database: Database, keyring: Keyring, **settings: str) -> tuple[str, str | None]:
    done = bootstrap(database, keyring, Settings.model_validate({"secret_keys": SECRET_KEYS, **settings}))
    return done.organization_id, done.new_owner_key


def opens(database: Database, keyring: Keyring, key: str, now_ms: int) -> list[str] | None:
    with database.read(EVERY_ORGANIZATION) as session:
        found = authenticate(session, keyring, key, now_ms)
    return None if found is None else found.scopes


def test_the_first_start_makes_an_owners_key_once(database: Database, keyring: Keyring, clock: Clock) -> None:
    organization_id, key = started(database, keyring)
    assert key is not None
    assert opens(database, keyring, key, clock.now_ms) == ["read", "run", "write", "ingest", "admin"]
    assert started(database, keyring) == (organization_id, None)
    with database.read(EVERY_ORGANIZATION) as session:
        assert session.scalars(select(func.count()).select_from(ApiKey)).one() == 1


def test_the_key_of_the_environment_is_the_owners_and_is_not_told_again(
    database: Database, keyring: Keyring, clock: Clock
) -> None:
    assert started(database, keyring, api_key=OWN)[1] is None
    assert started(database, keyring, api_key=OWN)[1] is None
    assert "admin" in (opens(database, keyring, OWN, clock.now_ms) or [])


def test_a_changed_key_of_the_environment_shuts_the_former_out(
    database: Database, keyring: Keyring, clock: Clock
) -> None:
    started(database, keyring, api_key=OWN)
    started(database, keyring, api_key=OTHER)
    assert opens(database, keyring, OWN, clock.now_ms) is None
    assert opens(database, keyring, OTHER, clock.now_ms) is not None


def test_the_key_of_the_environment_opens_even_when_it_was_revoked(
    database: Database, keyring: Keyring, clock: Clock
) -> None:
    started(database, keyring, api_key=OWN)
    with database.write(EVERY_ORGANIZATION, Urgency.PEOPLE) as session:
        revoke_api_key(session, "key_environment", clock.now_ms)
    assert opens(database, keyring, OWN, clock.now_ms) is None
    started(database, keyring, api_key=OWN)
    assert opens(database, keyring, OWN, clock.now_ms) is not None


def test_a_key_made_here_may_become_the_one_of_the_environment(
    database: Database, keyring: Keyring, clock: Clock
) -> None:
    organization_id, _ = started(database, keyring, api_key=OWN)
    with database.write(EVERY_ORGANIZATION, Urgency.PEOPLE) as session:
        wanted = NewApiKey(organization_id, "CI", ["read"], clock.now_ms + 5)
        _, made = create_api_key(session, keyring, wanted, clock.now_ms)
    started(database, keyring, api_key=made)
    clock.advance(10)
    assert "admin" in (opens(database, keyring, made, clock.now_ms) or [])
    assert opens(database, keyring, OWN, clock.now_ms) is None
    started(database, keyring, api_key=OWN)
    assert opens(database, keyring, OWN, clock.now_ms) is not None


def test_no_key_is_made_when_all_were_revoked(database: Database, keyring: Keyring, clock: Clock) -> None:
    started(database, keyring)
    with database.write(EVERY_ORGANIZATION, Urgency.PEOPLE) as session:
        for key in session.scalars(select(ApiKey)):
            key.revoked_ms = clock.now_ms
    assert started(database, keyring)[1] is None


@pytest.mark.parametrize(
    ("key", "sentence"),
    [
        ("x" * 23, "has 23 characters; it needs at least 24"),
        ("tab\tin a key of enough length", "printable ASCII"),
        ("schlüssel mit genug zeichen darin", "printable ASCII"),
        (" a key with a space before it", "without a space at either end"),
    ],
)
def test_a_key_that_is_none_is_refused_with_a_sentence(
    database: Database, keyring: Keyring, key: str, sentence: str
) -> None:
    with pytest.raises(SettingRefusedError, match=sentence) as caught:
        started(database, keyring, api_key=key)
    assert key not in str(caught.value)
    with database.read(EVERY_ORGANIZATION) as session:
        assert session.scalars(select(Organization)).all() == []


def test_first_starts_at_the_same_time_make_one_organization_and_tell_one_key(
    database: Database, keyring: Keyring
) -> None:
    with ThreadPoolExecutor(8) as pool:
        done = list(pool.map(lambda _: started(database, keyring, probe_key="tprb_from_environment"), range(8)))
    assert len({organization_id for organization_id, _ in done}) == 1
    assert len([key for _, key in done if key is not None]) == 1


def test_checks_run_at_local_where_tracer_up_puts_its_probe(database: Database, keyring: Keyring) -> None:
    started(database, keyring, probe_key="tprb_one")
    started(database, keyring, probe_key="tprb_two")
    with database.read(EVERY_ORGANIZATION) as session:
        assert session.scalars(select(Organization)).one().default_locations == ["local"]
        assert authenticate_probe(session, keyring, "tprb_one") is None
        probe = authenticate_probe(session, keyring, "tprb_two")
        assert probe is not None
        assert (probe.name, probe.location) == ("local", "local")
        assert session.scalars(select(func.count()).select_from(Probe)).one() == 1


@pytest.mark.parametrize("store", ["postgresql"], indirect=True)
def test_a_fleet_says_itself_where_its_checks_run(database: Database, keyring: Keyring) -> None:
    started(database, keyring)
    with database.read(EVERY_ORGANIZATION) as session:
        assert session.scalars(select(Organization)).one().default_locations == []


def owners(database: Database) -> list[str | None]:
    with database.read(EVERY_ORGANIZATION) as session:
        found = session.scalars(select(Membership).where(Membership.role == "owner", Membership.status == "active"))
        return [member.api_key_id for member in found]


def test_the_first_start_has_one_owner_and_a_link_for_a_person_to_become_one(
    database: Database, keyring: Keyring, clock: Clock
) -> None:
    first = bootstrap(database, keyring, Settings(secret_keys=SECRET_KEYS))
    assert len(owners(database)) == 1
    assert first.setup_token is not None
    with database.read(EVERY_ORGANIZATION) as session:
        found = invitation_of(session, keyring, first.setup_token, clock.now_ms)
    assert found is not None
    assert (found.organization_id, found.role) == (first.organization_id, "owner")
    assert bootstrap(database, keyring, Settings(secret_keys=SECRET_KEYS)).setup_token is None
    assert len(owners(database)) == 1


def test_with_a_key_in_the_environment_that_key_is_the_owner_and_no_link_is_made(
    database: Database, keyring: Keyring
) -> None:
    for key in (OWN, OTHER, OWN):
        assert bootstrap(database, keyring, Settings(secret_keys=SECRET_KEYS, api_key=key)).setup_token is None
        assert owners(database) == ["key_environment"]


def test_a_key_made_here_that_becomes_the_environments_is_the_owner_alone(database: Database, keyring: Keyring) -> None:
    _, key = started(database, keyring)
    started(database, keyring, api_key=OWN)
    assert len(owners(database)) == 2
    started(database, keyring, api_key=key or "")
    assert len(owners(database)) == 1


def test_a_tracer_from_before_there_were_members_finds_its_owner(database: Database, keyring: Keyring) -> None:
    started(database, keyring)
    with database.write(EVERY_ORGANIZATION, Urgency.PEOPLE) as session:
        session.execute(delete(Membership).execution_options(**{UNAUDITED: True}))
        organization_id = session.scalars(select(Organization.id)).one()
        oldest = session.scalars(select(ApiKey.id)).one()
        create_api_key(session, keyring, NewApiKey(organization_id, "later", ("admin",)), 1)
    started(database, keyring)
    assert owners(database) == [oldest]
