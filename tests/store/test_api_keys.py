"""API keys: the right one opens its organization until it is revoked or expires; the store knows none of them."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy import select

from model.keys import API_KEY, new_key, well_formed
from store.api_keys import (
    NewApiKey,
    authenticate,
    create_api_key,
    get_api_key,
    list_api_keys,
    revoke_api_key,
)
from store.keyring import Keyring
from store.sessions import EVERY_ORGANIZATION, Database
from store.tables import ApiKey, Base
from store.write_lock import Urgency
from tests.conftest import Clock

Make = Callable[..., tuple[ApiKey, str]]


@pytest.fixture
def make_key(database: Database, keyring: Keyring, organization: str, clock: Clock) -> Make:
    def make(
        name: str = "CI", scopes: tuple[str, ...] = ("read",), expires_ms: int | None = None
    ) -> tuple[ApiKey, str]:
        with database.write(organization, Urgency.PEOPLE) as session:
            wanted = NewApiKey(organization, name, scopes, expires_ms)
            return create_api_key(session, keyring, wanted, clock.now_ms)

    return make


@pytest.fixture
def presented(database: Database, keyring: Keyring, clock: Clock) -> Callable[[str], ApiKey | None]:
    def present(key: str) -> ApiKey | None:
        with database.read(EVERY_ORGANIZATION) as session:
            return authenticate(session, keyring, key, clock.now_ms)

    return present


Present = Callable[[str], ApiKey | None]


def test_a_key_opens_its_organization_with_its_scopes(make_key: Make, presented: Present, organization: str) -> None:
    _, key = make_key(scopes=("read", "run"))
    assert well_formed(key, API_KEY)
    found = presented(key)
    assert found is not None
    assert (found.organization_id, found.scopes) == (organization, ["read", "run"])


def test_near_misses_open_nothing(make_key: Make, presented: Present) -> None:
    _, key = make_key()
    for near in (key[:-1], key + "0", key.upper(), " " + key, new_key(API_KEY), "", "\x00", "\ud800"):
        assert presented(near) is None


def test_the_store_holds_no_key(make_key: Make, database: Database) -> None:
    row, key = make_key()
    with database.read(EVERY_ORGANIZATION) as session:
        for table in Base.metadata.sorted_tables:
            for stored in session.connection().execute(select(table)):
                assert key not in str(tuple(stored))
    assert row.hint == f"trk…{key[-4:]}"


def test_a_revoked_key_opens_nothing_from_then_on(
    make_key: Make, presented: Present, database: Database, organization: str, clock: Clock
) -> None:
    row, key = make_key()
    with database.write(organization, Urgency.PEOPLE) as session:
        assert revoke_api_key(session, row.id, clock.now_ms)
    assert presented(key) is None
    with database.write(organization, Urgency.PEOPLE) as session:
        assert not revoke_api_key(session, row.id, clock.now_ms)
        assert get_api_key(session, row.id) is None


def test_a_key_opens_until_the_instant_it_expires(make_key: Make, presented: Present, clock: Clock) -> None:
    _, key = make_key(expires_ms=clock.now_ms + 1000)
    clock.advance(999)
    assert presented(key) is not None
    clock.advance(1)
    assert presented(key) is None


def test_lists_show_the_newest_first_and_leave_out_the_revoked(
    make_key: Make, database: Database, organization: str, clock: Clock
) -> None:
    rows = []
    for name in ("a", "b", "c", "d"):
        rows.append(make_key(name)[0])
        clock.advance(1)
    with database.write(organization, Urgency.PEOPLE) as session:
        revoke_api_key(session, rows[1].id, clock.now_ms)
    with database.read(organization) as session:
        shown, total = list_api_keys(session, offset=1, limit=2)
    assert ([row.name for row in shown], total) == (["c", "a"], 3)


def test_an_organization_neither_sees_nor_revokes_the_keys_of_another(
    make_key: Make, presented: Present, database: Database, make_organization: Callable[[str], str], clock: Clock
) -> None:
    row, key = make_key()
    with database.write(make_organization("Stranger"), Urgency.PEOPLE) as session:
        assert list_api_keys(session) == ([], 0)
        assert not revoke_api_key(session, row.id, clock.now_ms)
    assert presented(key) is not None
