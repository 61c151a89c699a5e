"""Members of an organization: who they are, what becomes of what they opened, and that an owner stays."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import func, select

from model.people import Role
from store.api_keys import SCOPES, NewApiKey, authenticate, create_api_key, is_last_admin
from store.keyring import Keyring
from store.members import (
    change_role,
    get_member,
    hold_owners,
    is_owner,
    list_members,
    make_key_owner,
    ownership_of_key,
    remove_member,
)
from store.people import TakenError, create_person, forget_if_nowhere, places_of
from store.people_tables import Membership, Person
from store.sessions import EVERY_ORGANIZATION, Database
from store.tables import ApiKey
from store.web_sessions import web_session_of
from store.write_lock import Urgency
from tests.conftest import Clock
from tests.store.people import add_member, hashed_once, sign_in_as

Make = Callable[[str], str]


def role_of(database: Database, keyring: Keyring, token: str) -> str | None:
    """What a session may, by its person's role; None when it is over."""
    with database.read(EVERY_ORGANIZATION) as session:
        found = web_session_of(session, keyring, token, database.now_ms(session))
    return None if found is None or found.member is None else str(found.member.role)


def removed(database: Database, member: Membership) -> None:
    with database.write(member.organization_id, Urgency.PEOPLE) as session:
        found = get_member(session, member.id, lock=True)
        assert found is not None
        remove_member(session, found[0], database.now_ms(session))


def owner_key(database: Database, keyring: Keyring, organization: str) -> tuple[ApiKey, str]:
    with database.write(organization, Urgency.PEOPLE) as session:
        now_ms = database.now_ms(session)
        key, text = create_api_key(session, keyring, NewApiKey(organization, "Owner", SCOPES), now_ms)
        make_key_owner(session, key, now_ms)
        make_key_owner(session, key, now_ms)
    return key, text


def test_a_role_counts_from_the_next_request_on(database: Database, keyring: Keyring, organization: str) -> None:
    member = add_member(database, keyring, organization)
    token = sign_in_as(database, keyring, member)
    assert role_of(database, keyring, token) == "member"
    with database.write(organization, Urgency.PEOPLE) as session:
        found = get_member(session, member.id, lock=True)
        assert found is not None
        change_role(session, found[0], Role.VIEWER)
    assert role_of(database, keyring, token) == "viewer"


def test_who_is_removed_is_signed_out_here_and_nowhere_else(
    database: Database, keyring: Keyring, organization: str, make_organization: Make
) -> None:
    here = add_member(database, keyring, organization)
    there = add_member(database, keyring, make_organization("Other"))
    assert here.person_id == there.person_id
    tokens = [sign_in_as(database, keyring, member) for member in (here, there)]
    removed(database, here)
    assert [role_of(database, keyring, token) for token in tokens] == [None, "member"]
    add_member(database, keyring, organization)
    assert role_of(database, keyring, tokens[0]) is None, "who comes again signs in again"


def test_with_the_last_membership_tracer_forgets_a_person(
    database: Database, keyring: Keyring, organization: str, make_organization: Make
) -> None:
    here, there = add_member(database, keyring, organization), add_member(database, keyring, make_organization("Other"))
    for member, left in ((here, 1), (there, 0)):
        removed(database, member)
        with database.write(EVERY_ORGANIZATION, Urgency.PEOPLE) as session:
            assert member.person_id is not None
            forget_if_nowhere(session, member.person_id)
        with database.read(EVERY_ORGANIZATION) as session:
            assert session.scalars(select(func.count(Person.id))).one() == left


def test_members_of_another_organization_are_not_there(
    database: Database, keyring: Keyring, organization: str, make_organization: Make
) -> None:
    ada = add_member(database, keyring, organization)
    other = make_organization("Other")
    bob = add_member(database, keyring, other, "bob@example.com", "owner", "Bob")
    with database.read(organization) as session:
        [(listed, person)], total = list_members(session)
        assert (listed.id, person and person.name, total) == (ada.id, "Ada", 1)
        assert get_member(session, bob.id) is None
        assert not is_owner(session, person_id=bob.person_id, key_id=None)
        assert bob.person_id is not None
        assert places_of(session, bob.person_id) == []
    with database.read(other) as session:
        assert is_owner(session, person_id=bob.person_id, key_id=None)


def test_of_two_owners_who_remove_each_other_at_once_one_stays(
    database: Database, keyring: Keyring, organization: str
) -> None:
    owners = [
        add_member(database, keyring, organization, email, "owner") for email in ("ada@example.com", "bob@example.com")
    ]

    def remove_unless_last(member: Membership) -> bool:
        with database.write(organization, Urgency.PEOPLE) as session:
            if hold_owners(session) == {member.id}:
                return False
            found = get_member(session, member.id, lock=True)
            assert found is not None
            remove_member(session, found[0], 1)
        return True

    with ThreadPoolExecutor(2) as both:
        assert sorted(both.map(remove_unless_last, owners)) == [False, True]


def test_a_key_that_is_an_owner_is_a_member_and_revoked_with_it(
    database: Database, keyring: Keyring, organization: str, clock: Clock
) -> None:
    key, text = owner_key(database, keyring, organization)
    with database.read(organization) as session:
        [(member, person)], _ = list_members(session)
        assert (member.api_key_id, member.email, person) == (key.id, None, None)
        assert is_owner(session, person_id=None, key_id=key.id)
    removed(database, member)
    with database.read(EVERY_ORGANIZATION) as session:
        assert authenticate(session, keyring, text, clock.now_ms) is None
        assert ownership_of_key(session, key.id) is None


def test_a_key_made_later_is_no_owner_whatever_its_scopes(
    database: Database, keyring: Keyring, organization: str
) -> None:
    with database.write(organization, Urgency.PEOPLE) as session:
        key, _ = create_api_key(session, keyring, NewApiKey(organization, "k", SCOPES), 1)
        assert not is_owner(session, person_id=None, key_id=key.id)


def test_the_last_admin_key_may_go_once_a_person_can_make_another(
    database: Database, keyring: Keyring, organization: str
) -> None:
    key, _ = owner_key(database, keyring, organization)
    with database.read(organization) as session:
        assert is_last_admin(session, key.id)
    add_member(database, keyring, organization, role="member")
    with database.read(organization) as session:
        assert is_last_admin(session, key.id)
    add_member(database, keyring, organization, "grace@example.com", "admin", "Grace")
    with database.read(organization) as session:
        assert not is_last_admin(session, key.id)


def test_an_email_is_one_person(database: Database) -> None:
    def taken_in() -> None:
        with database.write(EVERY_ORGANIZATION, Urgency.PEOPLE) as session:
            create_person(session, email="a@b.example", name="A", password_hash=hashed_once(), now_ms=1)

    taken_in()
    with pytest.raises(TakenError):
        taken_in()
