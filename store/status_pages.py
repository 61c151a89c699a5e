"""Status pages: made, changed, deleted, found by their address; and how the checks on one stand."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
from sqlalchemy import func, or_, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, defer

from model.health import Health, Verdict, health
from model.ids import new_id
from model.outcome import RunStatus
from store.counting import one_page
from store.status_tables import StatusPage
from store.tables import Check, LocationState


class TakenError(ValueError):
    """Another page has this slug."""


class PageFields(msgspec.Struct, frozen=True, kw_only=True):
    """What people say of a page; see StatusPage. `logo`: (its type, the picture)."""

    slug: str
    title: str
    public: bool
    groups: list[dict[str, Any]]
    colours: dict[str, str]
    logo: tuple[str, bytes] | None


class Shown(msgspec.Struct, frozen=True):
    """A check as far as strangers may know it, and its tags, which say what maintenance covers it."""

    check_id: str
    name: str
    tags: tuple[str, ...]
    health: Health
    since_ms: int | None


def create_page(session: Session, organization_id: str, fields: PageFields, now_ms: int) -> StatusPage:
    """A new page. TakenError."""
    page = StatusPage(
        id=new_id("page", now_ms), organization_id=organization_id, created_ms=now_ms, updated_ms=now_ms, **_row(fields)
    )
    session.add(page)
    _flush(session)
    return page


def update_page(session: Session, page: StatusPage, fields: PageFields, now_ms: int) -> None:
    """Other fields. TakenError."""
    for name, value in _row(fields).items():
        if getattr(page, name) != value:
            setattr(page, name, value)
            page.updated_ms = now_ms
    _flush(session)


def delete_page(session: Session, page: StatusPage) -> None:
    """Gone, with what was posted on it and who wanted to hear of it."""
    session.delete(page)
    session.flush()


def get_page(session: Session, page_id: str, *, lock: bool = False) -> StatusPage | None:
    """`lock`: nobody else changes it, or posts on it, until this transaction ends."""
    wanted = select(StatusPage).where(StatusPage.id == page_id)
    return session.scalars(wanted.with_for_update() if lock else wanted).one_or_none()


def page_of_slug(session: Session, slug: str) -> StatusPage | None:
    """The page at an address, whoever's it is: in a session of EVERY_ORGANIZATION."""
    return session.scalars(select(StatusPage).where(StatusPage.slug == slug)).one_or_none()


def list_pages(session: Session, *, page: tuple[int, int] = (0, 20)) -> tuple[list[StatusPage], int]:
    """Pages, newest first, their logos unread; `page` = (offset, how many); and how many there are."""
    newest_first = select(StatusPage).order_by(StatusPage.created_ms.desc(), StatusPage.id.desc())
    return one_page(session, newest_first.options(defer(StatusPage.logo)), page)


Rests = Callable[[str, Sequence[str]], bool]
"""(check id, its tags) -> whether it is in a maintenance window now"""


def shown_checks(session: Session, check_ids: Sequence[str], now_ms: int, rests: Rests) -> dict[str, Shown]:
    """Those of these checks that are not deleted, by id: two queries, whatever else the organization has. `since_ms`:
    since when it is down, where it is."""
    states: dict[str, list[Any]] = defaultdict(list)
    asked = select(
        LocationState.check_id, LocationState.location, LocationState.status, LocationState.degraded,
        LocationState.since_ms, LocationState.fresh_until_ms,
    ).where(LocationState.check_id.in_(check_ids), LocationState.status.is_not(None))  # fmt: skip
    for row in session.execute(asked):
        states[row.check_id].append(row)
    wanted = select(Check.id, Check.name, Check.kind, Check.status, Check.locations, Check.definition)
    found = {}
    for check_id, name, kind, status, locations, definition in session.execute(
        wanted.where(Check.id.in_(check_ids), Check.deleted_ms.is_(None))
    ):
        names = ["heartbeat"] if kind == "heartbeat" else locations
        of_it = [state for state in states[check_id] if state.location in names]
        verdicts = [Verdict(one.status == RunStatus.FAILED, one.degraded, one.fresh_until_ms or 0) for one in of_it]
        tags = tuple(definition.get("tags") or ())
        now = health(verdicts, now_ms=now_ms, paused=status == "paused", maintenance=rests(check_id, tags))
        since = [one.since_ms for one in of_it if one.status == RunStatus.FAILED and one.since_ms is not None]
        since_ms = min(since) if since and now == Health.DOWN else None
        found[check_id] = Shown(check_id, name, tags, now, since_ms)
    return found


def badge_check(session: Session, check_id: str) -> str | None:
    """Whose check it is, if anybody may see its badges; in a session of EVERY_ORGANIZATION."""
    wanted = select(Check.organization_id, Check.definition).where(Check.id == check_id, Check.deleted_ms.is_(None))
    row = session.execute(wanted).one_or_none()
    return row.organization_id if row is not None and row.definition.get("badge") is True else None


MOST_OFFERED = 2_000


def offered_checks(session: Session) -> list[tuple[str, str]]:
    """(id, name) of checks that can be put on a page, by name: the first MOST_OFFERED."""
    wanted = select(Check.id, Check.name).where(Check.deleted_ms.is_(None)).order_by(func.lower(Check.name), Check.id)
    return [(check_id, name) for check_id, name in session.execute(wanted.limit(MOST_OFFERED))]


def called_checks(session: Session, texts: Sequence[str]) -> list[tuple[str, str]]:
    """(id, name) of checks that have one of these texts as their name or id, or share a name with one that has."""
    there = select(Check.id, Check.name).where(Check.deleted_ms.is_(None))
    names = select(Check.name).where(Check.deleted_ms.is_(None), or_(Check.id.in_(texts), Check.name.in_(texts)))
    return [(check_id, name) for check_id, name in session.execute(there.where(Check.name.in_(names)).limit(5_000))]


def _row(fields: PageFields) -> dict[str, Any]:
    kind, logo = fields.logo or (None, None)
    return {
        "slug": fields.slug, "title": fields.title, "public": fields.public, "groups": fields.groups,
        "colours": fields.colours, "logo": logo, "logo_type": kind,
    }  # fmt: skip


def _flush(session: Session) -> None:
    try:
        session.flush()
    except IntegrityError:
        raise TakenError("another page has this slug") from None
