"""Leases: which probe instance may do which runs, under which fencing token, for how long (R6).

An instance renews one row, and with it everything it holds. A lease is a claim of a whole dispatch: its token rises,
and only results that carry the new one count from then on. A dispatch that was never leased may be cut in two, when a
probe can take a part of it only; one that was leased before stays whole, so that the last holder's late results still
find their runs in it.

All of it runs in sessions of EVERY_ORGANIZATION: the caller has told by its key whose probe it is.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any

import msgspec
from sqlalchemy.orm import Session

from model.ids import new_id
from model.protocol import LEASE_MS, LeaseRequest, ReleasedRuns
from store.dispatches import LOST_MS, PlannedRun
from store.sessions import wake
from store.statements import from_json, rows, run, run_many

_PAGE = 50
_PAGES = 10
"""How many open dispatches are looked at: those that this probe can't do may lie before those that it can."""
_PLANNED = ("schedule", "confirm")
"""Triggers of runs that a pause takes back; who asks for a run of a paused check by hand gets it."""


class Holder(msgspec.Struct, frozen=True):
    """Whose probe asks, and where it stands."""

    organization_id: str
    probe_id: str
    location: str


class Claimed(msgspec.Struct):
    """A dispatch that is this instance's now. `cancelled`: runs of checks that were paused or deleted before anybody
    began them, to be recorded as such in this transaction."""

    dispatch_id: str
    token: int
    runs: list[PlannedRun]
    cancelled: list[PlannedRun] = []


class _Facts(msgspec.Struct, frozen=True):
    type: str
    paused: bool


class _Open(msgspec.Struct):
    """An open dispatch, with what is to be done with its runs."""

    id: str
    kind: str
    priority: int
    token: int
    created_ms: int
    runs: list[PlannedRun]
    take: list[PlannedRun] = []
    cancel: list[PlannedRun] = []
    leave: list[PlannedRun] = []


_RENEW = (
    "INSERT INTO probe_instances (id, organization_id, probe_id, location, lease_until_ms, started_ms, seen_ms, "
    "version, capabilities, types, running, spool, self_check, stopping) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?::jsonb, ?::jsonb, ?, ?, ?, ?) "
    "ON CONFLICT (id) DO UPDATE SET lease_until_ms = excluded.lease_until_ms, seen_ms = excluded.seen_ms, "
    "version = excluded.version, capabilities = excluded.capabilities, types = excluded.types, "
    "running = excluded.running, spool = excluded.spool, self_check = excluded.self_check, "
    "stopping = excluded.stopping WHERE probe_instances.probe_id = excluded.probe_id"
)
_OPEN = (
    "SELECT id, kind, priority, token, created_ms, runs FROM dispatches WHERE organization_id = ? AND location = ? "
    "AND kind IN ? AND closed_ms IS NULL AND instance_id IS NULL ORDER BY priority, created_ms, id LIMIT ? OFFSET ?"
)
_OPEN_LOCKED = f"{_OPEN} FOR UPDATE SKIP LOCKED"
_HELD = (
    "SELECT id, token, runs FROM dispatches WHERE organization_id = ? AND location = ? AND kind IN ? "
    "AND closed_ms IS NULL AND instance_id = ? ORDER BY id"
)
_GIVEN_BACK = (
    "SELECT id, kind, priority, token, created_ms, runs FROM dispatches WHERE id = ? AND organization_id = ? "
    "AND instance_id = ? AND token = ? AND closed_ms IS NULL FOR UPDATE"
)
_CLAIM = "UPDATE dispatches SET instance_id = ?, probe_id = ?, token = token + 1, leased_ms = ? WHERE id = ?"
_REOPEN = "UPDATE dispatches SET instance_id = NULL, first_limit_ms = ?, last_limit_ms = ? WHERE id = ?"
_KEEP = (
    "UPDATE dispatches SET runs = ?::jsonb, first_limit_ms = ?, last_limit_ms = ?, "
    "closed_ms = CASE WHEN finished >= ? THEN ? ELSE NULL END WHERE id = ?"
)
_PART = (
    "INSERT INTO dispatches (id, organization_id, location, kind, priority, runs, created_ms, first_limit_ms, "
    "last_limit_ms, token, finished) VALUES (?, ?, ?, ?, ?, ?::jsonb, ?, ?, ?, 0, 0)"
)
_FACTS = "SELECT id, type, status FROM checks WHERE id IN ? AND deleted_ms IS NULL"
_ENDED = "SELECT id FROM runs WHERE id IN ? AND status NOT IN ('queued', 'running')"
_encode = msgspec.json.Encoder().encode


def lease_topic(organization_id: str) -> str:
    """What is woken when there may be something to lease or to revoke."""
    return f"lease:{organization_id}"


def renew_instance(session: Session, holder: Holder, request: LeaseRequest, now_ms: int) -> bool:
    """Keep everything this instance holds for another LEASE_MS; False when the id is another probe's instance."""
    return bool(
        run(
            session,
            _RENEW,
            request.instance, holder.organization_id, holder.probe_id, holder.location,
            now_ms + LEASE_MS, now_ms, now_ms, request.version,
            _encode(request.capabilities).decode(), _encode(request.types).decode(),
            request.running, request.spool, request.self_check, request.stopping,
        )
    )  # fmt: skip


