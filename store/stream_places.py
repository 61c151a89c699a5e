"""The streams that are open, counted in the database: several processes of the API count together.

A place is leased: the process that serves a stream renews it, gives it back when the stream ends, and if it dies the
place is free LASTS_MS later.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from sqlalchemy import delete, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from model.ids import new_id
from store.people_tables import Membership
from store.statements import is_sqlite
from store.tables import ApiKey, StreamPlace, WebSession

LASTS_MS = 25_000
"""One that has gone without a word stops counting within 30 s."""
_TRIES = 20


class Listener(NamedTuple):
    """By what somebody listens: the id of an API key (`key_…`) or of a sign-in (`ses_…`), in an organization; or the
    subject of a JSON Web Token, which ends by itself at `until_ms`."""

    id: str
    organization_id: str
    until_ms: int | None = None


def take_place(session: Session, organization_id: str, holder: str, most: int, now_ms: int) -> str | None:
    """The id of a place for one more stream of this holder; None when all of them are taken. The session sees every
    organization."""
    session.execute(
        delete(StreamPlace)
        .where(StreamPlace.holder == holder, StreamPlace.until_ms <= now_ms)
        .execution_options(synchronize_session=False)
    )
    insert = sqlite.insert if is_sqlite(session) else postgresql.insert
    for _ in range(_TRIES):  # another process may take the same place at the same time
        taken = set(session.scalars(select(StreamPlace.number).where(StreamPlace.holder == holder)))
        free = next((number for number in range(most) if number not in taken), None)
        if free is None:
            return None
        place = insert(StreamPlace).values(
            id=new_id("str", now_ms), organization_id=organization_id, holder=holder, number=free,
            until_ms=now_ms + LASTS_MS,
        )  # fmt: skip
        place_id = session.scalars(place.on_conflict_do_nothing().returning(StreamPlace.id)).one_or_none()
        if place_id is not None:
            return place_id
    return None


def keep_places(session: Session, place_ids: Collection[str], now_ms: int) -> None:
    """These streams are open still. The session sees every organization."""
    session.execute(
        update(StreamPlace)
        .where(StreamPlace.id.in_(place_ids))
        .values(until_ms=now_ms + LASTS_MS)
        .execution_options(synchronize_session=False)
    )


def leave_places(session: Session, place_ids: Collection[str]) -> None:
    """These streams have ended. The session sees every organization."""
    session.execute(
        delete(StreamPlace).where(StreamPlace.id.in_(place_ids)).execution_options(synchronize_session=False)
    )


def leave_all_places(session: Session) -> None:
    """No stream is open: for the start of the only process there is. The session sees every organization."""
    session.execute(delete(StreamPlace).execution_options(synchronize_session=False))


def still_listening(session: Session, listeners: Collection[Listener], now_ms: int) -> set[Listener]:
    """Those whose key is not revoked and has not run out, whose sign-in is not over, whose person is still a member of
    that organization. The session sees every organization."""
    ids = [listener.id for listener in listeners]
    good_key = (ApiKey.revoked_ms.is_(None), or_(ApiKey.expires_ms.is_(None), ApiKey.expires_ms > now_ms))
    keys = select(ApiKey.id, ApiKey.organization_id).where(ApiKey.id.in_(ids), *good_key)
    of_sign_ins = select(WebSession.id, WebSession.organization_id).where(
        WebSession.id.in_(ids), WebSession.expires_ms > now_ms
    )
    by_key = of_sign_ins.join(ApiKey, ApiKey.id == WebSession.api_key_id).where(*good_key)
    by_person = of_sign_ins.join(
        Membership,
        (Membership.person_id == WebSession.person_id)
        & (Membership.organization_id == WebSession.organization_id)
        & (Membership.status == "active"),
    )
    found = {Listener(*row) for query in (keys, by_key, by_person) for row in session.execute(query)}
    by_token = {listener for listener in listeners if listener.until_ms is not None and listener.until_ms > now_ms}
    return (found & set(listeners)) | by_token
