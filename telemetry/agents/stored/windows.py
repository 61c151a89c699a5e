"""A long run a window at a time: its outline without payloads, and the events of a stretch."""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec
from sqlalchemy.orm import Session

from store.statements import rows
from telemetry.agents.stored.replaying import StoredEvent, events_of_session

MOST_OUTLINED = 50_000
"""Events: as many as are analysed."""
_AT_ONCE = 50
"""Events that are held before it is known how large they are."""
_OF = "FROM agent_events WHERE organization_id = ? AND session = ?"
_encode = msgspec.json.Encoder().encode


class Mark(NamedTuple):
    """An event of an outline. `at_ms`: by its sender's clock."""

    seq: int
    type: str
    at_ms: int
    step: int | None


class Stretch(msgspec.Struct):
    """Events by `seq`. `before`: how many of the run lie before them; `more`: whether others come after them."""

    events: list[StoredEvent]
    before: int
    more: bool


def outline_of(session: Session, organization_id: str, number: int) -> list[Mark]:
    """A run's events by `seq`, the first MOST_OUTLINED."""
    query = f"SELECT seq, type, at_ms, step {_OF} ORDER BY seq LIMIT ?"
    return [Mark(*row) for row in rows(session, query, organization_id, number, MOST_OUTLINED)]


def stretch_after(
    session: Session, organization_id: str, number: int, after_seq: int, *, limit: int, most_bytes: int
) -> Stretch:
    """At most `limit` events, and no more than `most_bytes` of their JSON, unless the first is larger."""
    before = _count_upto(session, organization_id, number, after_seq)
    taken, size = list[StoredEvent](), 0
    while True:
        at = taken[-1].seq if taken else after_seq
        page = events_of_session(session, organization_id, number, after_seq=at, limit=_AT_ONCE)
        for event in page:
            size += len(_encode(event.payload))
            if len(taken) == limit or (taken and size > most_bytes):
                return Stretch(taken, before, more=True)
            taken.append(event)
        if len(page) < _AT_ONCE:
            return Stretch(taken, before, more=False)


def seq_before(session: Session, organization_id: str, number: int, seq: int, count: int) -> int:
    """After which `seq` so many events before this one begin; 0 where it has no more than these."""
    query = f"SELECT seq {_OF} AND seq < ? ORDER BY seq DESC LIMIT 1 OFFSET ?"
    found = rows(session, query, organization_id, number, seq, count)
    return int(found[0][0]) if found else 0


def seq_at(session: Session, organization_id: str, number: int, seq: int) -> int | None:
    """The event of this `seq`, else the one that comes next, else the last; None where there is none."""
    for query in (f"SELECT min(seq) {_OF} AND seq >= ?", f"SELECT max(seq) {_OF} AND seq < ?"):
        [(found,)] = rows(session, query, organization_id, number, seq)
        if found is not None:
            return int(found)
    return None


def state_before(session: Session, organization_id: str, number: int, seq: int) -> Any:
    """The payload of the last state before an event; None without one."""
    query = f"SELECT max(seq) {_OF} AND seq < ? AND type = 'state'"
    [(found,)] = rows(session, query, organization_id, number, seq)
    if found is None:
        return None
    [event] = events_of_session(session, organization_id, number, after_seq=found - 1, limit=1)
    return event.payload


def _count_upto(session: Session, organization_id: str, number: int, seq: int) -> int:
    if seq == 0:
        return 0
    [(found,)] = rows(session, f"SELECT count(*) {_OF} AND seq <= ?", organization_id, number, seq)
    return int(found)