def end_lease_of(session: Session, holder: Holder, instance_id: str, now_ms: int) -> None:
    """A process that is known dead keeps nothing: what it held is re-opened with the next rescue."""
    run(
        session,
        "UPDATE probe_instances SET lease_until_ms = ?, stopping = ? WHERE id = ? AND probe_id = ? "
        "AND lease_until_ms >= ?",
        now_ms - 1, True, instance_id, holder.probe_id, now_ms,
    )  # fmt: skip


def give_back(
    session: Session, holder: Holder, instance_id: str, released: Iterable[ReleasedRuns], now_ms: int
) -> None:
    """Open the runs that this instance has not started to others, at once. What it does not hold under that token any
    more is not its to give: nothing happens, so the same word twice does no harm."""
    for given in sorted(released, key=lambda given: given.dispatch_id):
        found = rows(session, _GIVEN_BACK, given.dispatch_id, holder.organization_id, instance_id, given.token)
        if not found:
            continue
        dispatch = _open(found[0])
        wanted = set(given.runs) - _ended(session, given.runs)
        back = [planned for planned in dispatch.runs if planned[0] in wanted]
        if not back:
            continue
        dispatch.leave = back
        if len(back) == len(dispatch.runs):
            _reopen(session, [dispatch])
        else:
            _cut(session, holder, dispatch, now_ms)
        _set_status(session, back, "running", "queued")
        wake(session, lease_topic(holder.organization_id))


def claim(session: Session, holder: Holder, request: LeaseRequest, now_ms: int) -> list[Claimed]:
    """Lease what this instance can take now: what was asked for by hand first, the oldest next."""
    chosen = _choose(session, holder, request, now_ms, lock=True)
    for dispatch in chosen:
        if dispatch.leave:
            _cut(session, holder, dispatch, now_ms)
    run_many(session, _CLAIM, [(request.instance, holder.probe_id, now_ms, dispatch.id) for dispatch in chosen])
    _set_status(session, [planned for dispatch in chosen for planned in dispatch.take], "queued", "running")
    return [Claimed(dispatch.id, dispatch.token + 1, dispatch.take, dispatch.cancel) for dispatch in chosen]


def anything_to_claim(session: Session, holder: Holder, request: LeaseRequest, now_ms: int) -> bool:
    """Whether `claim` would find something: the look of a waiting request, which writes nothing."""
    return bool(_choose(session, holder, request, now_ms, lock=False))


def lost_with_an_answer(session: Session, holder: Holder, request: LeaseRequest) -> list[Claimed]:
    """What is leased to this instance without its knowing: to be sent again under the same token; re-opened to others
    when the instance is stopping."""
    known = set(request.holding)
    lost = [
        _Open(dispatch_id, "", 0, token, 0, _planned(runs))
        for dispatch_id, token, runs in _held(session, holder, request)
        if dispatch_id not in known
    ]
    if not lost:
        return []
    if request.stopping:
        _reopen(session, lost)
        _set_status(session, [planned for dispatch in lost for planned in dispatch.runs], "running", "queued")
        wake(session, lease_topic(holder.organization_id))
        return []
    ended = _ended(session, [planned[0] for dispatch in lost for planned in dispatch.runs])
    again = [
        Claimed(dispatch.id, dispatch.token, [planned for planned in dispatch.runs if planned[0] not in ended])
        for dispatch in lost
    ]
    return [claimed for claimed in again if claimed.runs]


def newest_change_number(session: Session) -> int:
    """What `seen` is told as."""
    return int(rows(session, "SELECT value FROM counters WHERE name = ?", "changes")[0][0])


class Revoked(msgspec.Struct, frozen=True):
    """Checks of runs already held that are not what they were when they were leased."""

    changed: list[str]
    cancelled: list[str]


def revoked(session: Session, holder: Holder, request: LeaseRequest, until: int) -> Revoked:
    """What changed with numbers in (request.seen, until] and concerns a check this instance holds runs of."""
    if not 0 < request.seen < until:
        return Revoked([], [])
    query = "SELECT DISTINCT entity_id FROM changes WHERE seq > ? AND seq <= ? AND organization_id = ? AND kind = ?"
    changed = {row[0] for row in rows(session, query, request.seen, until, holder.organization_id, "check")}
    if not changed:
        return Revoked([], [])
    held = {planned[1] for _, _, runs in _held(session, holder, request) for planned in _planned(runs)}
    concerned = sorted(changed & held)
    facts = _facts(session, concerned)
    gone = [check_id for check_id in concerned if check_id not in facts or facts[check_id].paused]
    return Revoked([check_id for check_id in concerned if check_id not in gone], gone)


