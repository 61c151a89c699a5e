"""The fold: when rules hold and when they end, told as stories of runs."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.evaluation import evaluate, tick
from alerts.state import CheckState, Closing, RuleState
from tests.alerts.alerting import STEP_MS, T0, facts, fold, point, points, rule, spans


@pytest.mark.parametrize(
    ("threshold", "letters", "expected"),
    [
        (3, "+--+--+", []),
        (3, "---", [(2, None)]),
        (3, "+---+", [(3, 4)]),
        (1, "-+-", [(0, 1), (2, None)]),
        (2, "-   -", [(4, None)]),  # what nobody measured counts neither way
        (2, "-mm+", []),  # a planned outage is no evidence
    ],
)
def test_failures_in_a_row(threshold: int, letters: str, expected: list[tuple[int, int | None]]) -> None:
    down = rule(threshold=threshold)
    assert spans(fold(points(("eu", letters)), [down], facts()), down) == expected


def test_recovery_takes_as_many_good_runs_as_the_rule_asks_for() -> None:
    down = rule(threshold=1, recovery_threshold=3)
    assert spans(fold(points(("eu", "-++-+++")), [down], facts()), down) == [(0, 6)]


def test_a_rate_survives_one_good_run_and_closes_with_hysteresis() -> None:
    rate = rule("failure_rate", failures=3, runs=5)
    told = points(("eu", "+--+-+-++++++"))
    # Down at the third failure of five; over when no more than half of that is left.
    assert spans(fold(told, [rate], facts()), rate) == [(4, 9)]


def test_a_share_is_not_taken_from_a_single_run() -> None:
    rate = rule("failure_rate", threshold=50, window=100)
    assert spans(fold(points(("eu", "-")), [rate], facts()), rate) == []
    assert spans(fold(points(("eu", "------")), [rate], facts()), rate) == [(4, None)]


def test_slow_is_apart_from_down() -> None:
    slow = rule("response_time", threshold=500, window=50)
    told = [point(at, duration_ms=900.0) for at in range(4)]
    told += [point(4, failed=True, duration_ms=None), point(5, duration_ms=900.0)]
    told += [point(at, duration_ms=100.0) for at in range(6, 12)]
    state = fold(told, [slow], facts())
    assert spans(state, slow) == [(2, 7)]
    assert "on average" in state.rules[slow.id].alerts[0].cause


def test_one_slow_run_among_quick_ones_is_nothing() -> None:
    slow = rule("response_time", threshold=500, window=100)
    told = [point(at, duration_ms=900.0 if at == 8 else 100.0) for at in range(12)]
    assert spans(fold(told, [slow], facts()), slow) == []


def test_a_certificate_is_told_of_before_it_expires_and_until_it_is_renewed() -> None:
    expiry = rule("certificate_expiry", threshold=14)
    days = [20.0, 13.9, None, 13.0, 89.0]
    told = [point(at, certificate_days=left) for at, left in enumerate(days)]
    assert spans(fold(told, [expiry], facts()), expiry) == [(1, 4)]


def test_of_two_locations_both_must_agree() -> None:
    both = rule(threshold=2, min_locations=2)
    told = points(("eu", "-----++"), ("us", "+++--++"))
    state = fold(told, [both], facts("eu", "us"))
    assert spans(state, both) == [(4, 5)]
    assert set(state.rules[both.id].alerts[0].votes) == {"eu", "us"}


def test_a_location_that_can_not_measure_has_no_vote_and_the_alert_says_so() -> None:
    both = rule(threshold=2, min_locations=2)
    told = points(("eu", "++++++++----"), ("us", "+"))
    state = fold(told, [both], facts("eu", "us"))
    assert spans(state, both) == [(9, None)]
    assert state.rules[both.id].alerts[0].cause.endswith("1 of 1 that could measure, 2 wanted")


def test_a_vote_that_expires_neither_fires_nor_resolves() -> None:
    any_of_them = rule(threshold=1)
    told = points(("eu", "-"), ("us", "++++++++++++"))
    assert spans(fold(told, [any_of_them], facts("eu", "us")), any_of_them) == [(0, None)]


def test_an_alert_of_one_location_ends_only_when_that_one_recovers() -> None:
    any_of_them = rule(threshold=1)
    told = points(("eu", "---+"), ("us", "++++"))
    assert spans(fold(told, [any_of_them], facts("eu", "us")), any_of_them) == [(0, 3)]


def test_a_vote_that_turns_down_asks_the_other_locations_once() -> None:
    both = rule(threshold=2, min_locations=2)
    state, asked = CheckState(), []
    for each in points(("eu", "+----"), ("us", "+++++")):
        asked += [confirm.locations for confirm in evaluate(state, each, [both], facts("eu", "us")).confirms]
    assert asked == [("us",)]


def test_a_confirming_run_is_its_locations_vote_until_the_next_scheduled_one() -> None:
    both = rule(threshold=2, min_locations=2)
    before = points(("eu", "+--"), ("us", "++"))
    agrees = point(2, failed=True, location="us", confirm=True)
    state = fold([*before, agrees], [both], facts("eu", "us"))
    assert spans(state, both) == [(2, None)]
    differs = point(2, location="us", confirm=True)
    later = [point(3, failed=True, location="us"), point(3, failed=True)]
    assert spans(fold([*before, differs, *later], [both], facts("eu", "us")), both) == []


def test_silence_is_told_at_the_instant_at_which_it_has_lasted_long_enough() -> None:
    silence = rule("no_data", window=60)
    state = fold(points(("eu", "++")), [silence], facts())
    tick(state, T0 + 7 * STEP_MS, [silence], facts())
    assert state.rules[silence.id].alerts == []
    tick(state, T0 + 9 * STEP_MS, [silence], facts())
    [alert] = state.rules[silence.id].alerts
    assert alert.triggered_ms == T0 + STEP_MS + 100 + 60_000
    evaluate(state, point(12, failed=True), [silence], facts())
    assert alert.ended_by is not None, "a failed run was measured, too"


def test_after_a_resolution_by_hand_the_rule_is_quiet_until_a_good_run() -> None:
    down = rule(threshold=1)
    told = points(("eu", "--+-"))
    state = CheckState(rules={down.id: RuleState(closings=[Closing(T0 + 5_000, by_hand=True)])})
    for each in told:
        evaluate(state, each, [down], facts())
    assert spans(state, down) == [(0, None), (3, None)]


def test_after_an_hour_of_failure_it_is_told_again() -> None:
    down = rule(threshold=1)
    state = CheckState(rules={down.id: RuleState(closings=[Closing(T0 + 5_000, by_hand=True)])})
    for each in points(("eu", "-" * 400)):
        evaluate(state, each, [down], facts())
    assert spans(state, down) == [(0, None), (361, None)]


stories = st.lists(
    st.tuples(st.sampled_from(["eu", "us", "asia"]), st.text("+-m ", min_size=1, max_size=30)), min_size=1, max_size=3,
    unique_by=lambda story: story[0],
)  # fmt: skip


@given(stories, st.integers(1, 4), st.integers(1, 3), st.integers(1, 3))
def test_no_alert_without_as_many_failures_as_it_takes(
    told: list[tuple[str, str]], threshold: int, min_locations: int, recovery: int
) -> None:
    """An oracle written another way: whatever opens, opens on a failed run of a location whose last runs failed."""
    down = rule(threshold=threshold, min_locations=min_locations, recovery_threshold=recovery)
    about = facts(*[location for location, _ in told])
    ordered = points(*told)
    state = fold(ordered, [down], about)
    alerts = state.rules[down.id].alerts if down.id in state.rules else []
    for alert in alerts:
        for location, at_ms in alert.votes.items():
            ended_ms = alert.ended_by.at_ms if alert.ended_by is not None else None
            assert ended_ms is None or at_ms <= ended_ms or len(alert.votes) > alert.needed
            seen = [p for p in ordered if p.location == location and p.at_ms <= at_ms and not (p.maintenance)]
            assert [p.failed for p in seen[-threshold:]] == [True] * threshold
        assert len(alert.votes) >= alert.needed
    for earlier, later in pairwise(alerts):
        assert earlier.ended_by is not None
        assert earlier.ended_by.at_ms <= later.at_ms


@given(stories, st.integers(1, 3), st.integers(1, 3))
def test_every_failing_run_has_exactly_one_explanation(
    told: list[tuple[str, str]], threshold: int, min_locations: int
) -> None:
    rules = [rule(threshold=threshold, min_locations=min_locations)]
    about = facts(*[location for location, _ in told])
    state = CheckState()
    for each in points(*told):
        decisions = evaluate(state, each, rules, about).decisions
        assert len(decisions) == (1 if each.failed else 0)
        if each.failed:
            opened = state.rules[rules[0].id].opened
            outcome = decisions[0].outcome
            assert (outcome == "maintenance") == each.maintenance
            assert outcome != "triggered" or (opened is not None and opened.at_ms == each.at_ms)
            assert (outcome in ("triggered", "joined")) == (opened is not None and not each.maintenance)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"kind": "consecutive_failures", "threshold": 3}, "2 of 3 runs in a row failed"),
        ({"kind": "failure_rate", "failures": 4, "runs": 5}, "3 of the last 4 runs failed, 4 are needed"),
    ],
)
def test_a_run_that_was_not_enough_says_how_much_it_takes(fields: dict[str, Any], said: str) -> None:
    wanted = rule(**fields)
    state = CheckState()
    decisions = [evaluate(state, each, [wanted], facts()).decisions for each in points(("eu", "-+--"))]
    assert decisions[-1][0].detail == said
