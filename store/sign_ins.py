"""Browsers that come and go, in the audit log: signed in, signed out, refused."""

from __future__ import annotations

from sqlalchemy.orm import Session

from store.api_keys import key_of_text
from store.audit import Target, note
from store.keyring import Keyring
from store.organizations import first_organization
from store.people import find_person, places_of


def note_sign_in(session: Session, organization_id: str, who: Target) -> None:
    """A browser signed in with a key, or as a person."""
    note(session, organization_id, "session.began", who)


def note_sign_out(session: Session, organization_id: str, who: Target) -> None:
    """A browser signed out; also one whose key or password has changed since."""
    note(session, organization_id, "session.ended", who)


def note_refused_key(session: Session, keyring: Keyring, presented: str, reason: str) -> None:
    """Somebody tried to sign in with a key that opens nothing (any more). The session sees every organization; what was
    presented is kept nowhere."""
    key = key_of_text(session, keyring, presented)
    if key is None:
        _note_stranger(session, Target("key", None, ""), reason)
    else:
        note(session, key.organization_id, "session.refused", Target("key", key.id, key.name), after={"reason": reason})


def note_refused_person(session: Session, email: str, reason: str) -> None:
    """Somebody tried a wrong password: told wherever that person is a member. The session sees every organization."""
    person = find_person(session, email)
    places = [] if person is None else places_of(session, person.id)
    if person is None or not places:
        _note_stranger(session, Target("person", None, ""), reason)
    for member, _ in places:
        who = Target("person", member.person_id, person.name if person is not None else "")
        note(session, member.organization_id, "session.refused", who, after={"reason": reason})


def _note_stranger(session: Session, who: Target, reason: str) -> None:
    """What is nobody's concerns whoever runs Tracer: the first organization."""
    concerned = first_organization(session)
    if concerned is not None:
        note(session, concerned.id, "session.refused", who, after={"reason": reason})
