"""Browsers that signed in: each is a random token, kept as its keyed hash, good for as long as the person is a member,
or the key behind it lives.

`expires_ms` says it all: seven days after the sign-in or twelve hours after the last page, whichever comes first.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import ColumnElement, and_, case, delete, select, update
from sqlalchemy.orm import Session

from model.ids import new_id
from model.times import DAY_MS, HOUR_MS
from store.audit import Target
from store.key_addresses import neighbourhood
from store.keyring import Keyring
from store.people_tables import Membership, Person
from store.sign_ins import note_sign_in, note_sign_out
from store.tables import ApiKey, Organization, WebSession

LASTS_MS = 7 * DAY_MS
IDLE_MS = 12 * HOUR_MS
MOST_LISTED = 100
_TOKEN_BYTES = 32
_TOKEN_CHARACTERS = 43
_ADDRESS_CHARACTERS, _AGENT_CHARACTERS = 64, 300


class From(NamedTuple):
    """What a sign-in came from, as it says itself."""

    address: str = ""
    user_agent: str = ""


class SignedIn(NamedTuple):
    """Whose a session is: a key's, or a person's with the membership of the organization that it is in."""

    row: WebSession
    key: ApiKey | None
    person: Person | None = None
    member: Membership | None = None


def begin_web_session(
    session: Session, keyring: Keyring, who: ApiKey | Membership, now_ms: int, place: From | None = None
) -> str:
    """Sign a browser in, with a key or as a member; returns the token its cookie carries. Sessions that are over go at
    this occasion: the session sees every organization."""
    _delete(session, WebSession.expires_ms <= now_ms)
    token = secrets.token_urlsafe(_TOKEN_BYTES)
    place = place or From()
    session.add(
        WebSession(
            token_hash=keyring.hash_key(token),
            id=new_id("ses", now_ms),
            organization_id=who.organization_id,
            api_key_id=who.id if isinstance(who, ApiKey) else None,
            person_id=who.person_id if isinstance(who, Membership) else None,
            address=place.address[:_ADDRESS_CHARACTERS],
            user_agent=place.user_agent[:_AGENT_CHARACTERS],
            created_ms=now_ms,
            seen_ms=now_ms,
            expires_ms=now_ms + IDLE_MS,
        )
    )
    session.flush()
    person = session.get(Person, who.person_id) if isinstance(who, Membership) else None
    note_sign_in(session, who.organization_id, _target(who if isinstance(who, ApiKey) else None, person))
    return token


def web_session_of(session: Session, keyring: Keyring, token: str, now_ms: int) -> SignedIn | None:
    """Who a token belongs to; None when it is unknown or over, its key was revoked or has expired, or its person is no
    member of the organization any more. The session sees every organization: whose it is is the answer."""
    if len(token) != _TOKEN_CHARACTERS:
        return None
    here = and_(
        Membership.person_id == WebSession.person_id,
        Membership.organization_id == WebSession.organization_id,
        Membership.status == "active",
    )
    statement = (
        select(WebSession, ApiKey, Person, Membership)
        .outerjoin(ApiKey, ApiKey.id == WebSession.api_key_id)
        .outerjoin(Person, Person.id == WebSession.person_id)
        .outerjoin(Membership, here)
        .where(WebSession.token_hash == keyring.hash_key(token), WebSession.expires_ms > now_ms)
    )
    found = session.execute(statement).one_or_none()
    if found is None:
        return None
    row, key, person, member = found
    alive = key is not None and key.revoked_ms is None and (key.expires_ms is None or key.expires_ms > now_ms)
    if alive or (person is not None and member is not None):
        return SignedIn(row, key, person, member)
    return None


def is_known_here(session: Session, keyring: Keyring, email: str, address: str, token: str | None, now_ms: int) -> bool:
    """Whether whoever has this email is signed in from this address, or with this token. The session sees every
    organization."""
    mine = (
        select(WebSession.token_hash, WebSession.address)
        .join(Person, Person.id == WebSession.person_id)
        .where(Person.email == email, WebSession.expires_ms > now_ms)
    )
    held, near = keyring.hash_key(token or ""), neighbourhood(address)
    return any(row.token_hash == held or (near and neighbourhood(row.address) == near) for row in session.execute(mine))


def touch_web_session(session: Session, token_hash: str, now_ms: int) -> None:
    """Somebody looked at a page then: twelve hours from there, within the seven days. Never moves back. Requests don't
    call this, they note it (store/uses.py)."""
    last_ms = WebSession.created_ms + LASTS_MS
    session.execute(
        update(WebSession)
        .where(WebSession.token_hash == token_hash, WebSession.seen_ms < now_ms)
        .values(seen_ms=now_ms, expires_ms=case((last_ms < now_ms + IDLE_MS, last_ms), else_=now_ms + IDLE_MS))
        .execution_options(synchronize_session=False)
    )


class Holder(NamedTuple):
    """Whose sessions: a person's, wherever they are signed in, or a key's."""

    person_id: str | None
    key_id: str | None

    def owns(self) -> ColumnElement[bool]:
        if self.person_id is not None:
            return WebSession.person_id == self.person_id
        return and_(WebSession.api_key_id == self.key_id, WebSession.api_key_id.is_not(None))


def list_web_sessions(session: Session, holder: Holder, now_ms: int) -> Sequence[tuple[WebSession, Organization]]:
    """Where somebody is signed in now, newest first, at most MOST_LISTED. The session sees every organization."""
    statement = (
        select(WebSession, Organization)
        .join(Organization, Organization.id == WebSession.organization_id)
        .where(holder.owns(), WebSession.expires_ms > now_ms)
        .order_by(WebSession.created_ms.desc(), WebSession.id.desc())
        .limit(MOST_LISTED)
    )
    return [(row, organization) for row, organization in session.execute(statement)]


def end_web_session(session: Session, keyring: Keyring, token: str) -> None:
    """Sign out: the cookie opens nothing any more. Ending what is over changes nothing."""
    _end(session, WebSession.token_hash == keyring.hash_key(token))


def end_listed_session(session: Session, holder: Holder, session_id: str) -> bool:
    """Sign out one of somebody's sessions by its id; False when they have no such."""
    row = session.scalars(select(WebSession).where(holder.owns(), WebSession.id == session_id)).one_or_none()
    if row is None:
        return False
    _end(session, WebSession.token_hash == row.token_hash)
    return True


