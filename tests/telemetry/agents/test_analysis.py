"""What an analysis makes of a run: the earliest cause, the same from the same events wherever it is made."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from telemetry.agents.analysis import analyze, concluded
from telemetry.agents.detectors.base import MOST_EVIDENCE, Finding
from telemetry.agents.detectors.registry import LABELS
from telemetry.agents.facts import read_fact
from telemetry.agents.layers import layers_of
from telemetry.agents.payload_words import tokens_of
from telemetry.agents.recordings import recording_of
from tests.telemetry.agents.recorded import (
    analysed,
    asks,
    calls,
    ends,
    events_of,
    facts_of,
    fails,
    goes_wrong,
    labels,
    says,
    stands,
    thinks,
    told,
)
from tests.telemetry.agents.shown_cases import HEALTHY, failing, looking


def test_the_critical_step_is_the_earliest_cause_not_the_last_symptom() -> None:
    found = analysed(asks(), thinks("hm", cost_usd=0.9), *[thinks("x", cost_usd=0.01)] * 4, *failing(4), ends("failed"))
    assert [finding.label for finding in found.detectors] == ["cost_spike", "retry_storm", "unhandled_error"]
    assert found.critical_step == 7
    assert found.summary == (
        "Step 7: Calls of 'book' failed 4 times in a row, and the agent tried again each time. "
        "It also shows cost_spike (step 2), unhandled_error (step 14)."
    )


def test_a_symptom_is_critical_where_there_is_no_cause() -> None:
    found = analysed(asks(), thinks("x"), goes_wrong("boom"), ends("failed"))
    assert (found.critical_step, found.summary) == (3, "Step 3: Nobody handled the error 'boom'.")


def test_a_doubtful_finding_is_critical_only_alone() -> None:
    doubtful, sure = Finding("tool_loop", 0.5, 2, [2]), Finding("no_progress", 0.8, 5, [5])
    assert concluded([doubtful, sure]).critical_step == 5
    assert concluded([doubtful]).critical_step == 2
    assert concluded([]).critical_step is None


def test_where_events_have_no_step_it_is_the_seq() -> None:
    facts = [read_fact(10 * each["seq"], None, each["type"], 0, each["payload"]) for each in events_of(looking(3))]
    found = analyze(recording_of(facts))
    assert (found.critical_step, found.detectors[0].step) == (10, 10)


def test_a_long_loop_has_evidence_that_can_be_read() -> None:
    [found] = analysed(*looking(400)).detectors
    assert (len(found.evidence), found.evidence[0], found.evidence[-1]) == (MOST_EVIDENCE, 1, 799)
    assert found.confidence == 0.95


def test_a_run_that_goes_on_is_not_judged_by_its_end() -> None:
    facts = facts_of([asks(), thinks("x"), ends(), asks(), thinks("y"), goes_wrong()])
    assert analyze(recording_of(facts)).detectors
    assert not analyze(recording_of(facts, whole=False)).detectors


def test_a_turn_that_failed_stays_found_whatever_turns_come_after() -> None:
    """A later good turn mends nothing, and a turn's error is not one of the next."""
    good = (asks(), thinks("Yes"), says("Done."), ends())
    for bad, label, step in (
        ((asks(), goes_wrong(), ends("failed")), "unhandled_error", 6),
        ((asks(), thinks("x"), ends("failed", error="boom")), "unhandled_error", 7),
        ((asks(), thinks("x"), ends("timeout")), "premature_end", 7),
        ((asks(), calls("book"), ends()), "premature_end", 6),
        ((asks(), ends()), "premature_end", 5),
    ):
        for more in ((), good, (asks(), thinks("and then"))):
            assert labels(*good, *bad, *more) == {label: step}
    assert labels(*good, *good, *good) == {}
    assert labels(asks(), goes_wrong(), thinks("again"), says("Mended."), ends(), *good) == {}


def test_a_tool_that_says_it_did_not_succeed_has_failed() -> None:
    for answer in ({"success": False, "message": "card declined"}, {"ok": False}, '{"success": false}'):
        assert "tool_error_ignored" in labels(asks(), calls("pay"), told("pay", answer), says("It is paid."), ends())
    assert labels(asks(), calls("pay"), told("pay", {"success": True}), says("It is paid."), ends()) == {}


def test_a_reason_in_prose_beside_a_good_end_tells_of_the_work() -> None:
    good = (asks(), thinks("x"), says("Done."))
    assert labels(*good, ends(reason="Cancelled the order, as the customer asked")) == {}
    assert labels(*good, ends("success", reason="Fixed the timeout in the login test")) == {}
    for end in (ends(reason="max_steps"), ends(reason="hit the step limit"), ends("cancelled", reason="by the person")):
        assert list(labels(*good, end)) == ["premature_end"]
    assert list(labels(*good, ends("", reason="The agent was stopped by its time limit"))) == ["premature_end"]


