"""Claims: which open dispatches a probe instance takes, under which fencing token (R6).

A claim takes a whole dispatch, or the part that the probe has room for and knows how to run; its token rises, and only
results that carry the new one count from then on. All of it runs in sessions of EVERY_ORGANIZATION.
"""

from __future__ import annotations

from collections.abc import Collection

import msgspec
from sqlalchemy.orm import Session

from model.protocol import LeaseRequest
from store.dispatches import PlannedRun
from store.open_dispatches import (
    CheckFacts,
    Holder,
    WaitingDispatch,
    check_facts,
    cut,
    ended_among,
    set_status_by_hand,
    waiting_dispatch,
)
from store.statements import rows, run_many

_PAGE = 50
_PAGES = 10
"""How many open dispatches are looked at: those that this probe can't do may lie before those that it can."""
_PLANNED = ("schedule", "confirm")
"""Triggers of runs that a pause takes back; who asks for a run of a paused check by hand gets it."""
_OPEN = (
    "SELECT id, kind, priority, token, created_ms, runs FROM dispatches WHERE organization_id = ? AND location = ? "
    "AND kind IN ? AND closed_ms IS NULL AND instance_id IS NULL ORDER BY priority, created_ms, id LIMIT ? OFFSET ?"
)
_OPEN_LOCKED = f"{_OPEN} FOR UPDATE SKIP LOCKED"
_CLAIM = "UPDATE dispatches SET instance_id = ?, probe_id = ?, token = token + 1, leased_ms = ? WHERE id = ?"


class Claimed(msgspec.Struct):
    """A dispatch that is this instance's now. `cancelled`: runs of checks that were paused or deleted before anybody
    began them, to be recorded as such in this transaction."""

    dispatch_id: str
    token: int
    runs: list[PlannedRun]
    cancelled: list[PlannedRun] = []


def claim(session: Session, holder: Holder, request: LeaseRequest, now_ms: int) -> list[Claimed]:
    """Lease what this instance can take now: what was asked for by hand first, the oldest next."""
    chosen = _choose(session, holder, request, now_ms, lock=True)
    for dispatch in chosen:
        if dispatch.leave:
            cut(session, holder, dispatch, now_ms)
    run_many(session, _CLAIM, [(request.instance, holder.probe_id, now_ms, dispatch.id) for dispatch in chosen])
    set_status_by_hand(session, [planned for dispatch in chosen for planned in dispatch.take], "queued", "running")
    return [Claimed(dispatch.id, dispatch.token + 1, dispatch.take, dispatch.cancel) for dispatch in chosen]


def anything_to_claim(session: Session, holder: Holder, request: LeaseRequest, now_ms: int) -> bool:
    """Whether `claim` would find something: the look of a waiting request, which writes nothing."""
    return bool(_choose(session, holder, request, now_ms, lock=False))


def _choose(
    session: Session, holder: Holder, request: LeaseRequest, now_ms: int, *, lock: bool
) -> list[WaitingDispatch]:
    if request.capacity <= 0 or request.stopping:
        return []
    # What it says it still holds is not leased to it again: its results count as long as nobody else leases it.
    known = set(request.holding)
    chosen: list[WaitingDispatch] = []
    room = request.capacity
    for page in range(_PAGES):
        found = rows(
            session, _OPEN_LOCKED if lock else _OPEN,
            holder.organization_id, holder.location, request.capabilities, _PAGE, page * _PAGE,
        )  # fmt: skip
        waiting = [waiting_dispatch(row) for row in found if row[0] not in known]
        while waiting and room > 0:
            batch = _enough(waiting, room)
            room = _take(session, batch, request.types, room, now_ms)
            chosen += [dispatch for dispatch in batch if dispatch.take or dispatch.cancel]
        if len(found) < _PAGE or room <= 0:
            break
    return chosen


def _enough(waiting: list[WaitingDispatch], room: int) -> list[WaitingDispatch]:
    """Off the front of the list: as many dispatches as fill the room if all of their runs can be taken."""
    batch: list[WaitingDispatch] = []
    runs = 0
    while waiting and runs < room:
        batch.append(waiting.pop(0))
        runs += len(batch[-1].runs)
    return batch


def _take(session: Session, batch: list[WaitingDispatch], types: Collection[str], room: int, now_ms: int) -> int:
    """Decide what to take of these dispatches, in order, while there is room; the room that is left."""
    facts = check_facts(session, {planned[1] for dispatch in batch for planned in dispatch.runs})
    ended = ended_among(session, [planned[0] for dispatch in batch for planned in dispatch.runs])
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


def _sort_out(
    dispatch: WaitingDispatch, facts: dict[str, CheckFacts], ended: set[str], types: Collection[str], now_ms: int
) -> None:
    """Which of its runs to take, to cancel, and to leave to others. Those that ended, and those of a dispatch leased
    before that are too late by now, are none of them: their closing is the scheduler's."""
    for planned in dispatch.runs:
        run_id, check_id, _, late_limit_ms, trigger = planned
        if run_id in ended:
            continue
        fact = facts.get(check_id)
        if fact is None or (fact.paused and trigger in _PLANNED):
            dispatch.cancel.append(planned)
        elif fact.type not in types:
            dispatch.leave.append(planned)
        elif now_ms <= late_limit_ms:
            dispatch.take.append(planned)
        elif dispatch.token == 0:
            dispatch.leave.append(planned)
