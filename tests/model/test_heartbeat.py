"""The rule of heartbeats: each period ends in one run, nothing is missed before the first ping, DST included."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from model.heartbeat import (
    HeartbeatCheck,
    HeartbeatRule,
    HeartbeatRun,
    HeartbeatState,
    Signal,
    overdue,
    rearmed,
    receive,
)
from model.outcome import RunStatus
from model.schedule import fires

SUCCESS, FAIL, START, LOG = (Signal(kind) for kind in ("success", "fail", "start", "log"))
MINUTE = 60_000
EVERY_10_MIN = HeartbeatRule(grace_ms=MINUTE, interval_ms=10 * MINUTE)
T0 = 1_711_800_000_000


def _settle(rule: HeartbeatRule, state: HeartbeatState, now_ms: int, since_ms: int = 0):
    runs: list[HeartbeatRun] = []
    while True:
        after, run = overdue(rule, state, now_ms, since_ms)
        if run is None and after == state:
            return state, runs
        state = after
        runs += [run] if run else []


def _play(rule: HeartbeatRule, story: list[tuple[int, Signal]], end_ms: int) -> list[HeartbeatRun]:
    """Pings at the given times, deadlines settled in between and at the end."""
    state, runs = HeartbeatState(), []
    for at_ms, signal in story:
        state, missed = _settle(rule, state, at_ms)
        state, run = receive(rule, state, signal, at_ms)
        runs += [*missed, *([run] if run else [])]
    return runs + _settle(rule, state, end_ms)[1]


def _codes(runs: list[HeartbeatRun]) -> list[tuple[int, str]]:
    return [((run.at_ms - T0) // MINUTE, run.error.code if run.error else run.status) for run in runs]


def _ms(zone: str, *local: int) -> int:
    return int(datetime(*local, tzinfo=ZoneInfo(zone)).timestamp()) * 1000  # type: ignore[misc]


def test_pings_on_time_are_successes() -> None:
    story = [(T0 + n * 10 * MINUTE, SUCCESS) for n in range(4)]
    assert _codes(_play(EVERY_10_MIN, story, T0 + 41 * MINUTE)) == [(n * 10, "success") for n in range(4)]


def test_a_ping_at_the_very_deadline_is_on_time_and_a_moment_later_is_not() -> None:
    deadline = T0 + 11 * MINUTE
    assert _codes(_play(EVERY_10_MIN, [(T0, SUCCESS), (deadline, SUCCESS)], deadline)) == [
        (0, "success"),
        (11, "success"),
    ]
    late = _play(EVERY_10_MIN, [(T0, SUCCESS), (deadline + 1, SUCCESS)], deadline + 1)
    assert _codes(late) == [(0, "success"), (11, "heartbeat_missed"), (11, "success")]


def test_it_is_missed_at_the_deadline_and_again_every_interval_until_a_success() -> None:
    runs = _play(EVERY_10_MIN, [(T0, SUCCESS), (T0 + 33 * MINUTE, SUCCESS)], T0 + 45 * MINUTE)
    expected = [(0, "success"), (11, "heartbeat_missed"), (21, "heartbeat_missed"), (31, "heartbeat_missed")]
    assert _codes(runs) == [*expected, (33, "success"), (44, "heartbeat_missed")]


def test_a_failure_does_not_move_the_deadline_and_is_the_run_of_its_period() -> None:
    runs = _play(EVERY_10_MIN, [(T0, SUCCESS), (T0 + 6 * MINUTE, FAIL)], T0 + 32 * MINUTE)
    assert _codes(runs) == [
        (0, "success"),
        (6, "heartbeat_failed"),  # and so nothing at 11
        (21, "heartbeat_missed"),
        (31, "heartbeat_missed"),
    ]


def test_a_job_that_keeps_failing_is_one_run_a_period_and_never_missed() -> None:
    for first in (SUCCESS, FAIL, START):
        story = [(T0, first), *((T0 + n * 10 * MINUTE, FAIL) for n in range(1, 6))]
        runs = _play(EVERY_10_MIN, story, T0 + 52 * MINUTE)
        assert _codes(runs)[-5:] == [(n * 10, "heartbeat_failed") for n in range(1, 6)]
        assert len(runs) == (5 if first is START else 6)


def test_a_failure_after_a_missed_deadline_is_the_run_of_the_next_period() -> None:
    story = [(T0, SUCCESS), (T0 + 12 * MINUTE, FAIL), (T0 + 14 * MINUTE, FAIL)]
    runs = _play(EVERY_10_MIN, story, T0 + 32 * MINUTE)
    assert _codes(runs) == [
        (0, "success"), (11, "heartbeat_missed"), (12, "heartbeat_failed"), (31, "heartbeat_missed"),
    ]  # fmt: skip


def test_a_failed_period_that_ended_while_nobody_served_is_over_all_the_same() -> None:
    state, _ = receive(EVERY_10_MIN, HeartbeatState(), SUCCESS, T0)
    state, _ = receive(EVERY_10_MIN, state, FAIL, T0 + 10 * MINUTE)
    state, runs = _settle(EVERY_10_MIN, state, T0 + 15 * MINUTE, since_ms=T0 + 14 * MINUTE)
    assert (runs, state.deadline_ms) == ([], T0 + 21 * MINUTE)
    state, runs = _settle(EVERY_10_MIN, state, T0 + 51 * MINUTE, since_ms=T0 + 50 * MINUTE)
    assert (runs, state.deadline_ms) == ([], T0 + 51 * MINUTE)


def test_nothing_is_missed_before_the_first_ping() -> None:
    assert _play(EVERY_10_MIN, [], T0) == []
    assert _play(EVERY_10_MIN, [(T0, LOG)], T0 + 100 * MINUTE) == []


def test_started_but_not_finished_is_missed_and_says_so() -> None:
    runs = _play(EVERY_10_MIN, [(T0, START)], T0 + 12 * MINUTE)
    assert _codes(runs) == [(11, "heartbeat_missed")]
    assert runs[0].error is not None
    assert "started" in runs[0].error.message


def test_starting_again_and_again_does_not_put_off_the_deadline() -> None:
    story = [(T0 + n * MINUTE, START) for n in range(30)]
    assert _codes(_play(EVERY_10_MIN, story, T0 + 12 * MINUTE))[0] == (11, "heartbeat_missed")


def test_the_duration_is_from_start_to_end() -> None:
    runs = _play(EVERY_10_MIN, [(T0, START), (T0 + 90_500, SUCCESS), (T0 + 10 * MINUTE, SUCCESS)], T0 + 11 * MINUTE)
    assert [run.duration_ms for run in runs] == [90_500.0, None]


def test_extra_pings_make_no_run_but_move_the_deadline() -> None:
    story = [(T0, SUCCESS), (T0 + 2 * MINUTE, SUCCESS), (T0 + 4 * MINUTE, SUCCESS)]
    assert _codes(_play(EVERY_10_MIN, story, T0 + 16 * MINUTE)) == [(0, "success"), (15, "heartbeat_missed")]


def test_a_change_of_outcome_always_makes_a_run() -> None:
    story = [(T0, SUCCESS), (T0 + 1, FAIL), (T0 + 2, FAIL), (T0 + 3, SUCCESS), (T0 + 4, SUCCESS)]
    statuses = [run.status for run in _play(EVERY_10_MIN, story, T0 + MINUTE)]
    assert statuses == [RunStatus.SUCCESS, RunStatus.FAILED, RunStatus.SUCCESS]


def test_an_exit_code_other_than_zero_is_named() -> None:
    runs = _play(EVERY_10_MIN, [(T0, Signal("fail", 3))], T0 + 1)
    assert runs[0].error is not None
    assert (runs[0].error.code, runs[0].error.message) == ("heartbeat_failed", "it ended with exit code 3")


def test_a_deadline_that_passed_while_nobody_served_moves_to_the_return_and_grace() -> None:
    state, _ = receive(EVERY_10_MIN, HeartbeatState(), SUCCESS, T0)
    back = T0 + 50 * MINUTE
    state, runs = _settle(EVERY_10_MIN, state, back + 1, since_ms=back)
    assert runs == []
    assert state.deadline_ms == back + MINUTE
    assert [run.at_ms for run in _settle(EVERY_10_MIN, state, back + MINUTE + 1, since_ms=back)[1]] == [back + MINUTE]


def test_after_a_return_a_cron_ping_answers_for_the_deadline_that_moved() -> None:
    rule = HeartbeatRule(grace_ms=30 * MINUTE, cron="0 2 * * *")
    day = 1440 * MINUTE
    fire = _ms("UTC", 2024, 3, 5, 2)
    state, _ = receive(rule, HeartbeatState(), SUCCESS, fire - day)
    back = fire + 45 * MINUTE
    state, runs = _settle(rule, state, back, since_ms=back)
    state, run = receive(rule, state, SUCCESS, back + 5 * MINUTE)
    assert (runs, run is not None) == ([], True)
    _, runs = _settle(rule, state, fire + day + 31 * MINUTE, since_ms=back)
    assert [run.at_ms for run in runs] == [fire + day + 30 * MINUTE]


def test_a_new_schedule_begins_a_new_period() -> None:
    state, _ = receive(EVERY_10_MIN, HeartbeatState(), SUCCESS, T0)
    daily = HeartbeatRule(grace_ms=MINUTE, interval_ms=1440 * MINUTE)
    assert rearmed(daily, state, T0 + MINUTE).deadline_ms == T0 + 1442 * MINUTE
    assert rearmed(daily, HeartbeatState(), T0).deadline_ms is None


@pytest.mark.parametrize(
    ("cron", "zone", "pings", "expected"),
    [  # Berlin: 02:30 does not exist on 31 March 2024, and comes twice on 27 October
        ("30 2 * * *", "Europe/Berlin", [(3, 30, 2, 30), (3, 31, 3, 0), (4, 1, 2, 30)], ["success"] * 3),
        ("30 2 * * *", "Europe/Berlin", [(3, 30, 2, 30), (4, 1, 2, 30)], ["success", "heartbeat_missed", "success"]),
        ("30 2 * * *", "Europe/Berlin", [(10, 26, 2, 30), (10, 27, 2, 30), (10, 28, 2, 30)], ["success"] * 3),
    ],
)
def test_cron_deadlines_follow_the_clock_on_the_wall(
    cron: str, zone: str, pings: list[tuple[int, int, int, int]], expected: list[str]
) -> None:
    rule = HeartbeatRule(grace_ms=5 * MINUTE, cron=cron, timezone=zone)
    story = [(_ms(zone, 2024, *ping), SUCCESS) for ping in pings]
    assert [code for _, code in _codes(_play(rule, story, story[-1][0] + MINUTE))] == expected


def test_the_default_grace_is_a_tenth_of_the_interval_within_limits() -> None:
    graces = [HeartbeatRule.of({"interval": interval}).grace_ms // 1000 for interval in (10, 3_600, 86_400 * 7)]
    assert graces == [60, 360, 3_600]
    assert HeartbeatRule.of({"cron": "0 2 * * *"}).grace_ms == 3_600_000
    assert HeartbeatRule.of({"cron": "*/20 * * * *", "grace": 7}).grace_ms == 7_000


def test_a_heartbeat_may_be_yearly_and_has_no_locations() -> None:
    check = HeartbeatCheck.model_validate({"type": "heartbeat", "name": "tax", "interval": 31_536_000, "grace": 5})
    assert (check.kind, check.interval_ms, check.locations) == ("heartbeat", 31_536_000_000, None)
    for wrong in ({"interval": 31_536_001}, {"locations": ["eu"]}, {"grace": 0}, {"interval": 5, "cron": "* * * * *"}):
        with pytest.raises(ValidationError):
            HeartbeatCheck.model_validate({"type": "heartbeat", "name": "tax", **wrong})


signals = st.sampled_from([SUCCESS, SUCCESS, SUCCESS, FAIL, START, LOG])
stories = st.lists(st.tuples(st.integers(0, 25 * MINUTE), signals), max_size=25)


def _timed(steps: list[tuple[int, Signal]]) -> list[tuple[int, Signal]]:
    at_ms, story = T0, []
    for step_ms, signal in steps:
        at_ms += step_ms
        story.append((at_ms, signal))
    return story


@settings(max_examples=500, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 25 * MINUTE), signals), max_size=25), st.integers(1, 50 * MINUTE))
def test_every_interval_period_ends_in_one_run_and_each_change_of_outcome_makes_one(
    steps: list[tuple[int, Signal]], rest_ms: int
) -> None:
    """An oracle that takes the contract at its word: deadlines are last success + interval + grace + n intervals; each
    period up to one has one failed run, reported or missed; a success is one unless one was counted just before."""
    rule, story = EVERY_10_MIN, _timed(steps)
    interval, first = rule.interval_ms or 0, rule.grace_ms + (rule.interval_ms or 0)
    end = (story[-1][0] if story else T0) + rest_ms
    heard = [(at, signal) for at, signal in story if signal.kind != "log"]
    expected: list[tuple[int, str]] = []
    for (began, signal), (until, _) in itertools.pairwise([*_anchors(heard), (end, SUCCESS)]):
        if signal.kind == "success":
            if not expected or expected[-1][1] != "success" or 2 * (began - expected[-1][0]) >= interval:
                expected.append((began, "success"))
        elif signal.kind == "fail":
            expected.append((began, "heartbeat_failed"))
        failures = [at for at, other in heard if other.kind == "fail" and began < at < until]
        previous, deadline = began, began + first
        while previous < until:
            reported = [at for at in failures if previous < at <= deadline]
            if reported:
                expected.append((reported[0], "heartbeat_failed"))
            elif deadline < until:
                expected.append((deadline, "heartbeat_missed"))
            previous, deadline = deadline, deadline + interval
    runs = _play(rule, story, end)
    assert [(run.at_ms, run.error.code if run.error else str(run.status)) for run in runs] == expected


def _anchors(heard: list[tuple[int, Signal]]) -> list[tuple[int, Signal]]:
    """What deadlines are counted from: the first ping, and every success."""
    return [ping for number, ping in enumerate(heard) if number == 0 or ping[1].kind == "success"]


@settings(max_examples=300, deadline=None)
@given(
    stories,
    st.sampled_from(["*/15 * * * *", "7,37 * * * *", "30 2 * * *"]),
    st.sampled_from([MINUTE, 9 * MINUTE, 40 * MINUTE]),
    st.sampled_from(["Europe/Berlin", "Australia/Lord_Howe", "America/Havana"]),
    st.sampled_from([datetime(2024, 3, 31, tzinfo=UTC), datetime(2024, 10, 27, tzinfo=UTC)]),
)
def test_every_cron_period_ends_in_one_run_per_change_of_outcome(
    steps: list[tuple[int, Signal]], cron: str, grace_ms: int, zone: str, day: datetime
) -> None:
    """An oracle that looks at each period by itself: its reports, with repeats dropped; none at all is a miss."""
    start = int(day.timestamp()) * 1000 - 3 * 60 * MINUTE
    story = [(start + at - T0, signal) for at, signal in _timed(steps)]
    rule = HeartbeatRule(grace_ms=grace_ms, cron=cron, timezone=zone)
    end = (story[-1][0] if story else start) + 90 * MINUTE
    armed = [at for at, signal in story if signal.kind != "log"]
    told = [(at, signal) for at, signal in story if signal.kind in ("success", "fail")]
    expected: list[tuple[int, str]] = []
    previous = start - 10_000 * MINUTE
    for deadline in (fire + grace_ms for fire in fires(cron, zone, previous)):
        outcomes: list[tuple[int, str]] = []
        for at, signal in told:
            outcome = "success" if signal.kind == "success" else "failed"
            if previous < at <= deadline and (not outcomes or outcomes[-1][1] != outcome):
                outcomes.append((at, outcome))
        if not outcomes and armed and armed[0] < deadline < end:  # what begins at a deadline has not missed it
            outcomes.append((deadline, "failed"))
        expected += outcomes
        if deadline >= end:
            break
        previous = deadline
    unique = [pair for pair in expected if pair[0] <= end]
    moved = len({at for at, _ in unique}) != len(unique)
    if not moved:  # two pings in one ms are told apart by moving the second; the oracle does not
        assert [(run.at_ms, str(run.status)) for run in _play(rule, story, end)] == unique
