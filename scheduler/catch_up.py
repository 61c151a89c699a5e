"""Catching up after an absence: the arrears of the shards, in short transactions beside the normal ticks (R5).

Two passes over the checks of a shard, each remembered in the arrears row so that another scheduler can go on with it:
older slots are closed as missed, and the newest one of each stream is run if it is still worth it. Those come on top of
what is due anyway, so they are rationed: dispatches stay within 1.2 times the steady rate.
"""

from __future__ import annotations

import time
from bisect import bisect_right
from collections.abc import Callable

import msgspec
import structlog
from sqlalchemy.orm import Session

from alerts.record import record
from alerts.stretches import record_gaps
from model.errors import ErrorCode
from model.finished import Finished, Stretch
from model.ids import shard_of, slot_run_id
from model.outcome import RunError, RunStatus
from model.overdue import overdue_slots
from model.schedule import LATE_MS, Slots, slots_between
from model.slots import Due, Stream, streams_of
from scheduler.batches import batched
from scheduler.closing import NOT_HANDED_OUT
from scheduler.figures import Figures
from scheduler.ticker import STALL_MS, Ticker
from store.arrears import ArrearsRow, arrears_of, end_arrears, keep_arrears
from store.dispatches import add_dispatches
from store.schedule_feed import check_ids_with_slots, scheduled_checks
from store.sessions import EVERY_ORGANIZATION, Database
from store.shards import SHARDS, holds_shard
from store.wakeups import wake
from store.write_lock import Urgency

OFFERED_MS = 10_000
"""What was not run so long after the return is closed: everything is accounted for within 15 s."""
EXTRA_RATE = 0.15
LEAST_EXTRA_PER_S = 5.0
"""A few late runs a second are let through however slow the steady rate is."""
ROWS = 100
LONG_S, LONG_POSTGRESQL_S = 0.030, 0.150
"""Transactions are sized to stay below this before their commit: on SQLite all other writers wait for it, on PostgreSQL
nobody does, and the hours of a long absence cost a query each however many checks they are asked for."""
LEAST_AT_ONCE = 5
MOST_AT_ONCE = 200
_ALL = "~"
"""Sorts after every id: this pass is through."""
_CLOSE, _OFFER = "close", "offer"
_log = structlog.get_logger(__name__)


