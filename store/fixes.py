"""Fixes of incidents as they are stored: asked for, taken by who works at them, ended."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import msgspec
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from model.ids import new_id
from store.fix_tables import IncidentFix
from store.incident_tables import Incident
from store.statements import rows

RUNNING, PROPOSED, FALLBACK = "running", "proposed", "fallback"
KEPT = 20
"""Fixes of an incident; older ones go when another is asked for, but for the newest that was proposed."""
TOPIC = "fixes"
"""The wake-up that a fix was asked for."""


class NewFix(msgspec.Struct, frozen=True):
    """What is asked for: `project_id` None where there is no repository to look at."""

    project_id: str | None
    asked_by: str


def running_fix(session: Session, incident_id: str) -> IncidentFix | None:
    """The one that somebody is at, or will be."""
    wanted = select(IncidentFix).where(IncidentFix.incident_id == incident_id, IncidentFix.status == RUNNING)
    return session.scalars(wanted).one_or_none()


def add_fix(session: Session, incident: Incident, new: NewFix, now_ms: int) -> IncidentFix:
    """For an incident that is held and has none that runs."""
    row = IncidentFix(
        id=new_id("fix", now_ms), organization_id=incident.organization_id, incident_id=incident.id, status=RUNNING,
        label=incident.label, reason=None, plan=[], diff=None, project_id=new.project_id, revision=None,
        asked_by=new.asked_by, created_ms=now_ms, done_ms=None, owner=None, until_ms=0, tries=0,
    )  # fmt: skip
    session.add(row)
    session.flush()
    found = fixes_of(session, incident.id)
    proposed = next((each for each in found if each.status == PROPOSED), None)
    for old in found[KEPT:]:
        if old is not proposed:
            session.delete(old)
    session.flush()
    return row


def fixes_of(session: Session, incident_id: str) -> list[IncidentFix]:
    """All that are kept, the newest first."""
    wanted = select(IncidentFix).where(IncidentFix.incident_id == incident_id)
    return list(session.scalars(wanted.order_by(IncidentFix.created_ms.desc(), IncidentFix.id.desc())))


def get_fix(session: Session, fix_id: str, *, lock: bool = False) -> IncidentFix | None:
    wanted = select(IncidentFix).where(IncidentFix.id == fix_id)
    return session.scalars(wanted.with_for_update() if lock else wanted).one_or_none()


def newest_fixes(session: Session, incident_ids: Collection[str]) -> dict[str, IncidentFix]:
    """By incident."""
    rank = func.row_number().over(
        partition_by=IncidentFix.incident_id, order_by=(IncidentFix.created_ms.desc(), IncidentFix.id.desc())
    )
    ranked = select(IncidentFix.id, rank.label("place")).where(IncidentFix.incident_id.in_(incident_ids)).subquery()
    wanted = select(IncidentFix).join(ranked, ranked.c.id == IncidentFix.id).where(ranked.c.place == 1)
    return {row.incident_id: row for row in session.scalars(wanted)}


_WAITS = "SELECT 1 FROM incident_fixes WHERE status = ? AND until_ms <= ? LIMIT 1"


def fix_waits(session: Session, now_ms: int) -> bool:
    """Whether there is one that nobody is at. A session of all."""
    return bool(rows(session, _WAITS, RUNNING, now_ms))


def take_fixes(session: Session, owner: str, most: int, now_ms: int, until_ms: int) -> Sequence[IncidentFix]:
    """Those that nobody is at, or whose owner has not been heard of: theirs from now on. A session of all."""
    wanted = select(IncidentFix).where(IncidentFix.status == RUNNING, IncidentFix.until_ms <= now_ms)
    ordered = wanted.order_by(IncidentFix.created_ms, IncidentFix.id).limit(most)
    taken = session.scalars(ordered.with_for_update(skip_locked=True)).all()
    for row in taken:
        row.owner, row.until_ms, row.tries = owner, until_ms, row.tries + 1
    session.flush()
    return taken


def keep_fix(session: Session, fix_id: str, owner: str, until_ms: int) -> bool:
    """Say that it is still being worked at; False where it is somebody else's, or ended."""
    row = get_fix(session, fix_id, lock=True)
    if row is None or row.owner != owner or row.status != RUNNING:
        return False
    row.until_ms = until_ms
    session.flush()
    return True
