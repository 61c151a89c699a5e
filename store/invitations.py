"""Invitations: a link that makes whoever follows it a member. The token in it is kept as a hash and works once.

An invitation is for one email. A setup link is for whoever runs this Tracer: an invitation as owner without an email.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from model.ids import new_id
from model.people import Role
from model.times import DAY_MS
from store.keyring import Keyring
from store.people import TakenError
from store.people_tables import Membership, Person

INVITATION_MS = 7 * DAY_MS
SETUP_MS = DAY_MS
_TOKEN_BYTES = 32
_TOKEN_CHARACTERS = 43


class AlreadyMemberError(ValueError):
    """This email is a member's already."""


@dataclass(frozen=True)
class Invited:
    """Whom somebody wants in their organization. `by`: the name of who wants it; `name`: of whom, if known."""

    organization_id: str
    email: str
    role: Role
    by: str
    name: str = ""


def invite(session: Session, keyring: Keyring, wanted: Invited, now_ms: int) -> tuple[Membership, str]:
    """The invitation, and the token of its link, to be shown this once. Inviting an email again makes a new link and
    ends the former. AlreadyMemberError; TakenError when another request was first."""
    row = invitation_for(session, wanted.email)
    if row is None:
        row = Membership(id=new_id("mem", now_ms), organization_id=wanted.organization_id, email=wanted.email)
    elif row.status == "active":
        raise AlreadyMemberError(wanted.email)
    row.name = wanted.name or row.name or ""
    row.role, row.status = wanted.role, "invited"
    row.invited_by, row.invited_ms = wanted.by, now_ms
    row.invite_expires_ms = now_ms + INVITATION_MS
    token = _new_token(keyring, row)
    _add(session, row)
    return row, token


def make_setup_link(session: Session, keyring: Keyring, organization_id: str, now_ms: int) -> str:
    """The token of a link that makes an owner, good for a day; the link that was made before it is dead. The session
    sees every organization."""
    former = select(Membership).where(Membership.organization_id == organization_id, Membership.status == "invited")
    for row in session.scalars(former.where(Membership.email.is_(None)).with_for_update()):
        session.delete(row)
    row = Membership(
        id=new_id("mem", now_ms),
        organization_id=organization_id,
        name="Setup link",
        role=Role.OWNER,
        status="invited",
        invited_ms=now_ms,
        invite_expires_ms=now_ms + SETUP_MS,
    )
    token = _new_token(keyring, row)
    _add(session, row)
    return token


def invitation_for(session: Session, email: str) -> Membership | None:
    """The membership, taken or not, of an email in this session's organization; locked until the transaction ends."""
    return session.scalars(select(Membership).where(Membership.email == email).with_for_update()).one_or_none()


def invitation_of(
    session: Session, keyring: Keyring, token: str, now_ms: int, *, lock: bool = False
) -> Membership | None:
    """What a link's token opens; None when it was never made, is over, was used, or was replaced. The session sees
    every organization: whose it is is the answer."""
    if len(token) != _TOKEN_CHARACTERS:
        return None
    statement = select(Membership).where(
        Membership.invite_hash == keyring.hash_key(token),
        Membership.status == "invited",
        Membership.invite_expires_ms > now_ms,
    )
    return session.scalars(statement.with_for_update() if lock else statement).one_or_none()


def accept(session: Session, invitation: Membership, person: Person, now_ms: int) -> Membership:
    """This person takes the place; the link is dead. By a setup link who is a member already becomes an owner. The
    session sees every organization."""
    if invitation.email is None:
        other = session.scalars(
            select(Membership).where(
                Membership.organization_id == invitation.organization_id, Membership.email == person.email
            )
        ).one_or_none()
        if other is not None and other.status == "active":
            other.role = Role.OWNER
            session.delete(invitation)
            session.flush()
            return other
        if other is not None:
            session.delete(other)
            session.flush()
    invitation.person_id = person.id
    invitation.email, invitation.name = person.email, person.name
    invitation.status, invitation.joined_ms = "active", now_ms
    invitation.invite_hash = invitation.invite_expires_ms = None
    session.flush()
    return invitation


def _new_token(keyring: Keyring, row: Membership) -> str:
    token = secrets.token_urlsafe(_TOKEN_BYTES)
    row.invite_hash = keyring.hash_key(token)
    return token


def _add(session: Session, row: Membership) -> None:
    try:
        with session.begin_nested():
            session.add(row)
    except IntegrityError:
        raise TakenError(row.email or "") from None
