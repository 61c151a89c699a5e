"""Failures put into incidents, one transaction of the main store at a time.

Which incident a failure is part of is a function of the failure, and all that an incident counts follows from the
failures in it. So the same incidents come about in whatever order failures arrive and however often they are told;
one that turns out to be another, or none, moves or leaves, and what it had added goes with it.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from sqlalchemy.orm import Session

from store.incident_failures import SESSION, failures_of_member, hold_failure
from store.incident_tables import Incident, IncidentFailure, IncidentMember
from store.incidents import (
    FIXED,
    OPEN,
    add_change,
    delete_empty,
    hold_incidents,
    span_of_members,
)
from telemetry.agents.failures import Cluster, label_of, rank

MEMBER_KINDS = {"session": "session", "run": "check", "alert": "alert"}


class NoSuchIncidentError(LookupError):
    """There is none of this id in the workspace."""


class Placing(msgspec.Struct, kw_only=True):
    """A failure as it is now. `member`: the session, check or alert that it is of. `cluster` None: it is none, or none
    any more. `told`: how often it had been told when it was looked at, None where it was not told. `upto_seq`: how much
    of a session is known; what knows less of it than was known before changes nothing. `pinned_to`: the incident that a
    server says it belongs to; `unpinned`: no more."""

    kind: str
    id: str
    member: str
    cluster: Cluster | None
    label: str = ""
    project: int | None = None
    first_ms: int = 0
    last_ms: int = 0
    told: int | None = None
    upto_seq: int = 0
    resolved_ms: int | None = None
    pinned_to: str | None = None
    unpinned: bool = False


def place(session: Session, organization_id: str, placing: Placing, now_ms: int) -> str | None:
    """The incident that it is part of then. In a write of the main store. NoSuchIncidentError."""
    return place_all(session, organization_id, [placing], now_ms)[placing.id]


def place_all(
    session: Session, organization_id: str, placings: Sequence[Placing], now_ms: int
) -> dict[str, str | None]:
    """The same of several, by their ids."""
    ordered = sorted(placings, key=lambda each: (each.kind, each.id))
    held = [
        (each, hold_failure(session, organization_id, each.kind, each.id, each.member)) for each in ordered
    ]  # fmt: skip
    due = [(each, row) for each, row in held if _counts(each, row)]
    titles = {each.cluster.key: each.cluster.title for each, row in due if each.cluster and not _stays(each, row)}
    ids = {id_ for each, row in due for id_ in (row.incident_id, each.pinned_to) if id_ is not None}
    incidents = hold_incidents(session, organization_id, titles, ids, now_ms)
    for incident in incidents:
        if not incident.label:
            add_change(session, incident, "opened", now_ms)
    for each, row in due:
        _move(session, each, row, _wanted(each, row, incidents), incidents, now_ms)
    gone = delete_empty(session, incidents)
    return {each.id: None if row.incident_id in gone else row.incident_id for each, row in held}


def _counts(placing: Placing, row: IncidentFailure) -> bool:
    """Whether nothing newer is known of it."""
    return (placing.told is None or placing.told == row.waiting) and placing.upto_seq >= row.upto_seq


def _stays(placing: Placing, row: IncidentFailure) -> bool:
    """Whether a server has said where it belongs, and does not say otherwise now."""
    return row.pinned and not placing.unpinned and placing.pinned_to is None


def _wanted(placing: Placing, row: IncidentFailure, incidents: Sequence[Incident]) -> Incident | None:
    pinned_to = row.incident_id if _stays(placing, row) else placing.pinned_to
    if pinned_to is not None:
        found = next((incident for incident in incidents if incident.id == pinned_to), None)
        if found is None and not _stays(placing, row):
            raise NoSuchIncidentError(pinned_to)
        return found
    cluster = placing.cluster
    return None if cluster is None else next(one for one in incidents if one.cluster_key == cluster.key)


def _move(
    session: Session, placing: Placing, row: IncidentFailure, to: Incident | None, incidents: Sequence[Incident],
    now_ms: int,
) -> None:  # fmt: skip
    pinned = to is not None and (placing.pinned_to is not None or _stays(placing, row))
    former = next((incident for incident in incidents if incident.id == row.incident_id), None)
    known_until_ms = row.last_ms if former is to else 0
    if former is not None and former is not to:
        row.incident_id = None
        session.flush()
        _leave(session, former, placing)
    row.waiting, row.upto_seq, row.pinned = -abs(row.waiting), placing.upto_seq, pinned
    row.label, row.first_ms, row.last_ms = placing.label, placing.first_ms, placing.last_ms
    row.incident_id = None if to is None else to.id
    if to is not None:
        _join(session, to, placing, fresh=former is not to)
        if to.fixed_ms is not None and placing.last_ms > max(to.fixed_ms, known_until_ms):
            to.status, to.fixed_ms = OPEN, None
            add_change(session, to, "came_back", now_ms, was=FIXED, became=OPEN, note=f"{placing.kind} {placing.id}")
    elif placing.kind != SESSION:
        session.delete(row)  # of a session it is remembered how much of it is known
    session.flush()


def _join(session: Session, incident: Incident, placing: Placing, *, fresh: bool) -> None:
    kind = MEMBER_KINDS[placing.kind]
    member = session.get(IncidentMember, (incident.id, kind, placing.member))
    if member is None:
        member = IncidentMember(
            organization_id=incident.organization_id, incident_id=incident.id, kind=kind, member=placing.member,
            project=placing.project, label=placing.label, count=0, first_ms=placing.first_ms, last_ms=placing.last_ms,
            newest=placing.id,
        )  # fmt: skip
        session.add(member)
        _tally(incident, placing.label, 1)
    member.count += fresh
    incident.count += fresh
    alone = member.count == 1
    if (placing.last_ms, placing.id) > (member.last_ms, member.newest):
        member.newest = placing.id
    member.first_ms = placing.first_ms if alone else min(member.first_ms, placing.first_ms)
    member.last_ms = placing.last_ms if alone else max(member.last_ms, placing.last_ms)
    member.project, member.resolved_ms = placing.project, placing.resolved_ms
    _relabel(incident, member, placing.label if alone else min(member.label, placing.label, key=rank))
    incident.first_ms = min(incident.first_ms or placing.first_ms, placing.first_ms)
    incident.last_ms = max(incident.last_ms, placing.last_ms)
    session.flush()


def _leave(session: Session, incident: Incident, placing: Placing) -> None:
    kind = MEMBER_KINDS[placing.kind]
    member = session.get(IncidentMember, (incident.id, kind, placing.member))
    incident.count -= 1
    if member is not None:
        member.count -= 1
        left = failures_of_member(session, incident.id, placing.member) if member.count else []
        if left:
            _relabel(incident, member, min((label for label, *_ in left), key=rank))
            member.first_ms = min(first_ms for _, first_ms, _, _ in left)
            member.last_ms, member.newest = max((last_ms, id_) for _, _, last_ms, id_ in left)
        if not member.count:
            _tally(incident, member.label, -1)
            session.delete(member)
    session.flush()
    incident.first_ms, incident.last_ms = span_of_members(session, incident.id)


def _relabel(incident: Incident, member: IncidentMember, label: str) -> None:
    if label != member.label:
        _tally(incident, member.label, -1)
        member.label = label
        _tally(incident, label, 1)


def _tally(incident: Incident, label: str, more: int) -> None:
    """Alerts have no label of their own, and no say."""
    counted = dict(incident.tally)
    if label:
        counted[label] = counted.get(label, 0) + more
    incident.tally = {name: number for name, number in counted.items() if number > 0}
    incident.label = label_of(incident.tally)
