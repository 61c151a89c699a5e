"""Browsers that signed in, and all that signs them out again."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy import func, select, update

from model.settings import Settings
from model.times import DAY_MS, HOUR_MS
from store.api_keys import NewApiKey, create_api_key, revoke_api_key
from store.bootstrap import bootstrap
from store.keyring import Keyring
from store.sessions import EVERY_ORGANIZATION, Database
from store.tables import ApiKey, WebSession
from store.web_sessions import (
    From,
    Holder,
    begin_web_session,
    end_listed_session,
    end_other_sessions,
    end_web_session,
    list_web_sessions,
    switch_web_session,
    touch_web_session,
    web_session_of,
)
from store.write_lock import Urgency
from tests.conftest import Clock
from tests.store.people import add_member, sign_in_as

MakeSession = Callable[..., str]


@pytest.fixture
def sign_in(database: Database, keyring: Keyring, organization: str, clock: Clock) -> MakeSession:
    """A function that makes a key and a session with it; returns the session's token."""

    def make(expires_ms: int | None = None) -> str:
        with database.write(EVERY_ORGANIZATION, Urgency.PEOPLE) as session:
            wanted = NewApiKey(organization, "Owner", ("read",), expires_ms)
            key, _ = create_api_key(session, keyring, wanted, clock.now_ms)
            return begin_web_session(session, keyring, key, clock.now_ms)

    return make


def owner_of(database: Database, keyring: Keyring, token: str, clock: Clock) -> str | None:
    with database.read(EVERY_ORGANIZATION) as session:
        found = web_session_of(session, keyring, token, clock.now_ms)
    return None if found is None or found.key is None else found.key.name


def look_at_a_page(database: Database, keyring: Keyring, token: str, clock: Clock) -> None:
    with database.write(EVERY_ORGANIZATION, Urgency.PEOPLE) as session:
        found = web_session_of(session, keyring, token, clock.now_ms)
        assert found is not None
        touch_web_session(session, found[0].token_hash, clock.now_ms)


def test_a_session_is_its_keys_and_its_token_is_kept_nowhere(
    database: Database, keyring: Keyring, sign_in: MakeSession, clock: Clock
) -> None:
    token = sign_in()
    assert owner_of(database, keyring, token, clock) == "Owner"
    assert sign_in() != token
    with database.read(EVERY_ORGANIZATION) as session:
        hashes = session.scalars(select(WebSession.token_hash)).all()
    assert not any(token in stored for stored in hashes)
    for other in ("", token[:-1], token + "A", token[:-1] + ("A" if token[-1] != "A" else "B"), "x" * 43):
        assert owner_of(database, keyring, other, clock) is None


def test_a_session_ends_after_twelve_hours_without_a_page(
    database: Database, keyring: Keyring, sign_in: MakeSession, clock: Clock
) -> None:
    token = sign_in()
    clock.advance(12 * HOUR_MS - 1)
    assert owner_of(database, keyring, token, clock) == "Owner"
    clock.advance(1)
    assert owner_of(database, keyring, token, clock) is None


def test_a_session_in_use_ends_after_seven_days(
    database: Database, keyring: Keyring, sign_in: MakeSession, clock: Clock
) -> None:
    token = sign_in()
    for _ in range(27):
        clock.advance(6 * HOUR_MS)
        look_at_a_page(database, keyring, token, clock)
    clock.advance(6 * HOUR_MS - 1)
    assert owner_of(database, keyring, token, clock) == "Owner"
    clock.advance(1)
    assert owner_of(database, keyring, token, clock) is None


def test_a_session_ends_when_its_key_is_revoked_or_expires(
    database: Database, keyring: Keyring, organization: str, sign_in: MakeSession, clock: Clock
) -> None:
    token, passing = sign_in(), sign_in(expires_ms=clock.now_ms + HOUR_MS)
    clock.advance(HOUR_MS - 1)
    assert owner_of(database, keyring, passing, clock) == "Owner"
    clock.advance(1)
    assert owner_of(database, keyring, passing, clock) is None
    with database.write(organization, Urgency.PEOPLE) as session:
        for key_id in session.scalars(select(ApiKey.id)).all():
            revoke_api_key(session, key_id, clock.now_ms)
    assert owner_of(database, keyring, token, clock) is None


def test_signing_out_ends_that_session_alone(
    database: Database, keyring: Keyring, sign_in: MakeSession, clock: Clock
) -> None:
    token, other = sign_in(), sign_in()
    with database.write(EVERY_ORGANIZATION, Urgency.PEOPLE) as session:
        end_web_session(session, keyring, token)
        end_web_session(session, keyring, token)
    assert owner_of(database, keyring, token, clock) is None
    assert owner_of(database, keyring, other, clock) == "Owner"


