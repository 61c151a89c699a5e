"""Failures put into incidents, one transaction of the main store at a time.

Which incident a failure is part of is a function of the failure, and all that an incident counts follows from the
failures in it. So the same incidents come about in whatever order failures arrive and however often they are told;
one that turns out to be another, or none, moves or leaves, and what it had added goes with it. An incident that an
agent's run was the last to leave stays, with a line of its history that says so: people may have seen it. What only
runs of checks and alerts ever told of, and nothing is left of, goes.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from sqlalchemy.orm import Session

from store.incident_failures import SESSION, failures_of_member, hold_failures
from store.incident_tables import Incident, IncidentFailure, IncidentMember
from store.incidents import (
    FIXED,
    OPEN,
    OPENED,
    add_change,
    delete_empty,
    hold_incidents,
    members_named,
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
    rows = hold_failures(session, organization_id, [(each.kind, each.id, each.member) for each in placings])
    held = [(each, rows[each.kind, each.id]) for each in sorted(placings, key=lambda each: (each.kind, each.id))]
    due = [(each, row) for each, row in held if _counts(each, row)]
    titles = {each.cluster.key: each.cluster.title for each, row in due if each.cluster and not _stays(each, row)}
    ids = {id_ for each, row in due for id_ in (row.incident_id, each.pinned_to) if id_ is not None}
    incidents = hold_incidents(session, organization_id, titles, ids, now_ms)
    for incident in incidents:
        if not incident.label:
            add_change(session, incident, OPENED, now_ms)
    board = _Board(session, incidents, {each.member for each, _ in due}, now_ms)
    for each, row in due:
        board.move(each, row)
    session.flush()
    gone = delete_empty(session, incidents)
    return {each.id: None if row.incident_id in gone else row.incident_id for each, row in held}


def _counts(placing: Placing, row: IncidentFailure) -> bool:
    """Whether nothing newer is known of it."""
    return (placing.told is None or placing.told == row.waiting) and placing.upto_seq >= row.upto_seq


def _stays(placing: Placing, row: IncidentFailure) -> bool:
    """Whether a server has said where it belongs, and does not say otherwise now."""
    return row.pinned and not placing.unpinned and placing.pinned_to is None


class _Board:
    """Incidents that are held, and their members."""

    def __init__(self, session: Session, incidents: Sequence[Incident], names: set[str], now_ms: int) -> None:
        self._session = session
        self._now_ms = now_ms
        self._by_id = {incident.id: incident for incident in incidents}
        self._by_key = {incident.cluster_key: incident for incident in incidents}
        self._members = members_named(session, list(self._by_id), names)

    def move(self, placing: Placing, row: IncidentFailure) -> None:
        """Have a failure be part of what it is part of now, and of nothing else."""
        to, former = self._wanted(placing, row), self._by_id.get(row.incident_id or "")
        pinned = to is not None and (placing.pinned_to is not None or _stays(placing, row))
        known_until_ms = row.last_ms if former is to else 0
        row.incident_id = None if to is None else to.id
        if former is not None and former is not to:
            self._leave(former, placing)
            if not former.count and placing.kind == SESSION:
                became = "shows it no more" if to is None else f"is part of {to.id} by now"
                add_change(self._session, former, "emptied", self._now_ms, note=f"session {placing.id} {became}")
        row.waiting, row.upto_seq, row.pinned = -abs(row.waiting), placing.upto_seq, pinned
        row.label, row.first_ms, row.last_ms = placing.label, placing.first_ms, placing.last_ms
        if to is not None:
            if not to.count and to.label and to.fixed_ms is None:
                add_change(self._session, to, "came_back", self._now_ms, note=f"{placing.kind} {placing.id}")
            self._join(to, placing, fresh=former is not to)
            if to.fixed_ms is not None and placing.last_ms > max(to.fixed_ms, known_until_ms):
                self._come_back(to, placing)
        elif placing.kind != SESSION:
            self._session.delete(row)  # of a session it is remembered how much of it is known

    def _wanted(self, placing: Placing, row: IncidentFailure) -> Incident | None:
        if _stays(placing, row):
            return self._by_id.get(row.incident_id or "")
        if placing.pinned_to is not None:
            found = self._by_id.get(placing.pinned_to)
            if found is None:
                raise NoSuchIncidentError(placing.pinned_to)
            return found
        return None if placing.cluster is None else self._by_key[placing.cluster.key]

    def _come_back(self, incident: Incident, placing: Placing) -> None:
        incident.status, incident.fixed_ms = OPEN, None
        because = f"{placing.kind} {placing.id}"
        add_change(self._session, incident, "came_back", self._now_ms, was=FIXED, became=OPEN, note=because)

    def _join(self, incident: Incident, placing: Placing, *, fresh: bool) -> None:
        place = (incident.id, MEMBER_KINDS[placing.kind], placing.member)
        member = self._members.get(place)
        if member is None:
            member = IncidentMember(
                organization_id=incident.organization_id, incident_id=incident.id, kind=place[1],
                member=placing.member, project=placing.project, label=placing.label, count=0,
                first_ms=placing.first_ms, last_ms=placing.last_ms, newest=placing.id,
            )  # fmt: skip
            self._session.add(member)
            self._members[place] = member
            _tally(incident, placing.label, 1)
        if not incident.count:
            incident.first_ms = incident.last_ms = 0
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
        incident.label = label_of(incident.tally)

    def _leave(self, incident: Incident, placing: Placing) -> None:
        place = (incident.id, MEMBER_KINDS[placing.kind], placing.member)
        member = self._members.get(place)
        incident.count -= 1
        self._session.flush()  # what follows is read from the rows
        if member is not None:
            member.count -= 1
            left = failures_of_member(self._session, incident.id, placing.member) if member.count else []
            if left:
                _relabel(incident, member, min((label for label, *_ in left), key=rank))
                member.first_ms = min(first_ms for _, first_ms, _, _ in left)
                member.last_ms, member.newest = max((last_ms, id_) for _, _, last_ms, id_ in left)
            if not member.count:
                _tally(incident, member.label, -1)
                del self._members[place]
                self._session.delete(member)
        self._session.flush()
        if incident.count:  # one that nothing is left of is shown as it was last
            incident.first_ms, incident.last_ms = span_of_members(self._session, incident.id)
            incident.label = label_of(incident.tally)


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
