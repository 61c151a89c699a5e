"""People: somebody with an email and a password, in as many organizations as have taken them in.

Reading memberships across organizations needs a session that sees them all: in one organization's session these
functions see that one only.
"""

from __future__ import annotations

from sqlalchemy import delete, exists, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from model.ids import new_id
from store.audit import Target, note
from store.audited import Shape
from store.people_tables import Membership, Person
from store.tables import Organization


class TakenError(ValueError):
    """Somebody was just taken in under this email."""


def find_person(session: Session, email: str) -> Person | None:
    """By email, in lower case. Only of use to whoever proves to be that person."""
    return session.scalars(select(Person).where(Person.email == email)).one_or_none()


def get_person(session: Session, person_id: str, *, lock: bool = False) -> Person | None:
    """By id; locked until the transaction ends, when asked for."""
    statement = select(Person).where(Person.id == person_id)
    return session.scalars(statement.with_for_update() if lock else statement).one_or_none()


def anybody(session: Session) -> bool:
    """Whether there are people at all, or only keys."""
    return session.scalars(select(Person.id).limit(1)).first() is not None


def create_person(session: Session, *, email: str, name: str, password_hash: str, now_ms: int) -> Person:
    """Somebody new. TakenError when the email is another's by now."""
    row = Person(
        id=new_id("usr", now_ms),
        email=email,
        name=name,
        password_hash=password_hash,
        created_ms=now_ms,
        password_ms=now_ms,
    )
    try:
        with session.begin_nested():
            session.add(row)
    except IntegrityError:
        raise TakenError(email) from None
    return row


def rename_person(session: Session, person_id: str, name: str) -> bool:
    """What others call them from now on, everywhere; False when there is no such person."""
    person = get_person(session, person_id, lock=True)
    if person is None:
        return False
    before, person.name = person.name, name
    session.flush()
    _note(session, person, "person.renamed", {"name": before}, {"name": name})
    return True


def set_password(session: Session, person: Person, password_hash: str, now_ms: int) -> None:
    """Another password: the former opens nothing. Whoever calls this ends the sessions that it had opened."""
    person.password_hash = password_hash
    person.password_ms = now_ms
    session.flush()
    _note(session, person, "person.password_changed")


def places_of(session: Session, person_id: str) -> list[tuple[Membership, Organization]]:
    """Where a person is a member now, the longest first."""
    statement = (
        select(Membership, Organization)
        .join(Organization, Organization.id == Membership.organization_id)
        .where(Membership.person_id == person_id, Membership.status == "active")
        .order_by(Membership.joined_ms, Membership.id)
    )
    return [(member, organization) for member, organization in session.execute(statement)]


def place_of(session: Session, person_id: str, organization_id: str) -> Membership | None:
    """A person's active membership of one organization."""
    statement = select(Membership).where(
        Membership.person_id == person_id,
        Membership.organization_id == organization_id,
        Membership.status == "active",
    )
    return session.scalars(statement).one_or_none()


def _note(
    session: Session, person: Person, action: str, before: Shape | None = None, after: Shape | None = None
) -> None:
    """People belong to no organization: what they change is told wherever they are members."""
    for member, _ in places_of(session, person.id):
        note(
            session,
            member.organization_id,
            action,
            Target("person", person.id, person.name),
            before=before,
            after=after,
        )


def forget_if_nowhere(session: Session, person_id: str) -> None:
    """Who is a member of no organization any more is nobody here: the email and the password go, and so do sessions.
    The session sees every organization."""
    nowhere = ~exists(select(Membership.id).where(Membership.person_id == Person.id))
    session.execute(delete(Person).where(Person.id == person_id, nowhere).execution_options(synchronize_session=False))
