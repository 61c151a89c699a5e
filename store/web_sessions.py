"""Browsers that signed in: each is a random token, kept as its keyed hash, good for as long as the key behind it.

`expires_ms` says it all: seven days after the sign-in or twelve hours after the last page, whichever comes first.
"""

from __future__ import annotations

import secrets

from sqlalchemy import ColumnElement, case, delete, select, update
from sqlalchemy.orm import Session

from model.times import DAY_MS, HOUR_MS
from store.keyring import Keyring
from store.sign_ins import note_sign_in, note_sign_out
from store.tables import ApiKey, WebSession

LASTS_MS = 7 * DAY_MS
IDLE_MS = 12 * HOUR_MS
_TOKEN_BYTES = 32
_TOKEN_CHARACTERS = 43


def begin_web_session(session: Session, keyring: Keyring, key: ApiKey, now_ms: int) -> str:
    """Sign a browser in with a key; returns the token its cookie carries. Sessions that are over go at this occasion:
    the session sees every organization."""
    _delete(session, WebSession.expires_ms <= now_ms)
    token = secrets.token_urlsafe(_TOKEN_BYTES)
    session.add(
        WebSession(
            token_hash=keyring.hash_key(token),
            organization_id=key.organization_id,
            api_key_id=key.id,
            created_ms=now_ms,
            seen_ms=now_ms,
            expires_ms=now_ms + IDLE_MS,
        )
    )
    session.flush()
    note_sign_in(session, key)
    return token


def web_session_of(session: Session, keyring: Keyring, token: str, now_ms: int) -> tuple[WebSession, ApiKey] | None:
    """Who a cookie belongs to; None when it is unknown or over, or its key was revoked or has expired. The session sees
    every organization: whose it is is the answer."""
    if len(token) != _TOKEN_CHARACTERS:
        return None
    statement = (
        select(WebSession, ApiKey)
        .join(ApiKey, ApiKey.id == WebSession.api_key_id)
        .where(WebSession.token_hash == keyring.hash_key(token), WebSession.expires_ms > now_ms)
        .where(ApiKey.revoked_ms.is_(None))
    )
    found = session.execute(statement).one_or_none()
    if found is None:
        return None
    row, key = found
    return (row, key) if key.expires_ms is None or key.expires_ms > now_ms else None


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


def end_web_session(session: Session, keyring: Keyring, token: str) -> None:
    """Sign out: the cookie opens nothing any more. Ending what is over changes nothing."""
    wanted = WebSession.token_hash == keyring.hash_key(token)
    _note_ends(session, wanted)
    _delete(session, wanted)


def end_web_sessions_of_key(session: Session, api_key_id: str) -> None:
    """Sign out every browser that signed in with a key: what opened the key is not the same any more."""
    wanted = WebSession.api_key_id == api_key_id
    _note_ends(session, wanted)
    _delete(session, wanted)


def _note_ends(session: Session, condition: ColumnElement[bool]) -> None:
    """Whose sessions end now, one event each."""
    keys = select(WebSession.organization_id, ApiKey.id, ApiKey.name).join(ApiKey, ApiKey.id == WebSession.api_key_id)
    for organization_id, key_id, name in session.execute(keys.where(condition)):
        note_sign_out(session, organization_id, key_id, name)


def _delete(session: Session, condition: object) -> None:
    session.execute(delete(WebSession).where(condition).execution_options(synchronize_session=False))  # type: ignore[arg-type]