def _choose(session: Session, holder: Holder, request: LeaseRequest, now_ms: int, *, lock: bool) -> list[_Open]:
    if request.capacity <= 0 or request.stopping:
        return []
    # What it says it still holds is not leased to it again: its results count as long as nobody else leases it.
    known = set(request.holding)
    chosen: list[_Open] = []
    room = request.capacity
    for page in range(_PAGES):
        found = rows(
            session, _OPEN_LOCKED if lock else _OPEN,
            holder.organization_id, holder.location, request.capabilities, _PAGE, page * _PAGE,
        )  # fmt: skip
        waiting = [_open(row) for row in found if row[0] not in known]
        while waiting and room > 0:
            batch = _enough(waiting, room)
            room = _take(session, batch, request.types, room, now_ms)
            chosen += [dispatch for dispatch in batch if dispatch.take or dispatch.cancel]
        if len(found) < _PAGE or room <= 0:
            break
    return chosen


def _enough(waiting: list[_Open], room: int) -> list[_Open]:
    """Off the front of the list: as many dispatches as fill the room if all of their runs can be taken."""
    batch: list[_Open] = []
    runs = 0
    while waiting and runs < room:
        batch.append(waiting.pop(0))
        runs += len(batch[-1].runs)
    return batch


def _take(session: Session, batch: list[_Open], types: Collection[str], room: int, now_ms: int) -> int:
    """Decide what to take of these dispatches, in order, while there is room; the room that is left."""
    facts = _facts(session, {planned[1] for dispatch in batch for planned in dispatch.runs})
    ended = _ended(session, [planned[0] for dispatch in batch for planned in dispatch.runs])
    for dispatch in batch:
        if room <= 0:
            break
        _sort_out(dispatch, facts, ended, types, now_ms)
        if dispatch.token == 0:
            dispatch.leave += dispatch.take[room:]
            del dispatch.take[room:]
        elif dispatch.leave:  # it can't be cut, and this probe can't do all of it
            dispatch.take, dispatch.cancel = [], []
        room -= len(dispatch.take)
    return room


def _sort_out(dispatch: _Open, facts: dict[str, _Facts], ended: set[str], types: Collection[str], now_ms: int) -> None:
    """Which of its runs to take, to cancel, and to leave to others. Those that ended, and those of a dispatch leased
    before that are too late by now, are none of them: their closing is the scheduler's."""
    for planned in dispatch.runs:
        run_id, check_id, due_ms, late_limit_ms, trigger = planned
        if run_id in ended:
            continue
        fact = facts.get(check_id)
        if fact is None or (fact.paused and trigger in _PLANNED):
            dispatch.cancel.append(planned)
        elif fact.type not in types:
            dispatch.leave.append(planned)
        elif now_ms <= (late_limit_ms if dispatch.token == 0 else due_ms + LOST_MS):
            dispatch.take.append(planned)
        elif dispatch.token == 0:
            dispatch.leave.append(planned)


def _cut(session: Session, holder: Holder, dispatch: _Open, now_ms: int) -> None:
    """Part the runs in `leave` from a dispatch, as one of its own that nobody holds."""
    apart = {planned[0] for planned in dispatch.leave}
    kept = [planned for planned in dispatch.runs if planned[0] not in apart]
    run(session, _KEEP, _encode(kept).decode(), *_limits(kept), len(kept), now_ms, dispatch.id)
    run(
        session,
        _PART,
        new_id("dsp", now_ms), holder.organization_id, holder.location, dispatch.kind, dispatch.priority,
        _encode(dispatch.leave).decode(), dispatch.created_ms, *_limits(dispatch.leave),
    )  # fmt: skip
    dispatch.runs = kept


def _reopen(session: Session, dispatches: Iterable[_Open]) -> None:
    """As for a holder that was lost: the token stays, so its results count until somebody else leases them."""
    run_many(
        session,
        _REOPEN,
        [
            (min(dues) + LOST_MS, max(dues) + LOST_MS, dispatch.id)
            for dispatch in dispatches
            for dues in [[planned[2] for planned in dispatch.runs]]
        ],
    )


def _limits(runs: Sequence[PlannedRun]) -> tuple[int, int]:
    limits = [planned[3] for planned in runs]
    return min(limits), max(limits)


def _set_status(session: Session, runs: Iterable[PlannedRun], before: str, after: str) -> None:
    """Runs asked for by hand have a row while they wait; those of the schedule have none until they end."""
    by_hand = [planned[0] for planned in runs if planned[4] != "schedule"]
    if by_hand:
        run(session, "UPDATE runs SET status = ? WHERE id IN ? AND status = ?", after, by_hand, before)


def _held(session: Session, holder: Holder, request: LeaseRequest) -> Sequence[Any]:
    return rows(session, _HELD, holder.organization_id, holder.location, request.capabilities, request.instance)


def _facts(session: Session, check_ids: Collection[str]) -> dict[str, _Facts]:
    return {row[0]: _Facts(row[1], row[2] == "paused") for row in rows(session, _FACTS, list(check_ids))}


def _ended(session: Session, run_ids: list[str]) -> set[str]:
    return {row[0] for row in rows(session, _ENDED, run_ids)}


def _open(row: Any) -> _Open:
    dispatch_id, kind, priority, token, created_ms, runs = row
    return _Open(dispatch_id, kind, priority, token, created_ms, _planned(runs))


def _planned(runs: Any) -> list[PlannedRun]:
    return [tuple(planned) for planned in from_json(runs)]
