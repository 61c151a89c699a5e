"""What a batch of finished runs changes, worked out in memory before anything is written: no I/O in this file.

Each run is held against what is known of it (a row, a gap over its slot, a run earlier in the batch), so that however
often and in whatever order results arrive, each counts once and the newest measured one is the verdict.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from alerts.counting import count, reason_of, take_back
from model.finished import Finished
from model.health import freshness_ms
from model.ids import new_id, phase_ms
from model.outcome import RunStatus, Trigger
from model.protocol import Refusal
from model.schedule import Schedule, fresh_until_ms, next_slot
from store.gaps import OpenGap
from store.location_states import Stream, StreamState
from store.rollups import Deltas
from store.run_rows import StoredRun

ROWS_MS = 60_000
ROWS = 100
"""The first 60 s and 100 slots of a stretch that nobody ran are run rows; what follows is one gap (R5)."""
FRESH_MS = freshness_ms(60_000, 30_000)
"""How long a verdict counts when its schedule is not known any more: that of the default interval and timeout."""
ALWAYS_MS = 100 * 366 * 86_400_000
"""A heartbeat's verdict counts until the next: a hundred years."""


class Known(msgspec.Struct):
    """What the store says about the runs of a batch."""

    states: dict[Stream, StreamState]
    runs: dict[str, StoredRun]
    gaps: dict[Stream, list[OpenGap]]
    schedules: Mapping[tuple[str, int], Schedule]


