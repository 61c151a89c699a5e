"""Following an invitation or a setup link: somebody new gets a password, somebody known shows theirs. Pages and REST
share it."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy.orm import Session

from api.access import Caller
from api.actors import act_as_person
from api.attempts import count_attempt, count_email
from api.errors import Conflict, Invalid, NotFound, Unauthorized
from api.services import services
from api.signing_in import WRONG, hashed, proven, whence
from model.people import new_password, refuse_email
from store.invitations import accept, invitation_of
from store.organizations import get_organization, update_organization
from store.people import TakenError, create_person, find_person, get_person, places_of, set_password
from store.people_tables import Membership, Person
from store.sessions import EVERY_ORGANIZATION
from store.tables import Organization
from store.web_sessions import begin_web_session, end_web_session, switch_web_session
from store.write_lock import Urgency

_DEAD = "This link was used, replaced by a newer one, or is over. Ask whoever sent it for another"

_AT_ONCE = "Somebody followed a link with this email at this moment: load the page again"


@dataclass(frozen=True)
class Offer:
    """What a link offers. `known`: there is an account with its email, whose password opens it."""

    invitation: Membership
    organization: Organization
    known: bool

    @property
    def is_setup(self) -> bool:
        return self.invitation.email is None


@dataclass(frozen=True)
class Answer:
    """What whoever follows a link says of themselves; an invitation knows the email, and only a setup link may name the
    organization. `password`: a new one, or the one of an account that is there."""

    name: str | None = None
    password: str | None = None
    email: str | None = None
    organization: str | None = None


def offer_of(token: str) -> Offer:
    """NotFound when the link is dead."""
    state = services()
    with state.database.read(EVERY_ORGANIZATION) as session:
        found = invitation_of(session, state.keyring, token, state.database.now_ms(session))
        organization = get_organization(session, found.organization_id) if found is not None else None
        if found is None or organization is None:
            raise NotFound(_DEAD)
        known = found.email is not None and _account(session, found.email) is not None
        return Offer(found, organization, known)


def join(token: str, answer: Answer, visitor: Caller | None = None, former: str | None = None) -> str | None:
    """Take the place that a link offers. The token of the session it begins; None for a visitor who is that person
    already, whose session is in the organization from now on. NotFound, Invalid, Unauthorized (not the password of the
    account that is there), Conflict, RateLimited, Unavailable."""
    count_attempt()
    offer = offer_of(token)
    email = _email(offer, answer)
    state = services()
    with state.database.read(EVERY_ORGANIZATION) as session:
        account = _account(session, email)
    same = account is not None and visitor is not None and visitor.person_id == account.id
    fresh = None
    if account is None:
        fresh = hashed(_of_somebody_new(answer, email))
    elif not same:
        count_email(email)
        account = proven(email, answer.password or "")
    with state.database.write(EVERY_ORGANIZATION, Urgency.PEOPLE) as session:
        now_ms = state.database.now_ms(session)
        invitation = invitation_of(session, state.keyring, token, now_ms, lock=True)
        if invitation is None:
            raise NotFound(_DEAD)
        person = _unchanged(session, account) if account else _new(session, email, answer, fresh or "", now_ms)
        if invitation.email is None and answer.organization:
            _rename(session, invitation.organization_id, answer.organization, now_ms)
        act_as_person(person.id, person.name)
        member = accept(session, invitation, person, now_ms)
        if same and visitor is not None and visitor.session_id is not None:
            switch_web_session(session, visitor.session_id, member.organization_id)
            return None
        if former is not None:
            end_web_session(session, state.keyring, former)
        return begin_web_session(session, state.keyring, member, now_ms, whence())


def _email(offer: Offer, answer: Answer) -> str:
    if offer.invitation.email is None:
        if answer.email is None:
            raise Invalid({"email": ["is required: a setup link is for nobody in particular"]})
        return answer.email
    if answer.email not in (None, offer.invitation.email):
        raise Invalid({"email": ["is not the one that was invited"]})
    if answer.organization is not None:
        raise Invalid({"organization": ["is named by who sets it up, not by who is invited"]})
    return offer.invitation.email


def _account(session: Session, email: str) -> Person | None:
    """Somebody who is a member anywhere; who was removed everywhere is new here."""
    person = find_person(session, email)
    return person if person is not None and places_of(session, person.id) else None


def _of_somebody_new(answer: Answer, email: str) -> str:
    missing = {name: ["is required"] for name in ("name", "password") if not getattr(answer, name)}
    if missing:
        raise Invalid(missing)
    try:
        refuse_email(answer.password or "", email)
        return new_password(answer.password or "")
    except ValueError as error:
        raise Invalid({"password": [str(error)]}) from None


def _unchanged(session: Session, account: Person) -> Person:
    same = get_person(session, account.id, lock=True)
    if same is None or same.password_hash != account.password_hash:
        raise Unauthorized(WRONG)
    return same


def _new(session: Session, email: str, answer: Answer, password_hash: str, now_ms: int) -> Person:
    left = find_person(session, email)
    if left is not None and places_of(session, left.id):
        raise Conflict(_AT_ONCE)
    if left is not None:
        left.name = answer.name or email
        set_password(session, left, password_hash, now_ms)
        return left
    try:
        return create_person(
            session, email=email, name=answer.name or email, password_hash=password_hash, now_ms=now_ms
        )
    except TakenError:
        raise Conflict(_AT_ONCE) from None


def _rename(session: Session, organization_id: str, name: str, now_ms: int) -> None:
    organization = get_organization(session, organization_id)
    if organization is not None:
        update_organization(
            session, organization, name=name, default_locations=organization.default_locations, now_ms=now_ms
        )
