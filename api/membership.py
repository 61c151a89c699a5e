"""What admins do with members: invite, give another role, remove. Pages and REST share it; who may what is said here.

Only an owner makes an owner or touches one, and the last owner stays. An owner is a person, or the key of the first
start: no key that is made later, whatever its scopes.
"""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass

from sqlalchemy.orm import Session

from api.access import Caller
from api.attempts import count_invitation
from api.errors import Conflict, Forbidden, NotFound
from api.invitation_mail import InvitationMail, send_invitation
from api.services import services
from model.people import Role
from store import members as stored
from store.invitations import AlreadyMemberError, Invited, invitation_for, invite
from store.members import Member
from store.organizations import get_organization
from store.people import TakenError, forget_if_nowhere
from store.people_tables import Membership
from store.sessions import EVERY_ORGANIZATION
from store.write_lock import Urgency

INVITE_PATH, SETUP_PATH = "/invite/", "/setup/"
_OWNERS_ONLY = "Only an owner makes an owner, or changes or removes one"
_LAST = "This is the last owner: make somebody else an owner first"
_BUSY = "Somebody is doing the same at this moment: look at the list and try again"


@dataclass(frozen=True)
class Sent:
    """An invitation, its link (shown this once), and whether it was mailed; `unsent` says why it was not though there
    is a mail server."""

    member: Membership
    url: str
    mailed: bool
    unsent: str | None = None


def find_member(session: Session, member_id: str, *, lock: bool = False) -> Member:
    """One of the session's organization. NotFound."""
    found = stored.get_member(session, member_id, lock=lock)
    if found is None:
        raise NotFound("There is no such member")
    return found


def invite_member(who: Caller, email: str, role: Role, name: str | None = None) -> Sent:
    """A new link for this email; the former is dead. Conflict, Forbidden, RateLimited."""
    count_invitation(who.organization_id)
    state = services()
    with state.database.write(who.organization_id, Urgency.PEOPLE) as session:
        now_ms = state.database.now_ms(session)
        former = invitation_for(session, email)
        _refuse_but_owners(session, who, role, former.role if former is not None else role)
        wanted = Invited(who.organization_id, email, role, who.name, name or "")
        try:
            member, token = invite(session, state.keyring, wanted, now_ms)
        except AlreadyMemberError:
            raise Conflict(f"{email} is a member already") from None
        except TakenError:
            raise Conflict(_BUSY) from None
        organization = get_organization(session, who.organization_id)
        called = organization.name if organization is not None else who.organization_id
    url = f"{state.public_url}{INVITE_PATH}{token}"
    if not state.settings.smtp_url:
        return Sent(member, url, mailed=False)
    mail = InvitationMail(member.id, email, who.name, called, role, url)
    unsent = send_invitation(mail, state.settings, state.keyring, now_ms)
    return Sent(member, url, mailed=unsent is None, unsent=unsent)


def change_role(who: Caller, member_id: str, role: Role) -> Member:
    """Forbidden, Conflict (the last owner; a key, whose rights are its scopes), NotFound."""
    state = services()
    with state.database.write(who.organization_id, Urgency.PEOPLE) as session:
        owners = stored.hold_owners(session)
        member, person = find_member(session, member_id, lock=True)
        _refuse_but_owners(session, who, role, member.role)
        if role == member.role:
            return member, person
        if member.api_key_id is not None:
            raise Conflict("This owner is a key: it can be removed, not made something else")
        if member.email is None:
            raise Conflict("A setup link makes an owner: invite whoever should be something else")
        if owners == {member.id}:
            raise Conflict(_LAST)
        stored.change_role(session, member, role)
    return member, person


def remove_member(who: Caller, member_id: str) -> None:
    """Forbidden, Conflict (the last owner), NotFound."""
    state = services()
    with state.database.write(who.organization_id, Urgency.PEOPLE) as session:
        owners = stored.hold_owners(session)
        member, _ = find_member(session, member_id, lock=True)
        refuse_removal(session, who, member, owners)
        stored.remove_member(session, member, state.database.now_ms(session))
    if member.person_id is not None:
        with state.database.write(EVERY_ORGANIZATION, Urgency.PEOPLE) as session:
            forget_if_nowhere(session, member.person_id)


def refuse_removal(session: Session, who: Caller, member: Membership, owners: Set[str]) -> None:
    """Forbidden or Conflict unless this caller may remove this member; `owners` as store.members.hold_owners says."""
    _refuse_but_owners(session, who, member.role)
    if owners == {member.id}:
        raise Conflict(_LAST)


def _refuse_but_owners(session: Session, who: Caller, *roles: str) -> None:
    if Role.OWNER in roles and not stored.is_owner(session, person_id=who.person_id, key_id=who.key_id):
        raise Forbidden(_OWNERS_ONLY)