def end_other_sessions(session: Session, holder: Holder, kept_id: str | None) -> None:
    """Sign somebody out everywhere but here."""
    here = WebSession.id != kept_id if kept_id is not None else WebSession.id.is_not(None)
    _end(session, and_(holder.owns(), here))


def end_web_sessions_of_key(session: Session, api_key_id: str) -> None:
    """Sign out every browser that signed in with a key: what opened the key is not the same any more."""
    _end(session, WebSession.api_key_id == api_key_id)


def end_web_sessions_of_member(session: Session, person_id: str) -> None:
    """Sign a person out of the organization of this session."""
    _end(session, WebSession.person_id == person_id)


def switch_web_session(session: Session, session_id: str, organization_id: str) -> None:
    """From now on it is in that organization, of which its person is a member: the audit log of the one hears of an
    end, that of the other of a beginning. The session sees every organization."""
    query = select(WebSession, Person).join(Person, Person.id == WebSession.person_id)
    found = session.execute(query.where(WebSession.id == session_id)).one_or_none()
    if found is None or found[0].organization_id == organization_id:
        return
    row, person = found
    note_sign_out(session, row.organization_id, _target(None, person))
    row.organization_id = organization_id
    note_sign_in(session, organization_id, _target(None, person))


def _end(session: Session, condition: ColumnElement[bool]) -> None:
    """Sign out whoever these belong to, one event of the audit log each."""
    found = (
        select(WebSession, ApiKey, Person)
        .outerjoin(ApiKey, ApiKey.id == WebSession.api_key_id)
        .outerjoin(Person, Person.id == WebSession.person_id)
    )
    for row, key, person in session.execute(found.where(condition)):
        note_sign_out(session, row.organization_id, _target(key, person))
    _delete(session, condition)


def _target(key: ApiKey | None, person: Person | None) -> Target:
    if person is not None:
        return Target("person", person.id, person.name)
    return Target("key", None, "") if key is None else Target("key", key.id, key.name)


def _delete(session: Session, condition: ColumnElement[bool]) -> None:
    session.execute(delete(WebSession).where(condition).execution_options(synchronize_session=False))
