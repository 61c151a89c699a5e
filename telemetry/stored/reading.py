"""Events and spans as they are asked for: newest first, by cursors that stay true while more come in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy.orm import Session

from store.statements import rows
from telemetry.payloads import size_of, unpack
from telemetry.queries import Term
from telemetry.stored.searching import where

_EVENT = (
    "e.seq, e.project, e.event_id, e.issue, e.level, e.at_ms, e.received_ms, e.environment, e.release, e.trace_id, "
    "e.payload"
)
MOST_SPANS = 1_000
MOST_FOLLOWED = 500
_SPAN = (
    "SELECT seq, project, trace_id, span_id, parent_span_id, name, op, status, start_ms, end_ms, received_ms, "
    "environment, release, payload FROM spans WHERE project IN ? AND trace_id = ? ORDER BY start_ms, seq LIMIT ?"
)


class StoredEvent(msgspec.Struct):
    """An event as it is stored, and the root of its issue."""

    seq: int
    project: int
    event_id: str
    issue: int
    level: str
    at_ms: int
    received_ms: int
    environment: str | None
    release: str | None
    trace_id: str | None
    payload: Any


class StoredSpan(msgspec.Struct):
    seq: int
    project: int
    trace_id: str
    span_id: str
    parent_span_id: str | None
    name: str
    op: str
    status: str
    start_ms: float
    end_ms: float
    received_ms: int
    environment: str | None
    release: str | None
    payload: Any


def find_events(
    session: Session,
    projects: Sequence[int],
    terms: Sequence[Term],
    now_ms: int,
    *,
    before: int | None,
    limit: int,
    issue: int | None = None,
) -> list[StoredEvent]:
    """The newest `limit` events that were stored before the one with the number `before`. `issue`: of this one alone,
    and of those that it stands for."""
    if not projects:
        return []
    wanted = where(session, projects, terms, now_ms, None if issue is None else _with_merged(session, issue))
    if before is not None:
        wanted.add(f"{wanted.seq} < ?", before)
    query = f"SELECT {_EVENT} FROM {wanted.tables} WHERE {wanted.condition} ORDER BY {wanted.seq} DESC LIMIT ?"  # noqa: S608
    return _events(session, rows(session, query, *wanted.values, limit))


def events_after(
    session: Session,
    project: int,
    terms: Sequence[Term],
    now_ms: int,
    *,
    after: int,
    upto: int,
    most_bytes: int,
) -> tuple[list[StoredEvent], bool]:
    """Events with numbers beyond `after` up to `upto`, in order; and whether there are more than these. At most
    MOST_FOLLOWED, and no more than `most_bytes` of them as they were sent, unless the first is larger."""
    wanted = where(session, [project], terms, now_ms)
    wanted.add(f"{wanted.seq} > ? AND {wanted.seq} <= ?", after, upto)
    query = f"SELECT {_EVENT} FROM {wanted.tables} WHERE {wanted.condition} ORDER BY {wanted.seq} LIMIT ?"  # noqa: S608
    found = rows(session, query, *wanted.values, MOST_FOLLOWED + 1)
    size, taken = 0, 0
    for row in found[:MOST_FOLLOWED]:
        size += size_of(row[-1])
        if taken and size > most_bytes:
            break
        taken += 1
    return _events(session, found[:taken]), taken < len(found)


def events_of_trace(session: Session, projects: Sequence[int], trace_id: str, limit: int) -> list[StoredEvent]:
    """The first events of a trace, oldest first."""
    query = f"SELECT {_EVENT} FROM events e WHERE e.project IN ? AND e.trace_id = ? ORDER BY e.seq LIMIT ?"  # noqa: S608
    return _events(session, rows(session, query, list(projects), trace_id, limit)) if projects else []


def errors_of_trace(session: Session, projects: Sequence[int], trace_id: str, limit: int) -> list[StoredEvent]:
    """The first errors of a trace, oldest first."""
    query = (
        f"SELECT {_EVENT} FROM events e WHERE e.project IN ? AND e.trace_id = ? AND e.level IN ('fatal', 'error') "  # noqa: S608
        "ORDER BY e.seq LIMIT ?"
    )
    return _events(session, rows(session, query, list(projects), trace_id, limit)) if projects else []


def spans_of_trace(session: Session, projects: Sequence[int], trace_id: str) -> list[StoredSpan]:
    """The spans of a trace by when they began, MOST_SPANS of them at most."""
    if not projects:
        return []
    found = [StoredSpan(*row) for row in rows(session, _SPAN, list(projects), trace_id, MOST_SPANS)]
    for span in found:
        span.payload = unpack(span.payload)
    return found


def _events(session: Session, found: list[Any]) -> list[StoredEvent]:
    events = [StoredEvent(*row) for row in found]
    roots = roots_of(session, {event.issue for event in events})
    for event in events:
        event.payload = unpack(event.payload)
        event.issue = roots.get(event.issue, event.issue)
    return events


def _with_merged(session: Session, issue: int) -> list[int]:
    query = "SELECT number FROM issues WHERE number = ? OR merged_into = ?"
    return [int(row[0]) for row in rows(session, query, issue, issue)]


def roots_of(session: Session, issues: set[int]) -> dict[int, int]:
    """Which issue stands for each that was merged into another."""
    if not issues:
        return {}
    query = "SELECT number, merged_into FROM issues WHERE number IN ? AND merged_into IS NOT NULL"
    return {int(number): int(root) for number, root in rows(session, query, sorted(issues))}
