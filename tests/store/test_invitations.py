"""Links that make members: kept as hashes, good once and for a while, replaced by the next."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy import select

from model.people import Role
from model.times import DAY_MS
from store.invitations import AlreadyMemberError, Invited, accept, invitation_of, invite, make_setup_link
from store.keyring import Keyring
from store.people import create_person, find_person
from store.people_tables import Membership, Person
from store.sessions import EVERY_ORGANIZATION, Database
from store.write_lock import Urgency
from tests.conftest import Clock
from tests.store.people import add_member, hashed_once


def invited(
    database: Database, keyring: Keyring, organization: str, email: str = "ada@example.com", role: Role = Role.MEMBER
) -> tuple[Membership, str]:
    with database.write(organization, Urgency.PEOPLE) as session:
        return invite(session, keyring, Invited(organization, email, role, "Grace"), database.now_ms(session))


def opens(database: Database, keyring: Keyring, token: str) -> str | None:
    """The id of what a token opens."""
    with database.read(EVERY_ORGANIZATION) as session:
        found = invitation_of(session, keyring, token, database.now_ms(session))
    return None if found is None else found.id


def person(database: Database, email: str = "ada@example.com") -> Person:
    with database.write(EVERY_ORGANIZATION, Urgency.PEOPLE) as session:
        return create_person(
            session, email=email, name="Ada", password_hash=hashed_once(), now_ms=database.now_ms(session)
        )


def test_a_link_opens_its_invitation_and_its_token_is_kept_nowhere(
    database: Database, keyring: Keyring, organization: str
) -> None:
    member, token = invited(database, keyring, organization)
    assert (member.status, member.role, member.invited_by) == ("invited", "member", "Grace")
    assert opens(database, keyring, token) == member.id
    assert member.invite_hash is not None
    assert token not in member.invite_hash
    for other in ("", token[:-1], token + "A", "x" * 43):
        assert opens(database, keyring, other) is None


def test_a_link_is_over_after_seven_days(database: Database, keyring: Keyring, organization: str, clock: Clock) -> None:
    member, token = invited(database, keyring, organization)
    clock.advance(7 * DAY_MS - 1)
    assert opens(database, keyring, token) == member.id
    clock.advance(1)
    assert opens(database, keyring, token) is None


def test_inviting_again_makes_a_new_link_of_the_same_invitation(
    database: Database, keyring: Keyring, organization: str
) -> None:
    first, token = invited(database, keyring, organization)
    second, fresh = invited(database, keyring, organization, role=Role.VIEWER)
    assert (second.id, second.role) == (first.id, "viewer")
    assert opens(database, keyring, token) is None
    assert opens(database, keyring, fresh) == first.id


def test_who_takes_the_place_is_a_member_and_the_link_is_dead(
    database: Database, keyring: Keyring, organization: str, clock: Clock
) -> None:
    _, token = invited(database, keyring, organization)
    somebody = person(database)
    with database.write(EVERY_ORGANIZATION, Urgency.PEOPLE) as session:
        found = invitation_of(session, keyring, token, clock.now_ms, lock=True)
        assert found is not None
        taken = accept(session, found, somebody, clock.now_ms)
    assert (taken.status, taken.person_id, taken.name, taken.joined_ms) == ("active", somebody.id, "Ada", clock.now_ms)
    assert taken.invite_hash is None
    assert opens(database, keyring, token) is None
    with pytest.raises(AlreadyMemberError):
        invited(database, keyring, organization)


def test_one_email_may_be_invited_to_several_organizations(
    database: Database, keyring: Keyring, organization: str, make_organization: Callable[[str], str]
) -> None:
    here, _ = invited(database, keyring, organization)
    there, _ = invited(database, keyring, make_organization("Other"))
    assert here.id != there.id
    assert here.email == there.email


def test_a_setup_link_makes_an_owner_for_a_day_and_ends_the_one_before(
    database: Database, keyring: Keyring, organization: str, clock: Clock
) -> None:
    def made() -> str:
        with database.write(EVERY_ORGANIZATION, Urgency.PEOPLE) as session:
            return make_setup_link(session, keyring, organization, clock.now_ms)

    first, second = made(), made()
    assert opens(database, keyring, first) is None
    somebody = person(database)
    with database.write(EVERY_ORGANIZATION, Urgency.PEOPLE) as session:
        found = invitation_of(session, keyring, second, clock.now_ms)
        assert found is not None
        owner = accept(session, found, somebody, clock.now_ms)
    assert (owner.role, owner.email, owner.status) == ("owner", "ada@example.com", "active")
    late = made()
    clock.advance(DAY_MS)
    assert opens(database, keyring, late) is None


@pytest.mark.parametrize("before", ["active", "invited"])
def test_by_a_setup_link_who_is_in_already_becomes_an_owner(
    database: Database, keyring: Keyring, organization: str, clock: Clock, before: str
) -> None:
    if before == "active":
        add_member(database, keyring, organization, role="viewer")
    else:
        invited(database, keyring, organization)
        person(database)
    with database.write(EVERY_ORGANIZATION, Urgency.PEOPLE) as session:
        token = make_setup_link(session, keyring, organization, clock.now_ms)
        found, somebody = invitation_of(session, keyring, token, clock.now_ms), find_person(session, "ada@example.com")
        assert found is not None
        assert somebody is not None
        accept(session, found, somebody, clock.now_ms)
    with database.read(organization) as session:
        [only] = session.scalars(select(Membership)).all()
    assert (only.role, only.status, only.email) == ("owner", "active", "ada@example.com")
