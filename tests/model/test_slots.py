"""The index finds exactly the slots a look at every stream would find, however the time is cut into windows."""

from __future__ import annotations

import uuid
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from model.ids import phase_ms, slot_run_id
from model.schedule import Schedule, slots_between
from model.slots import FOREVER, SlotIndex, Stream, streams_of

CRONS = ["* * * * *", "*/2 * * * *", "1 * * * *", "30 2 * * *"]
START_MS = 1_711_846_800_000
"""An hour before Berlin's clocks go forward in 2024."""


def _schedule(interval_ms: int | None, cron: str | None = None) -> Schedule:
    return Schedule(
        kind="network", locations=("eu",), budget_ms=1, interval_ms=interval_ms, cron=cron, timezone="Europe/Berlin"
    )


def _brute(streams: list[Stream], after_ms: int, until_ms: int) -> list[tuple[int, str, int]]:
    """Looks at every stream, and at every slot of each by itself."""
    found = []
    for stream in streams:
        slots = slots_between(stream.schedule, stream.phase_ms, after_ms, until_ms)
        found += [(due, stream.check_id, stream.version) for due in slots if stream.from_ms < due <= stream.until_ms]
    return sorted(found)


def _plain(found: list[tuple[int, Stream]]) -> list[tuple[int, str, int]]:
    assert [due for due, _ in found] == sorted(due for due, _ in found)
    return sorted((due, stream.check_id, stream.version) for due, stream in found)


schedules = st.one_of(
    st.integers(1, 600).map(lambda seconds: _schedule(seconds * 1000)),
    st.sampled_from([1000, 10_000, 60_000]).map(_schedule),
    st.sampled_from(CRONS).map(lambda cron: _schedule(None, cron)),
)
validity = st.tuples(st.integers(-5_000, 200_000), st.integers(0, 400_000) | st.none())


@st.composite
def streams(draw: st.DrawFn) -> list[Stream]:
    made = []
    for number, (schedule, (start, length)) in enumerate(draw(st.lists(st.tuples(schedules, validity), max_size=20))):
        check = f"mon_{number:06d}"
        phase = phase_ms(check, "eu", schedule.interval_ms) if schedule.interval_ms else 0
        until = FOREVER if length is None else START_MS + start + length
        made.append(Stream("org_1", check, "eu", 1, schedule, phase, START_MS + start, until))
    return made


@settings(max_examples=150, deadline=None)
@given(streams(), st.lists(st.integers(0, 90_000), min_size=1, max_size=12))
def test_windows_side_by_side_hold_every_slot_once(made: list[Stream], lengths: list[int]) -> None:
    index = SlotIndex()
    for stream in made:
        index.add(stream)
    after, together = START_MS, []
    for length in lengths:
        maybe = index.any_due(after, after + length)
        part = _plain(index.due(after, after + length))
        assert maybe or not part
        assert part == _brute(made, after, after + length)
        assert part == _plain(index.due(after, after + length)), "asking again gives the same answer"
        together += part
        after += length
    fresh = SlotIndex()
    for stream in made:
        fresh.add(stream)
    assert sorted(together) == _plain(fresh.due(START_MS, after))


def test_a_slot_on_the_cut_belongs_to_the_window_that_ends_there() -> None:
    index = SlotIndex()
    for number, schedule in enumerate([_schedule(1_000), _schedule(7_000), _schedule(None, "* * * * *")]):
        phase = 300 if schedule.interval_ms else 0
        index.add(Stream("org_1", f"mon_{number}", "eu", 1, schedule, phase, START_MS - 100_000))
    whole = _plain(index.due(START_MS, START_MS + 100_000))
    cuts = [START_MS, *sorted({due for due, _, _ in whole})]
    parts = [_plain(index.due(after, until)) for after, until in pairwise(cuts)]
    assert [slot for part in parts for slot in part] == whole


class _Edits(RuleBasedStateMachine):
    """Streams come and go while windows follow one another."""

    def __init__(self) -> None:
        super().__init__()
        self.index = SlotIndex()
        self.live: list[Stream] = []
        self.number = 0
        self.now = START_MS

    @rule(schedule=schedules)
    def add(self, schedule: Schedule) -> None:
        self.number += 1
        check = f"mon_{self.number % 7:06d}"  # the same phase again and again
        phase = phase_ms(check, "eu", schedule.interval_ms) if schedule.interval_ms else 0
        stream = Stream("org_1", check, "eu", self.number, schedule, phase, self.now)
        self.live.append(stream)
        self.index.add(stream)

    @precondition(lambda self: self.live)
    @rule(data=st.data())
    def remove(self, data: st.DataObject) -> None:
        stream = self.live.pop(data.draw(st.integers(0, len(self.live) - 1)))
        self.index.remove(stream)

    @rule(length=st.integers(0, 70_000))
    def window(self, length: int) -> None:
        assert _plain(self.index.due(self.now, self.now + length)) == _brute(self.live, self.now, self.now + length)
        self.now += length

    @invariant()
    def counts(self) -> None:
        assert len(self.index) == len(self.live)


TestEdits = _Edits.TestCase
TestEdits.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)


@settings(max_examples=15, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 100_000), st.sampled_from([None, 5_000, 7_000])), min_size=1, max_size=6))
def test_a_slot_belongs_to_the_highest_version_that_began_before_it(
    given_versions: list[tuple[int, int | None]],
) -> None:
    versions = [
        (number, from_ms, _schedule(interval) if interval else None)
        for number, (from_ms, interval) in enumerate(given_versions)
    ]
    index = SlotIndex()
    for stream in streams_of("org_1", "mon_aaaaaa", versions):
        index.add(stream)
    found = _plain(index.due(0, 120_000))
    expected = []
    for due in range(1, 120_001):
        begun = [version for version in versions if version[1] < due]
        schedule = begun[-1][2] if begun else None
        if schedule is not None and due % schedule.interval_ms == phase_ms("mon_aaaaaa", "eu", schedule.interval_ms):
            expected.append((due, "mon_aaaaaa", begun[-1][0]))
    assert found == expected


@given(st.from_regex(r"mon_[0-9a-z]{6,22}", fullmatch=True), st.integers(0, 1 << 45))
def test_the_id_of_a_slots_run_is_the_uuid_of_its_name(check_id: str, due_ms: int) -> None:
    namespace = uuid.UUID("6d0c2f0e-7a43-4d0e-9a0e-5f9f1d2b7c11")
    assert slot_run_id(check_id, "eu", due_ms) == "run_" + uuid.uuid5(namespace, f"{check_id}/eu/{due_ms}").hex


def test_removing_what_was_never_added_is_an_error() -> None:
    index = SlotIndex()
    index.add(Stream("org_1", "mon_a", "eu", 1, _schedule(1000), 5, 0))
    with pytest.raises(KeyError):
        index.remove(Stream("org_1", "mon_b", "eu", 1, _schedule(1000), 5, 0))
    with pytest.raises(KeyError):
        index.remove(Stream("org_1", "mon_b", "eu", 1, _schedule(None, "* * * * *"), 0, 0))
