"""Agents' runs as they are stored: begun, found, listed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy.orm import Session

from store.statements import rows, run
from telemetry.payloads import pack, unpack

RUNNING = "running"
_LISTED = "id, number, project, name, agent, status, started_ms, last_ms, last_seq, events, NULL"
_COLUMNS = _LISTED.replace("NULL", "metadata")


class AgentSession(msgspec.Struct):
    """One run. `project`: its number, None where it is of none. `metadata`: None in a list of many."""

    id: str
    number: int
    project: int | None
    name: str
    agent: str
    status: str
    started_ms: int
    last_ms: int
    last_seq: int
    events: int
    metadata: Any


class NewSession(msgspec.Struct):
    """One that is to begin."""

    id: str
    project: int | None
    name: str
    agent: str
    metadata: dict[str, Any]


def hold_organization(session: Session, organization_id: str) -> tuple[int, int]:
    """Wait for whoever stores something of this organization, and keep others waiting until this transaction ends.
    (the last `stream_seq`, the last number of a session) that were given."""
    run(
        session,
        "INSERT INTO agent_heads (organization_id, stream_seq, sessions) VALUES (?, 0, 0) "
        "ON CONFLICT (organization_id) DO NOTHING",
        organization_id,
    )
    [(stream_seq, sessions)] = rows(
        session, "SELECT stream_seq, sessions FROM agent_heads WHERE organization_id = ? FOR UPDATE", organization_id
    )
    return int(stream_seq), int(sessions)


def begin_session(session: Session, organization_id: str, new: NewSession, now_ms: int) -> tuple[AgentSession, bool]:
    """The run, and whether it began now: one of this id that is there already stays as it is."""
    _, number = hold_organization(session, organization_id)
    found = get_session(session, organization_id, new.id)
    if found is not None:
        return found, False
    run(
        session,
        f"INSERT INTO agent_sessions (organization_id, {_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608 - our own columns
        organization_id, new.id, number + 1, new.project, new.name, new.agent, RUNNING, now_ms, now_ms, 0, 0,
        pack(new.metadata),
    )  # fmt: skip
    run(session, "UPDATE agent_heads SET sessions = ? WHERE organization_id = ?", number + 1, organization_id)
    return (
        AgentSession(new.id, number + 1, new.project, new.name, new.agent, RUNNING, now_ms, now_ms, 0, 0, new.metadata),
        True,
    )


def get_session(session: Session, organization_id: str, session_id: str) -> AgentSession | None:
    found = rows(
        session,
        f"SELECT {_COLUMNS} FROM agent_sessions WHERE organization_id = ? AND id = ?",  # noqa: S608 - our own columns
        organization_id,
        session_id,
    )
    return _session(found[0]) if found else None


def session_numbered(session: Session, organization_id: str, number: int) -> AgentSession | None:
    query = f"SELECT {_COLUMNS} FROM agent_sessions WHERE organization_id = ? AND number = ?"  # noqa: S608 - our own columns
    found = rows(session, query, organization_id, number)
    return _session(found[0]) if found else None


def workspaces_with(session: Session, session_id: str) -> list[str]:
    """The organizations that have a run of this id: each names its own."""
    query = "SELECT organization_id FROM agent_sessions WHERE id = ? ORDER BY organization_id"
    return [str(organization_id) for (organization_id,) in rows(session, query, session_id)]


def list_sessions(
    session: Session,
    organization_id: str,
    *,
    projects: Sequence[int] | None,
    session_id: str | None,
    status: str | None,
    before: int | None,
    limit: int,
) -> tuple[list[AgentSession], int | None]:
    """The newest first, and the number to go on before, None at the end. `projects`: those that may be seen; None:
    all, and those of no project too. Metadata is read only where one run is asked for."""
    terms, values = ["organization_id = ?"], list[Any]([organization_id])
    for term, value in (
        ("project IN ?", None if projects is None else list(projects)),
        ("id = ?", session_id),
        ("status = ?", status),
        ("number < ?", before),
    ):
        if value is not None:
            terms.append(term)
            values.append(value)
    columns = _COLUMNS if session_id is not None else _LISTED
    query = f"SELECT {columns} FROM agent_sessions WHERE {' AND '.join(terms)} ORDER BY number DESC LIMIT ?"  # noqa: S608 - our own columns and terms
    found = [_session(row) for row in rows(session, query, *values, limit + 1)]
    return found[:limit], found[limit - 1].number if len(found) > limit else None


def sessions_since(
    session: Session, organization_id: str, *, project: int | None, agent: str, since_ms: int, limit: int
) -> list[AgentSession]:
    """Runs of one agent in one project, or in none, that began then or later, the newest first."""
    of_project = "project IS NULL" if project is None else "project = ?"
    query = (
        f"SELECT {_COLUMNS} FROM agent_sessions WHERE organization_id = ? AND {of_project} AND agent = ? "  # noqa: S608 - our own columns
        "AND started_ms >= ? ORDER BY number DESC LIMIT ?"
    )
    of_it = [] if project is None else [project]
    return [_session(row) for row in rows(session, query, organization_id, *of_it, agent, since_ms, limit)]


def _session(row: Any) -> AgentSession:
    facts: list[Any] = [*row[:-1], None if row[-1] is None else unpack(row[-1])]
    return AgentSession(*facts)
