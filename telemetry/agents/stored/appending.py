"""How events of agents' runs are stored: in the order of `seq`, each once, what does not fit named."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from sqlalchemy.orm import Session

from store.statements import rows, run, run_many
from store.wakeups import wake
from telemetry.agents.endings import worse
from telemetry.agents.events import AgentEvent, RefusedError
from telemetry.agents.stored.ended import Ended, tell_ended, tell_said
from telemetry.agents.stored.sessions import RUNNING, hold_organization

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
    place = _place_of(session, organization_id, session_id)
    known = _known(session, organization_id, place.number, events)
    refused: dict[int, RefusedError] = {}
    fresh: list[AgentEvent] = []
    last_seq = place.last_seq
    for index, event in enumerate(events):
        if isinstance(event, RefusedError):
            refused[index] = event
        elif event.idempotency_key in known:
            if known[event.idempotency_key] != event.digest:
                refused[index] = RefusedError(_OTHER_BODY, conflict=True)
        elif event.seq <= last_seq:
            refused[index] = RefusedError(ORDER, conflict=True)
        else:
            last_seq = event.seq
            known[event.idempotency_key] = event.digest
            fresh.append(event)
    _store(session, organization_id, place, fresh, stream_seq, now_ms)
    return Appended(len(events) - len(refused), len(fresh), refused)


def append_arrived(
    session: Session, organization_id: str, session_id: str, events: Sequence[AgentEvent], now_ms: int
) -> int:
    """Store events that have no `seq` yet, in this order, after all that is there; how many are new. One whose key is
    known is that one, whatever it says. In a write of the telemetry store. GoneError."""
    stream_seq, _ = hold_organization(session, organization_id)
    place = _place_of(session, organization_id, session_id)
    known = _known(session, organization_id, place.number, events)
    fresh: list[AgentEvent] = []
    for event in events:
        if event.idempotency_key not in known:
            known[event.idempotency_key] = event.digest
            fresh.append(msgspec.structs.replace(event, seq=place.last_seq + len(fresh) + 1))
    _store(session, organization_id, place, fresh, stream_seq, now_ms)
    return len(fresh)


class _Place(msgspec.Struct):
    """Where a run stands."""

    number: int
    last_seq: int
    status: str


def _known(
    session: Session, organization_id: str, number: int, events: Sequence[AgentEvent | RefusedError]
) -> dict[str, bytes]:
    """Digests of those that are stored already, by their keys."""
    keys = sorted({event.idempotency_key for event in events if isinstance(event, AgentEvent)})
    found = rows(session, _KNOWN, organization_id, number, keys) if keys else []
    return {key: bytes(digest) for key, digest in found}


def _store(
    session: Session, organization_id: str, place: _Place, fresh: Sequence[AgentEvent], stream_seq: int, now_ms: int
) -> None:
    """All of these, whose `seq` rises."""
    if not fresh:
        return
    added = [
        (
            organization_id, stream_seq + count, place.number, event.seq, event.type, event.timestamp, event.at_ms,
            now_ms, event.idempotency_key, event.step, event.digest, event.kept,
        )
        for count, event in enumerate(fresh, 1)
    ]  # fmt: skip
    run_many(session, _INSERT, added)
    status = worse(place.status, [event.ends for event in fresh if event.ends is not None])
    run(
        session,
        "UPDATE agent_sessions SET last_seq = ?, last_ms = ?, status = ?, events = events + ? "
        "WHERE organization_id = ? AND number = ?",
        fresh[-1].seq, now_ms, status, len(fresh), organization_id, place.number,
    )  # fmt: skip
    run(
        session, "UPDATE agent_heads SET stream_seq = ? WHERE organization_id = ?",
        stream_seq + len(fresh), organization_id,
    )  # fmt: skip
    stands = Ended(organization_id, place.number, fresh[-1].seq)
    if status == RUNNING:
        tell_said(session, stands, now_ms)
    else:
        tell_ended(session, stands, now_ms)
    wake(session, agent_topic(organization_id))


def _place_of(session: Session, organization_id: str, session_id: str) -> _Place:
    """As it is now that nobody else changes it. GoneError."""
    query = "SELECT number, last_seq, status FROM agent_sessions WHERE organization_id = ? AND id = ?"
    found = rows(session, query, organization_id, session_id)
    if not found:
        raise GoneError(session_id)
    return _Place(*found[0])