class Ledger:
    """Enter finished runs in the order of their `at_ms`, then write what it holds."""

    def __init__(self, known: Known, now_ms: int) -> None:
        self._known = known
        self._now_ms = now_ms
        self.refused: list[Refusal] = []
        self.entered: list[Finished] = []
        """those that add to what is known, each once"""
        self.inserts: dict[str, Finished] = {}
        self.overwrites: dict[str, Finished] = {}
        self.hours: Deltas = {}
        self.days: Deltas = {}
        self.ended: dict[str, int] = {}
        """dispatch id -> how many more of its runs have ended"""
        self.repeated: set[str] = set()
        """dispatches with a run that had ended before"""
        self.verdicts: dict[Stream, Finished] = {}
        """the newest measured run of the streams where it is a new one"""
        self.stretched: set[Stream] = set()
        """streams whose not-run slots changed"""
        self.late: dict[Stream, int] = {}
        """stream -> due time of the first measured run that came after a newer one"""
        self.resumed: set[Stream] = set()
        """streams measured again after slots that were not run"""

    @property
    def gaps(self) -> Iterable[OpenGap]:
        return (gap for gaps in self._known.gaps.values() for gap in gaps)

    def enter(self, done: Finished) -> None:
        """Take one run in, or refuse it, or find that it is known already."""
        stream = (done.check_id, done.location)
        state = self._known.states.get(stream)
        before = self._known.runs.get(done.run_id)
        if state is None or state.organization_id != done.organization_id:
            self.refused.append(Refusal(done.run_id, "its check does not exist any more"))
            return
        if before is not None and before.check_id != done.check_id:
            self.refused.append(Refusal(done.run_id, "it is a run of another check"))
            return
        scheduled = done.trigger is Trigger.SCHEDULE
        gap = self._gap_over(stream, done.at_ms) if before is None and scheduled else None
        if not _counts(done, before, gap):
            if done.dispatch_id is not None:
                self.repeated.add(done.dispatch_id)
            return
        if before is None and gap is None:
            if not scheduled or done.status.measured or not self._joins_gap(state, done):
                self._insert(done)
            self._count_end(done)
        else:
            self._replace(done, before, gap)
        self.entered.append(done)
        count(self.hours, self.days, done)
        if scheduled and done.status.measured:
            self._judge(state, done)

    def _gap_over(self, stream: Stream, at_ms: int) -> OpenGap | None:
        gaps = self._known.gaps.get(stream)
        return next((gap for gap in gaps if gap.covers(at_ms)), None) if gaps else None

    def _insert(self, done: Finished) -> None:
        self.inserts[done.run_id] = done
        self._remember(done)

    def _remember(self, done: Finished) -> None:
        code = done.error.code if done.error is not None else None
        self._known.runs[done.run_id] = StoredRun(done.run_id, done.check_id, done.status, code, done.maintenance)

    def _replace(self, done: Finished, before: StoredRun | None, gap: OpenGap | None) -> None:
        """`done` takes the place of a row that waited or was not measured, or of one slot of a gap."""
        if gap is not None:
            gap.give_up_slot()
            take_back(self.hours, self.days, done, gap.error_code, maintenance=False)
            self._insert(done)
        elif before is not None:
            if before.status in (RunStatus.QUEUED, RunStatus.RUNNING):
                self._count_end(done)
            else:
                reason = reason_of(before.status, before.error_code)
                take_back(self.hours, self.days, done, reason, maintenance=before.maintenance)
            (self.inserts if done.run_id in self.inserts else self.overwrites)[done.run_id] = done
            self._remember(done)

    def _count_end(self, done: Finished) -> None:
        if done.dispatch_id is not None:
            self.ended[done.dispatch_id] = self.ended.get(done.dispatch_id, 0) + 1

    def _judge(self, state: StreamState, done: Finished) -> None:
        """Hold a measured run against the verdict of its location."""
        stream = (done.check_id, done.location)
        if state.at_ms is not None and done.at_ms <= state.at_ms:
            self.late[stream] = min(done.at_ms, self.late.get(stream, done.at_ms))
            return
        if state.status != done.status.value:
            state.status, state.since_ms = done.status.value, done.at_ms
        state.at_ms = done.at_ms
        self.verdicts[stream] = done
        if state.unrun_slots:
            self.resumed.add(stream)
            gap = self._open_gap(state)
            if gap is None or gap.to_ms <= done.at_ms:
                state.unrun_since_ms, state.unrun_slots, state.gap_id = None, 0, None

    def _open_gap(self, state: StreamState) -> OpenGap | None:
        gaps = self._known.gaps.get((state.check_id, state.location), ())
        return next((gap for gap in gaps if gap.id == state.gap_id), None)

    def _joins_gap(self, state: StreamState, done: Finished) -> bool:
        """Whether a slot that was not measured goes into a gap; if so, it is there now. Slots somebody began, those
        of a maintenance window and those older than the newest measured run are always rows."""
        if done.started_ms is not None or done.error is None or done.status is RunStatus.CANCELLED:
            return False
        if state.at_ms is not None and done.at_ms <= state.at_ms:
            return False
        state.unrun_slots += 1
        state.unrun_since_ms = min(done.at_ms, state.unrun_since_ms or done.at_ms)
        self.stretched.add((state.check_id, state.location))
        short = done.at_ms - state.unrun_since_ms <= ROWS_MS and state.unrun_slots <= ROWS
        if done.maintenance or (short and state.gap_id is None):
            return False
        gap = self._open_gap(state)
        if gap is not None and done.at_ms < gap.to_ms:
            return False
        if gap is not None and (gap.status, gap.error_code) == (done.status, done.error.code) and self._next(gap, done):
            gap.grow(done.at_ms, 1)
        else:
            gap = OpenGap(
                new_id("gap", self._now_ms), done.organization_id, done.check_id, done.location,
                done.at_ms, done.at_ms, 1, done.status.value, done.error.code, done.error.message,
                stored=False, changed=True,
            )  # fmt: skip
            self._known.gaps.setdefault((state.check_id, state.location), []).append(gap)
            state.gap_id = gap.id
        return True

    def _next(self, gap: OpenGap, done: Finished) -> bool:
        """Whether a slot is the very next one after a gap: only then does the gap hold every slot between its ends."""
        schedule = self._known.schedules.get((done.check_id, done.check_version))
        if schedule is None:
            return False
        phase = phase_ms(done.check_id, done.location, schedule.interval_ms) if schedule.interval_ms else 0
        return next_slot(schedule, phase, gap.to_ms) == done.at_ms

    def fresh_until_ms(self, done: Finished) -> int:
        """Until when the verdict of this run counts."""
        if done.fresh_for_ms is not None:
            return done.at_ms + done.fresh_for_ms
        schedule = self._known.schedules.get((done.check_id, done.check_version))
        if schedule is None:
            return done.at_ms + FRESH_MS
        return done.at_ms + ALWAYS_MS if schedule.kind == "heartbeat" else fresh_until_ms(schedule, done.at_ms)


def _counts(done: Finished, before: StoredRun | None, gap: OpenGap | None) -> bool:
    """Whether a run adds to what is known: nothing is known of it, or it ends one that waited, or it measured what was
    thought not to have been run. Success, failed and cancelled are never replaced."""
    if before is None:
        return gap is None or done.status.measured
    if before.status in (RunStatus.QUEUED, RunStatus.RUNNING):
        return True
    return before.status in (RunStatus.MISSED, RunStatus.UNKNOWN) and done.status.measured
