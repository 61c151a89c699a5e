"""Claims: which open dispatches a probe instance takes, under which fencing token (R6).

A claim takes a whole dispatch, or the part that the probe has room for and knows how to run; its token rises, and only
results that carry the new one count from then on. All of it runs in sessions of EVERY_ORGANIZATION.
"""

from __future__ import annotations

from collections.abc import Collection

import msgspec
from sqlalchemy.orm import Session

from model.protocol import LeaseRequest
from store.dispatches import PlannedRun, set_status_by_hand
from store.open_dispatches import (
    CheckFacts,
    Holder,
    WaitingDispatch,
    check_facts,
    cut,
    ended_among,
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
    "AND kind = ? AND closed_ms IS NULL AND instance_id IS NULL ORDER BY priority, created_ms, id LIMIT ? OFFSET ?"
)
_OPEN_LOCKED = f"{_OPEN} FOR UPDATE SKIP LOCKED"
_BY_HAND = 0
"""The priority of what somebody asked for."""
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
    """Journeys are counted apart from network checks. People may fill half of the browsers at most: what is scheduled
    has its place beside them."""
    if request.stopping:
        return []
    chosen: list[WaitingDispatch] = []
    rooms = {"network": _Room(request.capacity), "browser": _Room(request.browser_capacity, request.by_hand_capacity)}
    for kind in request.capabilities:
        if rooms[kind].left > 0:
            chosen += _choose_kind(session, holder, request, kind, rooms[kind], now_ms, lock=lock)
    return chosen


class _Room(msgspec.Struct):
    """How many runs may be taken yet, and how many of them by hand; None: as many."""

    left: int
    by_hand: int | None = None

    def of(self, dispatch: WaitingDispatch) -> int:
        """For one dispatch."""
        by_hand = self.left if self.by_hand is None else self.by_hand
        return min(self.left, by_hand) if dispatch.priority == _BY_HAND else self.left

    def take(self, dispatch: WaitingDispatch) -> None:
        self.left -= len(dispatch.take)
        if self.by_hand is not None and dispatch.priority == _BY_HAND:
            self.by_hand -= len(dispatch.take)


def _choose_kind(
    session: Session, holder: Holder, request: LeaseRequest, kind: str, room: _Room, now_ms: int, *, lock: bool
) -> list[WaitingDispatch]:
    # What it says it still holds is not leased to it again: its results count as long as nobody else leases it.
    known = set(request.holding)
    chosen: list[WaitingDispatch] = []
    for page in range(_PAGES):
        found = rows(
            session, _OPEN_LOCKED if lock else _OPEN,
            holder.organization_id, holder.location, kind, _PAGE, page * _PAGE,
        )  # fmt: skip
        waiting = [waiting_dispatch(row) for row in found if row[0] not in known]
        while waiting and room.left > 0:
            batch = _enough(waiting, room.left)
            _take(session, batch, request.types, room, now_ms)
            chosen += [dispatch for dispatch in batch if dispatch.take or dispatch.cancel]
        if len(found) < _PAGE or room.left <= 0:
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


def _take(session: Session, batch: list[WaitingDispatch], types: Collection[str], room: _Room, now_ms: int) -> None:
    """Decide what to take of these dispatches, in order, while there is room."""
    facts = check_facts(session, {planned[1] for dispatch in batch for planned in dispatch.runs})
    ended = ended_among(session, [planned[0] for dispatch in batch for planned in dispatch.runs])
    for dispatch in batch:
        here = room.of(dispatch)
        if here <= 0:
            continue
        _sort_out(dispatch, facts, ended, types, now_ms)
        if dispatch.token == 0:
            dispatch.leave += dispatch.take[here:]
            del dispatch.take[here:]
        elif dispatch.leave:  # it can't be cut, and this probe can't do all of it
            dispatch.take, dispatch.cancel = [], []
        room.take(dispatch)


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
