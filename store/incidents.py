"""Incidents as they are stored: held, read, listed, and what is written of their history."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import msgspec
from sqlalchemy import ColumnElement, exists, func, or_, select, tuple_
from sqlalchemy.orm import Session

from model.ids import new_id
from store.incident_tables import Incident, IncidentChange, IncidentMember
from store.statements import run

OPEN, INVESTIGATING, FIXED, IGNORED = "open", "investigating", "fixed", "ignored"
OPENED = "opened"
"""The first line of a history."""
STATUSES = (OPEN, INVESTIGATING, FIXED, IGNORED)
_MAKE = (
    "INSERT INTO incidents (organization_id, id, cluster_key, title, label, tally, status, count, first_ms, last_ms, "
    "created_ms) VALUES (?, ?, ?, ?, '', ?::jsonb, 'open', 0, 0, 0, ?) "
    "ON CONFLICT (organization_id, cluster_key) DO NOTHING"
)


class IncidentFilter(msgspec.Struct, frozen=True):
    """Which incidents a list shows; None: any. `projects`: those that something of these projects is a member of."""

    projects: Collection[int] | None = None
    status: str | None = None
    label: str | None = None
    owner_id: str | None = None
    before: tuple[int, str] | None = None


def hold_incidents(
    session: Session, organization_id: str, titles: Mapping[str, str], incident_ids: Collection[str], now_ms: int
) -> list[Incident]:
    """Those of these clusters (key: title), made where there are none, and those of these ids, as far as they are
    there: nobody else's until this transaction ends. All at once: who holds some must not ask for more."""
    known = select(Incident.cluster_key).where(Incident.id.in_(incident_ids))
    keys = sorted({*titles, *(session.scalars(known) if incident_ids else ())})
    for key in keys:
        if key in titles:
            made = new_id("inc", now_ms)
            run(session, _MAKE, organization_id, made, key, titles[key], "{}", now_ms, of=organization_id)
    wanted = select(Incident).where(Incident.organization_id == organization_id, Incident.cluster_key.in_(keys))
    held = wanted.order_by(Incident.cluster_key).with_for_update().execution_options(populate_existing=True)
    return list(session.scalars(held))


def get_incident(session: Session, incident_id: str, *, lock: bool = False) -> Incident | None:
    """By id. `lock`: nobody else changes it until this transaction ends."""
    wanted = select(Incident).where(Incident.id == incident_id)
    return session.scalars(wanted.with_for_update() if lock else wanted).one_or_none()


def list_incidents(session: Session, wanted: IncidentFilter, limit: int) -> list[Incident]:
    """Those that something happened to last come first. `before`: (last_ms, id) of the last one of the page before."""
    terms: list[ColumnElement[bool]] = []
    if wanted.projects is not None:
        of_them = IncidentMember.project.in_(wanted.projects)
        terms.append(exists().where(IncidentMember.incident_id == Incident.id, of_them))
    for column, value in ((Incident.status, wanted.status), (Incident.label, wanted.label),
                          (Incident.owner_id, wanted.owner_id)):  # fmt: skip
        if value is not None:
            terms.append(column == value)
    if wanted.before is not None:
        terms.append(tuple_(Incident.last_ms, Incident.id) < tuple_(*wanted.before))
    order = (Incident.last_ms.desc(), Incident.id.desc())
    return list(session.scalars(select(Incident).where(*terms).order_by(*order).limit(limit)))


def newest_members(
    session: Session, incident_id: str, kind: str, limit: int, projects: Collection[int] | None = None
) -> list[IncidentMember]:
    """Of one kind, those that failed last come first. `projects`: only of these."""
    wanted = select(IncidentMember).where(IncidentMember.incident_id == incident_id, IncidentMember.kind == kind)
    if projects is not None:
        wanted = wanted.where(IncidentMember.project.in_(projects))
    order = (IncidentMember.last_ms.desc(), IncidentMember.member.desc())
    return list(session.scalars(wanted.order_by(*order).limit(limit)))


def count_members(session: Session, incident_id: str, projects: Collection[int] | None) -> dict[str, int]:
    """By kind, how many there are. `projects`: sessions count only of these."""
    wanted = select(IncidentMember.kind, func.count()).where(IncidentMember.incident_id == incident_id)
    if projects is not None:
        wanted = wanted.where(or_(IncidentMember.kind != "session", IncidentMember.project.in_(projects)))
    return {kind: int(count) for kind, count in session.execute(wanted.group_by(IncidentMember.kind))}


def members_named(
    session: Session, incident_ids: Collection[str], names: Collection[str]
) -> dict[tuple[str, str, str], IncidentMember]:
    """What is a member of any of these incidents under any of these names, by (incident, kind, name)."""
    wanted = select(IncidentMember).where(
        IncidentMember.incident_id.in_(incident_ids), IncidentMember.member.in_(names)
    )
    return {(each.incident_id, each.kind, each.member): each for each in session.scalars(wanted)}


def sessions_within(session: Session, incident_id: str, projects: Collection[int]) -> tuple[int, int]:
    """(how many of its sessions are of these projects, how many of others or of none)."""
    of_it = select(func.count()).select_from(IncidentMember).where(
        IncidentMember.incident_id == incident_id, IncidentMember.kind == "session"
    )  # fmt: skip
    inside = IncidentMember.project.in_(projects)
    outside = or_(IncidentMember.project.is_(None), IncidentMember.project.not_in(projects))
    return session.scalar(of_it.where(inside)) or 0, session.scalar(of_it.where(outside)) or 0


def changes_of(session: Session, incident_id: str) -> list[IncidentChange]:
    """Its history, oldest first."""
    wanted = select(IncidentChange).where(IncidentChange.incident_id == incident_id)
    return list(session.scalars(wanted.order_by(IncidentChange.number)))


def add_change(
    session: Session, incident: Incident, kind: str, at_ms: int, *, by: str | None = None, was: str | None = None,
    became: str | None = None, note: str = "",
) -> None:  # fmt: skip
    """A line of the history of an incident that is held."""
    counted = select(func.count()).select_from(IncidentChange).where(IncidentChange.incident_id == incident.id)
    session.add(
        IncidentChange(
            id=new_id("inch", at_ms), organization_id=incident.organization_id, incident_id=incident.id,
            number=(session.scalar(counted) or 0) + 1, at_ms=at_ms, kind=kind, by=by, was=was, became=became, note=note,
        )
    )  # fmt: skip
    session.flush()


def span_of_members(session: Session, incident_id: str) -> tuple[int, int]:
    """(first_ms, last_ms) of all that is a member of it; zeros where nothing is."""
    wanted = select(func.min(IncidentMember.first_ms), func.max(IncidentMember.last_ms))
    [(first_ms, last_ms)] = session.execute(wanted.where(IncidentMember.incident_id == incident_id))
    return first_ms or 0, last_ms or 0


def delete_empty(session: Session, incidents: Sequence[Incident]) -> set[str]:
    """Of these that are held, those that nothing is left of, and whose history says nothing but that they began; their
    ids."""
    empty = [incident.id for incident in incidents if not incident.count and incident.touched_ms is None]
    told = select(IncidentChange.incident_id).where(
        IncidentChange.incident_id.in_(empty), IncidentChange.kind != OPENED
    )
    gone = set(empty) - set(session.scalars(told)) if empty else set[str]()
    for incident in incidents:
        if incident.id in gone:
            session.delete(incident)
    session.flush()
    return gone