@pytest.mark.parametrize(
    ("payload", "tokens"),
    [
        ({"usage": {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7}}, (3, 7)),
        ({"usage": {"input_tokens": 3, "output_tokens": 4, "cache_read_input_tokens": 10}}, (13, 17)),
        ({"response": {"usage": {"input_tokens": 3}}}, (3, 3)),
        ({"llm_output": {"token_usage": {"prompt_tokens": 3, "completion_tokens": 4}}}, (3, 7)),
        ({"gen_ai.usage.input_tokens": 3, "gen_ai.usage.output_tokens": 4}, (3, 7)),
        ({"tokens": 9}, (0, 9)),
        ({"tokens": {"input": 3, "output": 4}}, (3, 7)),
        ({"tokens": "many", "usage": [1], "input_tokens": True}, (0, 0)),
    ],
)
def test_tokens_are_read_as_each_writes_them(payload: dict[str, Any], tokens: tuple[int, int]) -> None:
    assert tokens_of(layers_of(payload)) == tokens


names = st.sampled_from(
    [
        "tool", "name", "arguments", "input", "result", "output", "content", "error", "is_error", "status", "success",
        "usage", "tokens", "input_tokens", "total_tokens", "cost_usd", "model", "tools", "context_window", "role",
        "choices", "message", "reason", "finish_reason", "handled", "remaining", "function", "id", "response", "data",
    ]
)  # fmt: skip
anything = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 10**6) | st.floats(allow_nan=False) | st.sampled_from(
        ["", "search", "book", "failed", "user", "max_steps", "[1]", "{", "no results", "Error: x", "\U0001f600"]
    ),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=4),
    max_leaves=8,
)  # fmt: skip
KINDS = ("message", "llm_call", "tool_call", "tool_result", "error", "screenshot", "state", "log", "end")
anyones = st.lists(
    st.tuples(st.sampled_from(KINDS), st.dictionaries(names, anything, max_size=5), st.integers(0, 10**7)), max_size=25
)
likely = st.lists(
    st.sampled_from(
        [*HEALTHY, *looking(1), *failing(1), fails("search"), says("done"), stands(page="a"), goes_wrong()]
    ),
    max_size=40,
).map(lambda said: [(kind, payload, 1000 * place) for place, (kind, payload) in enumerate(said)])


@settings(max_examples=300, deadline=None)
@given(anyones | likely, st.randoms(use_true_random=False))
def test_the_same_events_in_any_order_are_the_same_analysis(events: list[Any], dice: random.Random) -> None:
    facts = [read_fact(place + 1, None, kind, at_ms, payload) for place, (kind, payload, at_ms) in enumerate(events)]
    shuffled = dice.sample(facts, len(facts))
    found = analyze(recording_of(facts))
    assert msgspec.json.encode(found) == msgspec.json.encode(analyze(recording_of(shuffled)))
    seqs = {fact.seq for fact in facts}
    for finding in found.detectors:
        assert finding.label in LABELS
        assert 0 < finding.confidence <= 1
        assert finding.evidence == sorted(set(finding.evidence))
        assert set(finding.evidence) <= seqs
        assert finding.step in seqs
    assert len({finding.label for finding in found.detectors}) == len(found.detectors)


PROGRAM = """
import json, sys, msgspec
from telemetry.agents.analysis import analyze
from telemetry.agents.facts import read_fact
from telemetry.agents.recordings import recording_of
facts = [read_fact(*event) for event in json.load(sys.stdin)]
sys.stdout.write(msgspec.json.encode(analyze(recording_of(facts))).decode())
"""


def test_other_processes_with_other_hash_seeds_and_orders_come_to_the_same() -> None:
    said = [
        asks(), thinks("a", tools=["search", "book"], cost_usd=0.01), *looking(4), calls("teleport"), *failing(4),
        says("Done"), *[stands(page="a")] * 7, *[thinks("b", cost_usd=cost) for cost in (0.01, 0.01, 2.0)],
        ends(goal_met=False),
    ]  # fmt: skip
    events = [
        [each["seq"], each["step"], each["type"], each["at_ms"], dict(reversed(each["payload"].items()))]
        for each in events_of(said)
    ]
    answers = []
    for seed in ("0", "1", "4242"):
        random.Random(seed).shuffle(events)
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM], input=json.dumps(events), capture_output=True, text=True, check=True,
            timeout=60, env={**os.environ, "PYTHONHASHSEED": seed},
        )  # fmt: skip
        answers.append(done.stdout)
    assert answers == [answers[0]] * 3
    assert msgspec.json.encode(analyze(recording_of(facts_of(said)))).decode() == answers[0]
    assert len(json.loads(answers[0])["detectors"]) >= 6


def test_a_finding_says_what_it_is_called_and_where() -> None:
    [found] = analysed(calls("a\nb" * 40), told("a\nb" * 40, "Error: no tool named that")).detectors[:1]
    assert (found.label, found.evidence) == ("unknown_tool", [1, 2])
    assert "\n" not in found.explanation
    assert len(found.explanation) < 200
