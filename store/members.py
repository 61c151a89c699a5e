"""The members of an organization, in its own session: listed, given another role, removed; and who its owners are."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Select, func, or_, select
from sqlalchemy.orm import Session

from model.ids import new_id
from model.people import Role
from store.api_keys import get_api_key
from store.counting import count_rows
from store.people_tables import Membership, Person
from store.tables import ApiKey
from store.web_sessions import end_web_sessions_of_key, end_web_sessions_of_member

Member = tuple[Membership, Person | None]
"""A membership, and who holds it; nobody while invited, or when a key does."""


def list_members(session: Session, *, offset: int = 0, limit: int = 20) -> tuple[list[Member], int]:
    """Members and those invited, newest first, and how many there are (counted to 10,001)."""
    order = (Membership.invited_ms.desc(), Membership.id.desc())
    found = session.execute(_members().order_by(*order).offset(offset).limit(limit))
    return [(member, person) for member, person in found], count_rows(session, select(Membership))


def get_member(session: Session, member_id: str, *, lock: bool = False) -> Member | None:
    """One of this session's organization."""
    statement = _members().where(Membership.id == member_id)
    if lock:
        statement = statement.with_for_update(of=Membership)
    found = session.execute(statement).one_or_none()
    return None if found is None else (found[0], found[1])


def member_known_as(session: Session, named: str) -> tuple[str, str] | None:
    """(id, how people know it) of a member of this organization, by id or email; None: no such member."""
    email = func.lower(func.coalesce(Person.email, Membership.email))
    wanted = (
        select(Membership.id, func.coalesce(Person.email, Membership.email))
        .outerjoin(Person, Person.id == Membership.person_id)
        .where(or_(Membership.id == named, email == named.strip().lower()))
    )
    found = session.execute(wanted.order_by(Membership.id)).first()
    return None if found is None else (found[0], found[1] or found[0])


def is_owner(session: Session, *, person_id: str | None, key_id: str | None) -> bool:
    """Whether this person, or this key, is an owner of the session's organization."""
    holder = Membership.person_id == person_id if person_id is not None else Membership.api_key_id == key_id
    statement = select(Membership.id).where(holder, Membership.role == Role.OWNER, Membership.status == "active")
    return session.scalars(statement).first() is not None


def hold_owners(session: Session) -> set[str]:
    """The ids of the memberships that own the organization, which nobody else changes until this transaction ends: of
    two owners who remove each other at once, the second waits here and is then the last. Call it before locking any
    other membership: in one order nobody waits for each other."""
    statement = select(Membership.id).where(Membership.role == Role.OWNER, Membership.status == "active")
    return set(session.scalars(statement.order_by(Membership.id).with_for_update()))


def change_role(session: Session, member: Membership, role: Role) -> None:
    """Counts from the person's next request on."""
    member.role = role
    session.flush()


def remove_member(session: Session, member: Membership, now_ms: int) -> None:
    """From now on they open nothing here: their sessions in this organization end, an invitation's link is dead, and a
    key that was an owner is revoked."""
    if member.person_id is not None:
        end_web_sessions_of_member(session, member.person_id)
    key = get_api_key(session, member.api_key_id) if member.api_key_id is not None else None
    if key is not None:
        key.revoked_ms = now_ms
        end_web_sessions_of_key(session, key.id)
    session.delete(member)
    session.flush()


def ownership_of_key(session: Session, key_id: str) -> Membership | None:
    """The membership of a key that is an owner; None for all other keys."""
    return session.scalars(select(Membership).where(Membership.api_key_id == key_id)).one_or_none()


def make_key_owner(session: Session, key: ApiKey, now_ms: int) -> None:
    """The key of the first start, or of the environment, is an owner of its organization."""
    if ownership_of_key(session, key.id) is not None:
        return
    session.add(
        Membership(
            id=new_id("mem", now_ms),
            organization_id=key.organization_id,
            api_key_id=key.id,
            name=key.name,
            role=Role.OWNER,
            status="active",
            invited_ms=now_ms,
            joined_ms=now_ms,
        )
    )
    session.flush()


def _members() -> Select[Any, Any]:
    return select(Membership, Person).outerjoin(Person, Person.id == Membership.person_id)
