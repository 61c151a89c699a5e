"""Browsers that come and go, in the audit log: signed in, signed out, refused."""

from __future__ import annotations

from sqlalchemy.orm import Session

from store.api_keys import key_of_text
from store.audit import Target, note
from store.keyring import Keyring
from store.organizations import first_organization
from store.tables import ApiKey


def note_sign_in(session: Session, key: ApiKey) -> None:
    """A browser signed in with a key."""
    note(session, key.organization_id, "session.began", _target(key))


def note_sign_out(session: Session, organization_id: str, key_id: str, key_name: str) -> None:
    """A browser signed out; also one whose key has changed since."""
    note(session, organization_id, "session.ended", Target("key", key_id, key_name))


def note_refused(session: Session, keyring: Keyring, presented: str, reason: str) -> None:
    """Somebody tried to sign in with what opens nothing (any more). What is nobody's key concerns whoever runs Tracer:
    the first organization. The session sees every organization; what was presented is kept nowhere."""
    key = key_of_text(session, keyring, presented)
    target = Target("key", None, "") if key is None else _target(key)
    concerned = first_organization(session) if key is None else None
    organization_id = key.organization_id if key is not None else concerned.id if concerned is not None else None
    if organization_id is not None:
        note(session, organization_id, "session.refused", target, after={"reason": reason})


def _target(key: ApiKey) -> Target:
    return Target("key", key.id, key.name)
