"""Members for tests: people with one and the same password, hashed once."""

from __future__ import annotations

import functools

from model.people import Role
from store.invitations import Invited, accept, invite
from store.keyring import Keyring
from store.passwords import hash_password
from store.people import create_person, find_person
from store.people_tables import Membership
from store.sessions import EVERY_ORGANIZATION, Database
from store.web_sessions import begin_web_session
from store.write_lock import Urgency

PASSWORD = "four random words here"


@functools.cache
def hashed_once() -> str:
    return hash_password(PASSWORD)


def add_member(
    database: Database, keyring: Keyring, organization: str, email: str = "ada@example.com", role: str = "member",
    name: str = "Ada",
) -> Membership:  # fmt: skip
    """Somebody who was invited and came; who has an account already comes with it."""
    with database.write(EVERY_ORGANIZATION, Urgency.PEOPLE) as session:
        now_ms = database.now_ms(session)
        person = find_person(session, email) or create_person(
            session, email=email, name=name, password_hash=hashed_once(), now_ms=now_ms
        )
    with database.write(organization, Urgency.PEOPLE) as session:
        invited, _ = invite(session, keyring, Invited(organization, email, Role(role), "test"), now_ms)
        return accept(session, invited, person, now_ms)


def sign_in_as(database: Database, keyring: Keyring, member: Membership) -> str:
    """The token of a session of theirs."""
    with database.write(EVERY_ORGANIZATION, Urgency.PEOPLE) as session:
        return begin_web_session(session, keyring, member, database.now_ms(session))
