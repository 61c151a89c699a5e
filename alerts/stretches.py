"""Stretches of slots that nobody ran, accounted for at once: a machine that slept two days writes one gap a stream.

The cost is that of the hours touched, not of the slots missed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sqlalchemy.orm import Session

from model.errors import status_for
from model.finished import Stretch
from model.ids import new_id
from store.announcements import stream_topic
from store.gaps import OpenGap, gaps_by_id, write_gaps
from store.location_states import StreamState, lock_states, write_stretches
from store.rollups import BUCKETS, Deltas, add_to_rollups, buckets_of_stretch, delta_of
from store.wakeups import wake


def record_gaps(session: Session, stretches: Sequence[Stretch], now_ms: int) -> None:
    """Account for every slot of these stretches as not run: a gap each (or more of the one that is open and ends right
    before it), and the counts of the hours and days they lie in. In the caller's write transaction of
    EVERY_ORGANIZATION; the caller sees to it that a slot is given once (its checkpoint moves in the same transaction).
    Stretches of checks that no longer exist are left out. Locks location states by (location, check id)."""
    if not stretches:
        return
    states = lock_states(session, {(stretch.check_id, stretch.location) for stretch in stretches})
    found = [stretch for stretch in stretches if (stretch.check_id, stretch.location) in states]
    gaps = gaps_by_id(session, [state.gap_id for state in states.values() if state.gap_id])
    counts: dict[str, Deltas] = {table: {} for table, _ in BUCKETS}
    for stretch in found:
        _extend(states[stretch.check_id, stretch.location], stretch, gaps, now_ms)
        for table, width_ms in BUCKETS:
            _count(counts[table], stretch, width_ms)
    write_gaps(session, gaps.values())
    write_stretches(session, states.values())
    for table, _ in BUCKETS:
        add_to_rollups(session, table, counts[table])
    for organization_id in {stretch.organization_id for stretch in found}:
        wake(session, stream_topic(organization_id))


def _extend(state: StreamState, stretch: Stretch, gaps: dict[str, OpenGap], now_ms: int) -> None:
    """Put the slots into the stream's open gap if they follow it without a break, else into a new one."""
    status = status_for(stretch.reason).value
    newest = gaps.get(state.gap_id) if state.gap_id else None
    if newest is not None and _continues(newest, stretch, status):
        gap = newest
        gap.grow(stretch.last_ms, stretch.count)
    else:
        gap = OpenGap(
            new_id("gap", now_ms), state.organization_id, state.check_id, state.location,
            stretch.first_ms, stretch.last_ms, stretch.count, status, stretch.reason.value, stretch.message,
            stored=False, changed=True,
        )  # fmt: skip
        gaps[gap.id] = gap
    if state.at_ms is None or stretch.last_ms > state.at_ms:
        state.unrun_since_ms = min(stretch.first_ms, state.unrun_since_ms or stretch.first_ms)
        state.unrun_slots += stretch.count
        if newest is None or gap.to_ms > newest.to_ms:  # an absence may be closed after slots that came later
            state.gap_id = gap.id


def _continues(gap: OpenGap, stretch: Stretch, status: str) -> bool:
    """Whether the first slot of the stretch is the very next one after the gap, and not run for the same reason."""
    follows = stretch.interval_ms is not None and gap.to_ms + stretch.interval_ms == stretch.first_ms
    return follows and (gap.status, gap.error_code) == (status, stretch.reason.value)


def _count(deltas: Deltas, stretch: Stretch, width_ms: int) -> None:
    stream, reason = (stretch.check_id, stretch.location), stretch.reason.value
    for bucket_ms, slots in _buckets(stretch, width_ms):
        delta = delta_of(deltas, stream, bucket_ms, stretch.organization_id)
        delta.planned += slots
        delta.unmeasured[reason] = delta.unmeasured.get(reason, 0) + slots


def _buckets(stretch: Stretch, width_ms: int) -> Iterable[tuple[int, int]]:
    if stretch.interval_ms is not None:
        return buckets_of_stretch(stretch.first_ms, stretch.last_ms, stretch.interval_ms, width_ms)
    counts: dict[int, int] = {}
    for due_ms in stretch.due_ms:
        bucket_ms = due_ms - due_ms % width_ms
        counts[bucket_ms] = counts.get(bucket_ms, 0) + 1
    return counts.items()
