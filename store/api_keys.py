"""API keys: made, found by their keyed hash, listed, revoked. The key itself is kept nowhere."""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import or_, select, update
from sqlalchemy.orm import Session

from model.ids import new_id
from model.keys import API_KEY, hint_of, new_key
from model.people import Role
from store.audit import UNAUDITED
from store.counting import one_page
from store.keyring import Keyring
from store.people_tables import Membership
from store.tables import ApiKey

SCOPES = ("read", "run", "write", "ingest", "admin")
"""Everything a key may be allowed; an owner's key has all of them."""


@dataclass(frozen=True)
class NewApiKey:
    """What is asked for; `expires_ms` None: never. `text`: a key that somebody chose, under an id of its own.
    `projects`: ids of those whose telemetry it may see, None for all."""

    organization_id: str
    name: str
    scopes: Sequence[str]
    expires_ms: int | None = None
    text: str | None = None
    key_id: str | None = None
    projects: Sequence[str] | None = None


def create_api_key(session: Session, keyring: Keyring, wanted: NewApiKey, now_ms: int) -> tuple[ApiKey, str]:
    """A row, and the key that opens it, to be shown this once."""
    key = wanted.text or new_key(API_KEY)
    row = ApiKey(
        id=wanted.key_id or new_id("key", now_ms),
        organization_id=wanted.organization_id,
        name=wanted.name,
        key_hash=keyring.hash_key(key),
        hint=hint_of(key),
        scopes=list(wanted.scopes),
        created_ms=now_ms,
        expires_ms=wanted.expires_ms,
        projects=None if wanted.projects is None else list(wanted.projects),
    )
    session.add(row)
    session.flush()
    return row, key


def authenticate(session: Session, keyring: Keyring, presented: str, now_ms: int) -> ApiKey | None:
    """The key somebody presents; None when it is unknown, revoked or expired. The session sees every organization:
    whose key it is is the answer."""
    row = key_of_text(session, keyring, presented)
    if row is None or row.revoked_ms is not None:
        return None
    return row if row.expires_ms is None or row.expires_ms > now_ms else None


def key_of_text(session: Session, keyring: Keyring, presented: str) -> ApiKey | None:
    """Whose key this is or once was, whether it opens anything or not. The session sees every organization."""
    wanted = keyring.hash_key(presented)
    row = session.scalars(select(ApiKey).where(ApiKey.key_hash == wanted)).one_or_none()
    # The look-up is by a keyed hash, so its timing tells nothing of the key; the comparison holds if that changes.
    return row if row is not None and hmac.compare_digest(row.key_hash, wanted) else None


def touch_api_key(session: Session, key_id: str, now_ms: int) -> None:
    """A key was used then; never moves back. Requests don't call this, they note it (store/uses.py)."""
    session.execute(
        update(ApiKey)
        .where(ApiKey.id == key_id, or_(ApiKey.last_used_ms.is_(None), ApiKey.last_used_ms < now_ms))
        .values(last_used_ms=now_ms)
        .execution_options(synchronize_session=False, **{UNAUDITED: True})
    )


def list_api_keys(session: Session, *, offset: int = 0, limit: int = 20) -> tuple[list[ApiKey], int]:
    """Keys that are not revoked, newest first, and how many there are (counted to 10,001)."""
    statement = select(ApiKey).where(ApiKey.revoked_ms.is_(None))
    return one_page(session, statement.order_by(ApiKey.created_ms.desc(), ApiKey.id.desc()), (offset, limit))


def get_api_key(session: Session, key_id: str) -> ApiKey | None:
    """A key of this session's organization that is not revoked."""
    return session.scalars(select(ApiKey).where(ApiKey.id == key_id, ApiKey.revoked_ms.is_(None))).one_or_none()


def is_last_admin(session: Session, key_id: str) -> bool:
    """Whether nobody could make or delete a key any more without this one: no person, and no key but those that expire
    some day."""
    people = select(Membership.id).where(
        Membership.person_id.is_not(None), Membership.role.in_((Role.OWNER, Role.ADMIN)), Membership.status == "active"
    )
    if session.scalars(people.limit(1)).first() is not None:
        return False
    statement = select(ApiKey.id, ApiKey.scopes).where(ApiKey.revoked_ms.is_(None), ApiKey.expires_ms.is_(None))
    admins = {found for found, scopes in session.execute(statement.with_for_update()) if "admin" in scopes}
    return admins == {key_id}


def revoke_api_key(session: Session, key_id: str, now_ms: int) -> bool:
    """From now on it opens nothing; False when there is no such key that is not revoked yet."""
    row = get_api_key(session, key_id)
    if row is None:
        return False
    row.revoked_ms = now_ms
    session.flush()
    return True
