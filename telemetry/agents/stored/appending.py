"""How events of agents' runs are stored: in the order of `seq`, each once, what does not fit named."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from sqlalchemy.orm import Session

from store.statements import rows, run, run_many
from store.wakeups import wake
from telemetry.agents.events import AgentEvent, RefusedError
from telemetry.agents.stored.sessions import hold_organization

ORDER = "seq must be monotonic for this session"
_OTHER_BODY = "idempotency_key was used with another body"
_INSERT = (
    "INSERT INTO agent_events (organization_id, stream_seq, session, seq, type, timestamp, at_ms, received_ms, "
    "idempotency_key, step, digest, payload) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_KNOWN = (
    "SELECT idempotency_key, digest FROM agent_events WHERE organization_id = ? AND session = ? "
    "AND idempotency_key IN ?"
)


class GoneError(LookupError):
    """The run is no more: it went while somebody was adding to it."""


class Appended(msgspec.Struct):
    """`refused`: by the place in what was sent. `stored`: how many are new; the others that were accepted had been
    stored before."""

    accepted: int
    stored: int
    refused: dict[int, RefusedError]


def agent_topic(organization_id: str) -> str:
    """The wake-up that something of an organization's agents was stored."""
    return f"agents:{organization_id}"


def append_events(
    session: Session,
    organization_id: str,
    session_id: str,
    events: Sequence[AgentEvent | RefusedError],
    now_ms: int,
) -> Appended:
    """Store what fits, in the order in which it was sent. Those that could not be read before keep their place. In a
    write of the telemetry store. GoneError."""
    stream_seq, _ = hold_organization(session, organization_id)
    number, last_seq, status = _place_of(session, organization_id, session_id)
    readable = [event.idempotency_key for event in events if isinstance(event, AgentEvent)]
    known = {
        key: bytes(digest) for key, digest in rows(session, _KNOWN, organization_id, number, sorted(set(readable)))
    }
    refused: dict[int, RefusedError] = {}
    fresh: list[tuple[object, ...]] = []
    for place, event in enumerate(events):
        if isinstance(event, RefusedError):
            refused[place] = event
        elif event.idempotency_key in known:
            if known[event.idempotency_key] != event.digest:
                refused[place] = RefusedError(_OTHER_BODY, conflict=True)
        elif event.seq <= last_seq:
            refused[place] = RefusedError(ORDER, conflict=True)
        else:
            stream_seq, last_seq = stream_seq + 1, event.seq
            known[event.idempotency_key] = event.digest
            status = event.ends or status
            fresh.append(
                (
                    organization_id, stream_seq, number, event.seq, event.type, event.timestamp, event.at_ms, now_ms,
                    event.idempotency_key, event.step, event.digest, event.kept,
                )
            )  # fmt: skip
    if fresh:
        run_many(session, _INSERT, fresh)
        run(
            session,
            "UPDATE agent_sessions SET last_seq = ?, last_ms = ?, status = ?, events = events + ? "
            "WHERE organization_id = ? AND id = ?",
            last_seq, now_ms, status, len(fresh), organization_id, session_id,
        )  # fmt: skip
        run(session, "UPDATE agent_heads SET stream_seq = ? WHERE organization_id = ?", stream_seq, organization_id)
        wake(session, agent_topic(organization_id))
    return Appended(len(events) - len(refused), len(fresh), refused)


def _place_of(session: Session, organization_id: str, session_id: str) -> tuple[int, int, str]:
    """A run's number, its last `seq` and its status, as they are now that nobody else changes them. GoneError."""
    query = "SELECT number, last_seq, status FROM agent_sessions WHERE organization_id = ? AND id = ?"
    found = rows(session, query, organization_id, session_id)
    if not found:
        raise GoneError(session_id)
    [(number, last_seq, status)] = found
    return int(number), int(last_seq), str(status)
