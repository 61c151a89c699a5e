"""Agents' runs as people look for them: by project, agent, status, name and what was found, each with its analysis."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy.orm import Session

from store.statements import is_sqlite, rows
from telemetry.agents.stored.analyses import labels_text

MOST_COUNTED = 1_000
"""Newest runs that are counted, however many there are."""
_COLUMNS = (
    "s.number, s.id, s.project, s.name, s.agent, s.status, s.started_ms, s.last_ms, s.last_seq, s.events, "
    "(SELECT e.at_ms FROM agent_events e WHERE e.organization_id = s.organization_id AND e.session = s.number "
    "ORDER BY e.seq LIMIT 1), "
    "(SELECT e.at_ms FROM agent_events e WHERE e.organization_id = s.organization_id AND e.session = s.number "
    "AND e.seq = s.last_seq), "
    "a.summary, a.labels"
)


_FROM = "agent_sessions s LEFT JOIN agent_analyses a ON a.organization_id = s.organization_id AND a.session = s.number"


class RunFilter(msgspec.Struct):
    """Which runs. `projects`: by number, None for all and those of no project too. `text`: in the name or the id,
    small and capital letters of ASCII alike. Empty texts ask for nothing."""

    projects: Sequence[int] | None = None
    agent: str = ""
    status: str = ""
    label: str = ""
    text: str = ""


class ListedRun(msgspec.Struct):
    """A run, when its first and its last event came by their sender's clock, and what its newest analysis says:
    `summary` None where there is none. `labels`: each between blanks."""

    number: int
    id: str
    project: int | None
    name: str
    agent: str
    status: str
    started_ms: int
    last_ms: int
    last_seq: int
    events: int
    first_at_ms: int | None
    last_at_ms: int | None
    summary: str | None
    labels: str | None


class Counted(msgspec.Struct):
    """How many of the newest runs of one agent have this status."""

    agent: str
    status: str
    count: int


def find_runs(
    session: Session, organization_id: str, wanted: RunFilter, *, before: int | None, limit: int
) -> tuple[list[ListedRun], int | None]:
    """The newest first, and the number to go on before, None at the end."""
    terms, values = _terms(session, organization_id, wanted)
    if before is not None:
        terms.append("s.number < ?")
        values.append(before)
    query = f"SELECT {_COLUMNS} FROM {_FROM} WHERE {' AND '.join(terms)} ORDER BY s.number DESC LIMIT ?"  # noqa: S608 - our own columns and terms
    listed = [ListedRun(*row) for row in rows(session, query, *values, limit + 1)]
    return listed[:limit], listed[limit - 1].number if len(listed) > limit else None


def count_newest(session: Session, organization_id: str, wanted: RunFilter) -> list[Counted]:
    """Of the newest of these runs, at most MOST_COUNTED: how many of each agent and status there are."""
    terms, values = _terms(session, organization_id, wanted)
    source = _FROM if wanted.label else "agent_sessions s"
    query = (
        f"SELECT agent, status, count(*) FROM (SELECT s.agent, s.status FROM {source} WHERE {' AND '.join(terms)} "  # noqa: S608 - our own terms
        "ORDER BY s.number DESC LIMIT ?) newest GROUP BY agent, status ORDER BY agent, status"
    )
    return [Counted(*row) for row in rows(session, query, *values, MOST_COUNTED)]


def _terms(session: Session, organization_id: str, wanted: RunFilter) -> tuple[list[str], list[Any]]:
    """(what has to hold, the values in it)"""
    terms, values = ["s.organization_id = ?"], list[Any]([organization_id])
    place = "instr" if is_sqlite(session) else "strpos"
    text = wanted.text.lower()
    for term, found in (
        ("s.project IN ?", None if wanted.projects is None else [list(wanted.projects)]),
        ("s.agent = ?", [wanted.agent] if wanted.agent else None),
        ("s.status = ?", [wanted.status] if wanted.status else None),
        (f"{place}(a.labels, ?) > 0", [labels_text([wanted.label])] if wanted.label else None),
        (f"({place}(lower(s.name), ?) > 0 OR {place}(lower(s.id), ?) > 0)", [text, text] if text else None),
    ):
        if found is not None:
            terms.append(term)
            values += found
    return terms, values
