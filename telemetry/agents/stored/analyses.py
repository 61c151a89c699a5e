"""Analyses of agents' runs as they are stored: one a run, the newest; and what they are made from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy.orm import Session

from store.statements import rows, run
from telemetry.agents.analysis import MOST_EVENTS, Analysis
from telemetry.agents.detectors.base import Finding
from telemetry.agents.facts import Fact, read_fact
from telemetry.agents.recordings import Recording, recording_of
from telemetry.payloads import pack, unpack

_AT_ONCE = 500
"""Events: of the largest, what a process can hold without noticing."""
_FACTS = (
    "SELECT seq, step, type, at_ms, payload FROM agent_events "
    "WHERE organization_id = ? AND session = ? AND seq > ? ORDER BY seq LIMIT ?"
)
_COLUMNS = "upto_seq, at_ms, version, critical_step, summary, detectors, incident_id"
_STORING = (
    f"INSERT INTO agent_analyses (organization_id, session, {_COLUMNS}, labels) "  # noqa: S608 - our own columns
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, NULL, ?) "
    "ON CONFLICT (organization_id, session) DO UPDATE SET upto_seq = excluded.upto_seq, at_ms = excluded.at_ms, "
    "version = excluded.version, critical_step = excluded.critical_step, summary = excluded.summary, "
    "detectors = excluded.detectors, labels = excluded.labels WHERE agent_analyses.upto_seq %s excluded.upto_seq"
)
_STORE, _STORE_NEWER = _STORING % "<=", _STORING % "<"


class StoredAnalysis(msgspec.Struct):
    """`upto_seq`: of the newest event that it knows; what came later it says nothing about. `incident_id`: what it was
    put into, None where into nothing."""

    analysis: Analysis
    upto_seq: int
    at_ms: int
    incident_id: str | None


def recording_of_session(session: Session, organization_id: str, number: int) -> Recording:
    """A run as it is stored, or as much of it as is looked at."""
    facts: list[Fact] = []
    while len(facts) < MOST_EVENTS:
        after = facts[-1].seq if facts else 0
        page = rows(session, _FACTS, organization_id, number, after, _AT_ONCE)
        facts += [read_fact(seq, step, kind, at_ms, unpack(kept)) for seq, step, kind, at_ms, kept in page]
        if len(page) < _AT_ONCE:
            return recording_of(facts)
    beyond = rows(session, _FACTS, organization_id, number, facts[-1].seq, 1)
    return recording_of(facts, whole=not beyond)


def store_analysis(
    session: Session, organization_id: str, number: int, found: Analysis, *, upto_seq: int, now_ms: int
) -> StoredAnalysis:
    """In place of the one before, unless that knows more of the run; the one that is stored then. What it was put into
    it stays in (`link_incident`). In a write of the telemetry store."""
    run(session, _STORE, organization_id, number, *_told(found, upto_seq, now_ms))
    stored = get_analysis(session, organization_id, number)
    return stored or StoredAnalysis(found, upto_seq, now_ms, None)


def store_newer_analysis(
    session: Session, organization_id: str, number: int, found: Analysis, *, upto_seq: int, incident_id: str | None,
    now_ms: int,
) -> None:  # fmt: skip
    """The same of one that nobody asked for, with its incident: one that knows as much of the run stays too."""
    if run(session, _STORE_NEWER, organization_id, number, *_told(found, upto_seq, now_ms)):
        link_incident(session, organization_id, number, incident_id)


def _told(found: Analysis, upto_seq: int, now_ms: int) -> tuple[Any, ...]:
    kept = pack(msgspec.to_builtins(found.detectors))
    labels = labels_text([finding.label for finding in found.detectors])
    return upto_seq, now_ms, found.version, found.critical_step, found.summary, kept, labels


def labels_text(labels: Sequence[str]) -> str:
    """Labels as they are stored: each between blanks, so that one can be looked for as it stands."""
    return f" {' '.join(labels)} " if labels else ""


def link_incident(session: Session, organization_id: str, number: int, incident_id: str | None) -> None:
    """Put a run's analysis into an incident, or into none."""
    run(
        session,
        "UPDATE agent_analyses SET incident_id = ? WHERE organization_id = ? AND session = ?",
        incident_id, organization_id, number,
    )  # fmt: skip


def get_analysis(session: Session, organization_id: str, number: int) -> StoredAnalysis | None:
    query = f"SELECT {_COLUMNS} FROM agent_analyses WHERE organization_id = ? AND session = ?"  # noqa: S608 - our own columns
    for row in rows(session, query, organization_id, number):
        return _stored(*row)
    return None


def _stored(
    upto_seq: int, at_ms: int, version: int, critical_step: int | None, summary: str, kept: Any, incident_id: str | None
) -> StoredAnalysis:
    found = msgspec.convert(unpack(kept), list[Finding])
    return StoredAnalysis(Analysis(found, critical_step, summary, version), upto_seq, at_ms, incident_id)
