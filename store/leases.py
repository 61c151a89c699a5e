"""Leases: a probe instance renews one row, and with it all it holds; what it lost, gives back and must know (R6).

All of it runs in sessions of EVERY_ORGANIZATION: the caller has told by its key whose probe it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
from sqlalchemy.orm import Session

from model.protocol import LEASE_MS, LeaseRequest, ReleasedRuns
from store.claims import Claimed
from store.dispatches import planned_runs, set_status_by_hand
from store.open_dispatches import (
    Holder,
    WaitingDispatch,
    check_facts,
    cut,
    ended_among,
    reopen,
    waiting_dispatch,
)
from store.statements import rows, run
from store.wakeups import wake

_RENEW = (
    "INSERT INTO probe_instances (id, organization_id, probe_id, location, lease_until_ms, started_ms, seen_ms, "
    "version, capabilities, types, running, spool, self_check, stopping) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?::jsonb, ?::jsonb, ?, ?, ?, ?) "
    "ON CONFLICT (id) DO UPDATE SET lease_until_ms = excluded.lease_until_ms, seen_ms = excluded.seen_ms, "
    "version = excluded.version, capabilities = excluded.capabilities, types = excluded.types, "
    "running = excluded.running, spool = excluded.spool, self_check = excluded.self_check, "
    "stopping = excluded.stopping WHERE probe_instances.probe_id = excluded.probe_id"
)
_HELD = (
    "SELECT id, token, runs FROM dispatches WHERE organization_id = ? AND location = ? AND kind IN ? "
    "AND closed_ms IS NULL AND instance_id = ? ORDER BY id"
)
_GIVEN_BACK = (
    "SELECT id, kind, priority, token, created_ms, runs FROM dispatches WHERE id = ? AND organization_id = ? "
    "AND instance_id = ? AND token = ? AND closed_ms IS NULL FOR UPDATE"
)
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
        dispatch = waiting_dispatch(found[0])
        wanted = set(given.runs) - ended_among(session, given.runs)
        back = [planned for planned in dispatch.runs if planned[0] in wanted]
        if not back:
            continue
        dispatch.leave = back
        if len(back) == len(dispatch.runs):
            reopen(session, [dispatch])
        else:
            cut(session, holder, dispatch, now_ms)
        set_status_by_hand(session, back, "running", "queued")
        wake(session, lease_topic(holder.organization_id))


def lost_with_an_answer(session: Session, holder: Holder, request: LeaseRequest) -> list[Claimed]:
    """What is leased to this instance without its knowing: to be sent again under the same token; re-opened to others
    when the instance is stopping."""
    known = set(request.holding)
    lost = [
        WaitingDispatch(dispatch_id, "", 0, token, 0, planned_runs(runs))
        for dispatch_id, token, runs in _held(session, holder, request)
        if dispatch_id not in known
    ]
    if not lost:
        return []
    if request.stopping:
        reopen(session, lost)
        set_status_by_hand(session, [planned for dispatch in lost for planned in dispatch.runs], "running", "queued")
        wake(session, lease_topic(holder.organization_id))
        return []
    ended = ended_among(session, [planned[0] for dispatch in lost for planned in dispatch.runs])
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
    held = {planned[1] for _, _, runs in _held(session, holder, request) for planned in planned_runs(runs)}
    concerned = sorted(changed & held)
    facts = check_facts(session, concerned)
    gone = [check_id for check_id in concerned if check_id not in facts or facts[check_id].paused]
    return Revoked([check_id for check_id in concerned if check_id not in gone], gone)


def _held(session: Session, holder: Holder, request: LeaseRequest) -> Sequence[Any]:
    return rows(session, _HELD, holder.organization_id, holder.location, request.capabilities, request.instance)