class CatchUp:
    """Belongs to the thread of its ticker."""

    def __init__(self, database: Database, ticker: Ticker, figures: Figures) -> None:
        self._database = database
        self._ticker = ticker
        self._figures = figures
        self._owed: list[ArrearsRow] = []
        self._ids: dict[int, list[str]] = {}
        self._at_once = {_CLOSE: LEAST_AT_ONCE, _OFFER: 20}
        self._long_s = LONG_S if database.sqlite else LONG_POSTGRESQL_S
        self._extra = Ration()

    def work(self, until_s: float) -> None:
        """Go on until the monotonic clock shows `until_s` or there is nothing to do for now."""
        while time.monotonic() < until_s and self.step():
            pass

    def step(self) -> bool:
        """One short transaction; whether there is more to do at once."""
        if self._ticker.arrears_changed:
            self._look()
        owed = next((row for row in self._owed if row.offered_to != _ALL and self._may_offer(row)), None)
        if owed is not None:
            return self._pass(owed, _OFFER)
        owed = next((row for row in self._owed if row.closed_to != _ALL), None)
        return owed is not None and self._pass(owed, _CLOSE)

    def _look(self) -> None:
        with self._database.read(EVERY_ORGANIZATION) as session:
            self._owed = arrears_of(session, sorted(self._ticker.held))
            self._ids = {shard_id: [] for shard_id in range(SHARDS)}
            if self._owed:
                first_ms, last_ms = min(row.from_ms for row in self._owed), max(row.to_ms for row in self._owed)
                for check_id in check_ids_with_slots(session, first_ms, last_ms):
                    self._ids[shard_of(check_id, SHARDS)].append(check_id)
        self._ticker.arrears_changed = False

    def _may_offer(self, owed: ArrearsRow) -> bool:
        """Whether there is something to run or to give up now; else it waits for its ration."""
        short, expired = owed.to_ms - owed.from_ms <= STALL_MS, self._ticker.now_ms >= owed.to_ms + OFFERED_MS
        return short or expired or self._extra.any_left(self._steady_rate())

    def _steady_rate(self) -> float:
        return self._ticker.definitions.slots_per_second(set(self._ticker.held))

    def _pass(self, owed: ArrearsRow, name: str) -> bool:
        """One transaction of a pass over the checks of a shard."""
        shard = self._ticker.held.get(owed.shard_id)
        work, done_to = (self._offer, owed.offered_to) if name == _OFFER else (self._close, owed.closed_to)
        ids = self._ids[owed.shard_id]
        first = bisect_right(ids, done_to) if done_to is not None else 0
        some = ids[first : first + self._at_once[name]]
        with self._database.write(EVERY_ORGANIZATION, Urgency.HOUSEKEEPING) as session:
            begun_s = time.monotonic()
            now_ms = self._database.now_ms(session)
            after = work(session, owed, some, now_ms) if shard is not None and holds_shard(session, shard) else None
            through = after is not None and after.closed_to == after.offered_to == _ALL
            if after is not None:
                (end_arrears if through else keep_arrears)(session, after)
            took_s = time.monotonic() - begun_s
        rest = [row for row in self._owed if row is not owed]
        self._owed = rest if after is None or through else [after, *rest]
        if some:
            self._resize(name, len(some), took_s)
        return True

    def _resize(self, name: str, done: int, took_s: float) -> None:
        """How many checks the next transaction of this pass takes."""
        if took_s > self._long_s:
            self._at_once[name] = max(LEAST_AT_ONCE, done // 2)
        elif took_s < self._long_s / 3:
            self._at_once[name] = min(MOST_AT_ONCE, max(self._at_once[name], done * 2))

    def _close(self, session: Session, owed: ArrearsRow, ids: list[str], now_ms: int) -> ArrearsRow:
        """Account for the older slots of these checks."""
        finished: list[Finished] = []
        stretches: list[Stretch] = []
        for streams in self._streams(session, ids).values():
            for overdue in overdue_slots(streams, owed.from_ms, owed.to_ms):
                for stream, slots in overdue.older:
                    self._figures.missed_slots += slots.count
                    if slots.count <= ROWS and slots.last_ms - slots.first_ms <= LATE_MS:
                        finished += [missed(stream, due_ms) for due_ms in _dues(stream, slots)]
                    else:
                        stretches.append(_stretch(stream, slots))
        record(session, finished, now_ms)
        record_gaps(session, stretches, now_ms)
        return msgspec.structs.replace(owed, closed_to=ids[-1] if ids else _ALL)

    def _offer(self, session: Session, owed: ArrearsRow, ids: list[str], now_ms: int) -> ArrearsRow:
        """Run the newest slot of each stream of these checks, as far as the ration goes, or give it up."""
        free = owed.to_ms - owed.from_ms <= STALL_MS
        rate = self._steady_rate()
        due: list[Due] = []
        finished: list[Finished] = []
        done_to = owed.offered_to
        found = self._streams(session, ids)
        for check_id in ids:
            newest = [each.newest for each in overdue_slots(found.get(check_id, []), owed.from_ms, owed.to_ms)]
            slots = [slot for slot in newest if slot is not None]
            worth = [slot for slot in slots if _worth_running(slot, now_ms, owed.to_ms)]
            if worth and not free and not self._extra.take(len(worth), rate):
                break
            due += worth
            finished += [missed(stream, due_ms) for due_ms, stream in slots if (due_ms, stream) not in worth]
            done_to = check_id
        dispatches = batched(due)
        add_dispatches(session, dispatches, now_ms)
        record(session, finished, now_ms)
        for organization_id in {dispatch.organization_id for dispatch in dispatches}:
            wake(session, f"lease:{organization_id}")
        self._figures.dispatched_slots += len(due)
        self._figures.missed_slots += len(finished)
        return msgspec.structs.replace(owed, offered_to=done_to if ids else _ALL)

    @staticmethod
    def _streams(session: Session, ids: list[str]) -> dict[str, list[Stream]]:
        found = scheduled_checks(session, ids)
        return {
            check.check_id: streams_of(check.organization_id, check.check_id, check.versions)
            for check in found.values()
        }


class Ration:
    """Late runs allowed on top of the steady rate: a bucket that fills with time and holds one second's worth."""

    def __init__(self, monotonic_s: Callable[[], float] = time.monotonic) -> None:
        self._monotonic_s = monotonic_s
        self._left = 0.0
        self._filled_s = monotonic_s()

    def any_left(self, steady_per_s: float) -> bool:
        """Whether `take` would be granted. `steady_per_s`: the slots that are due anyway."""
        per_s = max(EXTRA_RATE * steady_per_s, LEAST_EXTRA_PER_S)
        at_s = self._monotonic_s()
        self._left = min(self._left + (at_s - self._filled_s) * per_s, per_s)
        self._filled_s = at_s
        return self._left >= 1

    def take(self, runs: int, steady_per_s: float) -> bool:
        """Take this many, all or none; the locations of one check go together, if need be on credit."""
        if not self.any_left(steady_per_s):
            return False
        self._left -= runs
        return True


def missed(stream: Stream, due_ms: int) -> Finished:
    """A slot that nobody was asked to run in time."""
    return Finished(
        run_id=slot_run_id(stream.check_id, stream.location, due_ms),
        organization_id=stream.organization_id,
        check_id=stream.check_id,
        check_version=stream.version,
        location=stream.location,
        at_ms=due_ms,
        status=RunStatus.MISSED,
        error=RunError(ErrorCode.API_UNREACHABLE, NOT_HANDED_OUT),
    )


def _worth_running(slot: Due, now_ms: int, returned_ms: int) -> bool:
    due_ms, stream = slot
    return now_ms < min(due_ms + stream.schedule.late_ms, returned_ms + OFFERED_MS) and stream.until_ms > now_ms


def _dues(stream: Stream, slots: Slots) -> list[int]:
    return list(slots_between(stream.schedule, stream.phase_ms, slots.first_ms - 1, slots.last_ms))


def _stretch(stream: Stream, slots: Slots) -> Stretch:
    interval_ms = stream.schedule.interval_ms
    return Stretch(
        organization_id=stream.organization_id,
        check_id=stream.check_id,
        location=stream.location,
        reason=ErrorCode.API_UNREACHABLE,
        message=NOT_HANDED_OUT,
        first_ms=slots.first_ms,
        last_ms=slots.last_ms,
        count=slots.count,
        interval_ms=interval_ms,
        due_ms=() if interval_ms is not None else _dues(stream, slots),
    )
