"""Events of agents' runs read again: one run in its own order, or all of an organization as they were stored."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy.orm import Session

from store.statements import rows
from telemetry.payloads import unpack

_COLUMNS = (
    "e.stream_seq, e.session, e.seq, e.type, e.timestamp, e.at_ms, e.received_ms, e.idempotency_key, e.step, e.payload"
)


class StoredEvent(msgspec.Struct):
    """An event as it is stored. `session`: the number of its run."""

    stream_seq: int
    session: int
    seq: int
    type: str
    timestamp: str
    at_ms: int
    received_ms: int
    idempotency_key: str
    step: int | None
    payload: Any


class ToldEvent(msgspec.Struct):
    """One of a stream: with the id of its run and the number of the project that is of."""

    event: StoredEvent
    session_id: str
    project: int | None


def events_of_session(
    session: Session, organization_id: str, number: int, *, after_seq: int = 0, limit: int | None = None
) -> list[StoredEvent]:
    """Of one run, by `seq`. `limit` None: all."""
    query = (
        f"SELECT {_COLUMNS} FROM agent_events e WHERE e.organization_id = ? AND e.session = ? AND e.seq > ? "  # noqa: S608 - our own columns
        "ORDER BY e.seq LIMIT ?"
    )
    most = limit if limit is not None else 2**31 - 1
    return [_event(row) for row in rows(session, query, organization_id, number, after_seq, most)]


def payloads_of(session: Session, organization_id: str, number: int, seqs: Sequence[int]) -> dict[int, Any]:
    """Of some events of one run, by their `seq`."""
    query = "SELECT seq, payload FROM agent_events WHERE organization_id = ? AND session = ? AND seq IN ?"
    found = rows(session, query, organization_id, number, list(seqs)) if seqs else []
    return {int(seq): unpack(kept) for seq, kept in found}


def events_with(session: Session, organization_id: str, number: int, seqs: Sequence[int]) -> list[StoredEvent]:
    """Some events of one run, by their `seq`."""
    query = (
        f"SELECT {_COLUMNS} FROM agent_events e WHERE e.organization_id = ? AND e.session = ? AND e.seq IN ? "  # noqa: S608 - our own columns
        "ORDER BY e.seq"
    )
    found = rows(session, query, organization_id, number, list(seqs)) if seqs else []
    return [_event(row) for row in found]


def events_after(
    session: Session,
    organization_id: str,
    after: int,
    *,
    upto: int,
    limit: int,
    projects: Sequence[int] | None = None,
    session_id: str | None = None,
) -> list[ToldEvent]:
    """Of all runs that may be seen, in the order in which they were stored, up to a number."""
    terms, values = ["e.organization_id = ?", "e.stream_seq > ?", "e.stream_seq <= ?"], list[Any]()
    values += [organization_id, after, upto]
    for term, value in (("s.project IN ?", None if projects is None else list(projects)), ("s.id = ?", session_id)):
        if value is not None:
            terms.append(term)
            values.append(value)
    query = (
        f"SELECT s.id, s.project, {_COLUMNS} FROM agent_events e JOIN agent_sessions s "  # noqa: S608 - our own columns and terms
        "ON s.organization_id = e.organization_id AND s.number = e.session "
        f"WHERE {' AND '.join(terms)} ORDER BY e.stream_seq LIMIT ?"
    )
    return [ToldEvent(_event(row[2:]), row[0], row[1]) for row in rows(session, query, *values, limit)]


def newest_stream_seqs(session: Session, organization_ids: Sequence[str]) -> dict[str, int]:
    """The last that was given in each of these organizations; none where nothing was."""
    query = "SELECT organization_id, stream_seq FROM agent_heads WHERE organization_id IN ?"
    return {each: int(last) for each, last in rows(session, query, list(organization_ids))}


def _event(row: Any) -> StoredEvent:
    facts: list[Any] = [*row[:-1], unpack(row[-1])]
    return StoredEvent(*facts)