def test_sessions_that_are_over_go_when_somebody_signs_in(
    database: Database, sign_in: MakeSession, clock: Clock
) -> None:
    sign_in()
    clock.advance(DAY_MS)
    sign_in()
    with database.read(EVERY_ORGANIZATION) as session:
        assert session.scalars(select(func.count(WebSession.token_hash))).one() == 1


def test_another_key_in_the_environment_signs_out_who_had_the_former(
    database: Database, keyring: Keyring, clock: Clock
) -> None:
    def start(key: str) -> None:
        bootstrap(database, keyring, Settings(api_key=key))

    start("the-first-key-of-my-own-0001")
    with database.write(EVERY_ORGANIZATION, Urgency.PEOPLE) as session:
        key = session.scalars(select(ApiKey)).one()
        token = begin_web_session(session, keyring, key, clock.now_ms)
    start("the-first-key-of-my-own-0001")
    assert owner_of(database, keyring, token, clock) == "TRACER_API_KEY"
    start("a-second-key-of-my-own-00002")
    assert owner_of(database, keyring, token, clock) is None


def test_a_session_of_another_organization_stays_out_of_sight(
    database: Database, sign_in: MakeSession, make_organization: Callable[[str], str]
) -> None:
    sign_in()
    other = make_organization("Other")
    with database.write(other, Urgency.PEOPLE) as session:
        assert session.scalars(select(WebSession)).all() == []
        session.execute(update(WebSession).values(expires_ms=0).execution_options(synchronize_session=False))
    with database.read(EVERY_ORGANIZATION) as session:
        assert session.scalars(select(WebSession.expires_ms)).one() > 0


def test_somebody_sees_where_they_are_signed_in_and_ends_one_or_all_others(
    database: Database, keyring: Keyring, organization: str, make_organization: Callable[[str], str], clock: Clock
) -> None:
    here, there = (add_member(database, keyring, place) for place in (organization, make_organization("Other")))
    stranger = add_member(database, keyring, organization, "bob@example.com")
    sign_in_as(database, keyring, stranger)
    ada, bob = Holder(here.person_id, None), Holder(stranger.person_id, None)
    tokens = [sign_in_as(database, keyring, member) for member in (here, here, there)]
    with database.write(EVERY_ORGANIZATION, Urgency.PEOPLE) as session:
        listed = list_web_sessions(session, ada, clock.now_ms)
        assert sorted(place.name for _, place in listed) == ["Example", "Example", "Other"]
        kept = web_session_of(session, keyring, tokens[1], clock.now_ms)
        first = web_session_of(session, keyring, tokens[0], clock.now_ms)
        assert kept is not None
        assert first is not None
        assert not end_listed_session(session, bob, first.row.id), "it is another's"
        assert end_listed_session(session, ada, first.row.id)
        assert not end_listed_session(session, ada, first.row.id)
        end_other_sessions(session, ada, kept.row.id)
        assert [row.id for row, _ in list_web_sessions(session, ada, clock.now_ms)] == [kept.row.id]
        assert len(list_web_sessions(session, bob, clock.now_ms)) == 1


def test_a_key_s_browsers_are_listed_apart_from_people_s(
    database: Database, keyring: Keyring, organization: str, sign_in: MakeSession, clock: Clock
) -> None:
    sign_in()
    sign_in_as(database, keyring, add_member(database, keyring, organization))
    with database.read(EVERY_ORGANIZATION) as session:
        key = session.scalars(select(ApiKey)).one()
        assert len(list_web_sessions(session, Holder(None, key.id), clock.now_ms)) == 1
        assert list_web_sessions(session, Holder(None, None), clock.now_ms) == []


def test_a_session_that_is_switched_has_the_role_of_the_place_it_is_in(
    database: Database, keyring: Keyring, organization: str, make_organization: Callable[[str], str], clock: Clock
) -> None:
    other, strange = make_organization("Other"), make_organization("Strange")
    here = add_member(database, keyring, organization, role="viewer")
    add_member(database, keyring, other, role="admin")
    token = sign_in_as(database, keyring, here)

    def role_in(place: str) -> str | None:
        with database.write(EVERY_ORGANIZATION, Urgency.PEOPLE) as session:
            switch_web_session(session, session.scalars(select(WebSession.id)).one(), place)
            found = web_session_of(session, keyring, token, clock.now_ms)
        return None if found is None or found.member is None else str(found.member.role)

    assert [role_in(place) for place in (other, strange, organization)] == ["admin", None, "viewer"]


def test_what_a_browser_calls_itself_is_kept_as_far_as_it_fits(
    database: Database, keyring: Keyring, organization: str, clock: Clock
) -> None:
    member = add_member(database, keyring, organization)
    with database.write(EVERY_ORGANIZATION, Urgency.PEOPLE) as session:
        begin_web_session(session, keyring, member, clock.now_ms, From("2001:db8::1" * 10, "Firefox " * 100))
        row = session.scalars(select(WebSession)).one()
    assert (len(row.address), len(row.user_agent)) == (64, 300)
