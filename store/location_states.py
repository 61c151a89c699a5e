"""What each check last showed at each location, and the row that serializes everything recorded for that pair.

Whoever records for a (check, location) first locks its row here, always in the order of location, then check: so two
processes that record at once wait for each other instead of losing counts, and can never wait in a ring.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any
from weakref import WeakKeyDictionary

import msgspec
from sqlalchemy import Connection, Engine, select
from sqlalchemy.orm import Session

from store.statements import rows, run, run_many
from store.tables import LocationState

Stream = tuple[str, str]
"""(check id, location)"""


class StreamState(msgspec.Struct):
    """The part of a location state that recording looks at. `status`, `since_ms` (since when that verdict holds) and
    `at_ms` are of the newest measured scheduled run; `unrun_*` of the slots that nobody ran since then; `gap_id` is
    the gap that grows with them once they are many."""

    check_id: str
    location: str
    organization_id: str
    status: str | None = None
    since_ms: int | None = None
    at_ms: int | None = None
    unrun_since_ms: int | None = None
    unrun_slots: int = 0
    gap_id: str | None = None
    degraded: bool = False
    """as it was before what is being recorded"""


_SEEN = 200_000
"""Streams remembered to have a state, at most (about 40 MB): it saves a statement a batch, no more."""
_seen: WeakKeyDictionary[Engine | Connection, set[Stream]] = WeakKeyDictionary()
_COLUMNS = ", ".join(StreamState.__struct_fields__)
_LOCK = (
    f"SELECT {_COLUMNS} FROM location_states WHERE check_id IN ? AND location = ? "  # noqa: S608
    "ORDER BY location, check_id FOR UPDATE"
)
_CREATE = (
    "INSERT INTO location_states (check_id, location, organization_id, degraded, unrun_slots) "
    "SELECT c.id, ?, c.organization_id, FALSE, 0 FROM checks c WHERE c.id IN ? AND NOT EXISTS "
    "(SELECT 1 FROM location_states s WHERE s.check_id = c.id AND s.location = ?) ORDER BY c.id ON CONFLICT DO NOTHING"
)
_VERDICT = (
    "UPDATE location_states SET status = ?, degraded = ?, since_ms = ?, at_ms = ?, fresh_until_ms = ?, run_id = ?, "
    "duration_ms = ?, metrics = ?::jsonb, error = ?::jsonb, unrun_since_ms = ?, unrun_slots = ?, gap_id = ? "
    "WHERE check_id = ? AND location = ?"
)
_REST = (
    "UPDATE location_states SET since_ms = ?, unrun_since_ms = ?, unrun_slots = ?, gap_id = ? "
    "WHERE check_id = ? AND location = ?"
)


def lock_states(session: Session, streams: Iterable[Stream]) -> dict[Stream, StreamState]:
    """Lock and read the state of each stream until the transaction ends, making rows that are not there yet. A check
    that no longer exists has no state: its streams are missing from the answer."""
    by_location: dict[str, list[str]] = {}
    for check_id, location in set(streams):
        by_location.setdefault(location, []).append(check_id)
    ordered = sorted(by_location.items())
    seen = _seen.setdefault(session.get_bind(), set())
    for location, check_ids in ordered:  # before any lock is held: an insert may wait for another process's
        unseen = [check_id for check_id in check_ids if (check_id, location) not in seen]
        if unseen:
            run(session, _CREATE, location, unseen, location)
    states: dict[Stream, StreamState] = {}
    for location, check_ids in ordered:
        found = rows(session, _LOCK, check_ids, location)
        if len(found) < len(check_ids):  # one that was seen has gone since, or its check has
            run(session, _CREATE, location, check_ids, location)
            found = rows(session, _LOCK, check_ids, location)
        for row in found:
            states[row[0], location] = StreamState(*row)
    if not seen >= states.keys():
        if len(seen) > _SEEN:
            seen.clear()
        seen.update(states)
    return states


def write_verdicts(session: Session, verdicts: Sequence[tuple[Any, ...]]) -> None:
    """Store newest measured runs: (status, degraded, since_ms, at_ms, fresh_until_ms, run_id, duration_ms, metrics,
    error, unrun_since_ms, unrun_slots, gap_id, check_id, location), metrics and error as JSON text or None."""
    run_many(session, _VERDICT, list(verdicts))


def write_stretches(session: Session, states: Iterable[StreamState]) -> None:
    """Store what changed though the newest measured run did not: not-run slots, or an older run that came late."""
    run_many(
        session,
        _REST,
        [
            (state.since_ms, state.unrun_since_ms, state.unrun_slots, state.gap_id, state.check_id, state.location)
            for state in states
        ],
    )


def states_of_checks(session: Session, check_ids: Sequence[str]) -> dict[str, list[LocationState]]:
    """The measured location states of each check, by location; nothing for a location that was never measured.
    Locations a check no longer has are still among them: hold them against its definition."""
    found: dict[str, list[LocationState]] = {check_id: [] for check_id in check_ids}
    wanted = select(LocationState).where(LocationState.check_id.in_(check_ids), LocationState.status.is_not(None))
    for state in session.scalars(wanted.order_by(LocationState.check_id, LocationState.location)):
        found[state.check_id].append(state)
    return found
