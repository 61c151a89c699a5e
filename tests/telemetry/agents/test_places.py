"""Where an incident begins, and which runs came past it: nothing is proven by a run that never came there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telemetry.agents.analysis import analyze, critical_of
from telemetry.agents.failures import cluster_of, seqs_of, signature_of, suspects_of
from telemetry.agents.recordings import recording_of
from telemetry.agents.regressing.judging import begins_in, outcome_of
from telemetry.agents.regressing.places import Place, told_as
from telemetry.agents.regressing.verdicts import Evidence, SessionSeen, verdict_of
from tests.telemetry.agents.recorded import (
    Said,
    asks,
    calls,
    ends,
    events_of,
    facts_of,
    fails,
    goes_wrong,
    says,
    stands,
    thinks,
    told,
)  # fmt: skip

SHOP = "http://shop.example/checkout"


def _payloads(said: Sequence[Said]) -> Any:
    every = {each["seq"]: each["payload"] for each in events_of(said)}

    def some(seqs: Sequence[int]) -> Mapping[int, Any]:
        return {seq: every[seq] for seq in seqs}

    return some


def key_of(*said: Said) -> str:
    """Of the incident that a run makes."""
    recording = recording_of(facts_of(said))
    found = analyze(recording)
    critical = critical_of(found.detectors)
    assert critical is not None, "it shows something"
    suspects = suspects_of(recording, critical)
    return cluster_of(signature_of(critical.label, suspects, _payloads(said)(seqs_of(suspects)))).key


def begins(*said: Said) -> list[Place]:
    """Where the incident begins that a run makes."""
    recording = recording_of(facts_of(said))
    return begins_in(recording, analyze(recording), key_of(*said), _payloads(said))


def outcome(before: Sequence[Said], after: Sequence[Said], status: str = "completed", *, whole: bool = True) -> str:
    """What a run says of the incident that another made."""
    recording, payloads = recording_of(facts_of(after), whole=whole), _payloads(after)
    found = analyze(recording)
    if begins_in(recording, found, key_of(*before), payloads):
        return "again"
    return outcome_of(recording, found, status, begins(*before), payloads, whole=whole)


def search(answer: Any = "nothing", **more: Any) -> list[Said]:
    return [calls("search", {"query": "Dune"}, **more), told("search", answer)]


LOOP = [asks(), *search() * 4, ends()]
SILENT = [asks(), *[calls("search", {"query": "Dune"})] * 4, ends()]
ANSWERED = [asks(), *search("Dune, 12 EUR"), says("It costs 12 EUR."), ends()]
STORM = [asks(), *[calls("pay", {"order": 4}), fails("pay", "card declined")] * 3, says("It failed"), ends()]
AT_SHOP = [asks(), *[calls("http", {"url": SHOP}), told("http", {"status": 500})] * 4, ends()]
BY_ERROR = [
    asks(), *[calls("pay", {"order": 4}), fails("pay", f"500 Server Error for url: {SHOP}")] * 3, says("It failed"),
    ends(),
]  # fmt: skip
IGNORED = [asks(), calls("pay", {"order": 4}), fails("pay", "card declined"), says("It is yours"), ends()]
BOOM = [asks(), calls("look", {"at": "x"}), told("look", "y"), says("Now"), goes_wrong("Boom 17"), ends("failed")]
MODEL = [asks(), *[thinks(error="overloaded")] * 3, ends("failed")]
LONG = [asks(), *[thinks(f"thought {n}") for n in range(3)], ends("completed", reason="max_turns")]
FULL = [asks(), thinks("a"), thinks("b", usage={"input_tokens": 9_000}, context_window=8_000), says("c"), ends()]
DEAR = [
    asks(), *[thinks(f"t{n}", cost_usd=0.01) for n in range(4)], thinks("t", cost_usd=9.0), says("x"), ends(),
]  # fmt: skip
SLOW = [asks(), thinks("a"), says("b", at_s=500), ends(at_s=501)]
STUCK = [asks(), *[stands(page="cart")] * 6, says("x"), ends()]
OPEN = [asks(), *search("ok"), calls("search", {"query": "Emma"}), ends()]


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        # of a call: the same step, answered without an error
        (LOOP, ANSWERED, "clear"),
        (LOOP, [ends()], "elsewhere"),
        (LOOP, [asks("Hello"), says("Hello to you"), ends()], "elsewhere"),
        (LOOP, [asks(), calls("browse", {"query": "Dune"}), told("browse", "x"), says("x"), ends()], "elsewhere"),
        (LOOP, [asks(), calls("search", {"isbn": 7}), told("search", "x"), says("x"), ends()], "elsewhere"),
        (LOOP, [asks(), calls("search", {"query": "E"}), says("I gave up"), ends()], "elsewhere"),
        (LOOP, [asks(), calls("search", {"query": "E"}), fails("search"), says("It failed"), ends()], "elsewhere"),
        (SILENT, [asks(), calls("search", {"query": "Dune"}), says("12 EUR"), ends()], "clear"),
        (STORM, [asks(), calls("pay", {"order": 5}), told("pay", "paid"), says("Paid"), ends()], "clear"),
        (STORM, [asks(), calls("pay", {"order": 5}), fails("pay", "closed"), says("It failed"), ends()], "elsewhere"),
        (IGNORED, [asks(), calls("pay", {"order": 5}), fails("pay", "no funds"), says("It failed"), ends()], "clear"),
        (OPEN, [asks(), *search("ok"), says("x"), ends()], "clear"),
        (OPEN, [asks(), calls("search", {"query": "Dune"}), says("x"), ends()], "elsewhere"),
        # of an address: an answer of it that is no error
        (AT_SHOP, [asks(), calls("buy", {"to": SHOP}), told("buy", {"status": 200}), says("x"), ends()], "clear"),
        (AT_SHOP, [asks(), calls("http", {"url": f"{SHOP}/help"}), told("http", "x"), says("x"), ends()], "elsewhere"),
        (BY_ERROR, [asks(), calls("pay", {"order": 5}), told("pay", "paid"), says("x"), ends()], "clear"),
        (BY_ERROR, [asks(), calls("look", {"order": 5}), told("look", "it"), says("x"), ends()], "elsewhere"),
        # of an error of no call: the call before it, and as far as that
        (BOOM, [asks(), calls("look", {"at": "z"}), told("look", "y"), says("Now"), ends()], "clear"),
        (BOOM, [asks(), calls("see", {"at": "z"}), told("see", "y"), says("Now"), says("Then"), ends()], "elsewhere"),
        (BOOM, [calls("look", {"at": "z"}), told("look", "y"), ends()], "elsewhere"),
        # of a generation: one of the same model
        (MODEL, [asks(), thinks("Fine"), ends()], "clear"),
        (MODEL, [asks(), thinks("Fine", model="another"), ends()], "elsewhere"),
        # of no place: further, and to a good end
        (LONG, [asks(), *[thinks(f"thought {n}") for n in range(4)], ends()], "clear"),
        (LONG, [asks(), *[thinks(f"thought {n}") for n in range(3)], ends()], "elsewhere"),
        (LONG, [*LONG[:-1], *[("log", {"message": "x"})] * 9, ends()], "elsewhere"),
        (FULL, [asks(), thinks("a"), thinks("b"), says("c"), ends()], "clear"),
        (FULL, [asks(), thinks("a"), says("b"), says("c"), says("d"), ends()], "elsewhere"),
        (DEAR, [asks(), *[thinks(f"t{n}", cost_usd=0.01) for n in range(6)], ends()], "clear"),
        (DEAR, [asks(), *[thinks(f"t{n}") for n in range(9)], ends()], "elsewhere"),
        (SLOW, [asks(), thinks("a"), says("b"), ends()], "clear"),
        (SLOW, [asks(), says("b")], "otherwise"),
        (STUCK, [asks(), stands(page="cart"), says("x"), ends()], "clear"),
        (STUCK, [asks(), ends(status="done")], "otherwise"),
    ],
)  # fmt: skip
def test_a_run_that_went_well_proves_something_where_it_came_past_the_place(
    before: list[Said], after: list[Said], expected: str
) -> None:
    assert outcome(before, after) == expected


@pytest.mark.parametrize(
    "end",
    [
        ends("timeout"), ends("aborted"), ends("cancelled"), ends("crashed"), ends("errored"), ends("who knows"),
        ("end", {"error": "boom"}), ends("completed", reason="max_steps"), ends("completed", goal_met=False),
        ("end", {"success": False}),
    ],
)  # fmt: skip
def test_what_did_not_end_well_is_otherwise_though_it_came_past_the_place(end: Said) -> None:
    assert outcome(LOOP, [*ANSWERED[:-1], end]) == "otherwise"


def test_a_later_end_makes_no_failure_undone() -> None:
    assert outcome(LOOP, [*ANSWERED[:-1], ends("timeout"), ends()]) == "otherwise"


def test_what_went_wrong_in_another_way_is_otherwise() -> None:
    ignored: list[Said] = [calls("pay"), fails("pay"), says("It is yours"), ends()]
    assert outcome(LOOP, [*ANSWERED[:-1], *ignored]) == "otherwise"
    assert outcome(LOOP, ANSWERED, "failed") == "otherwise"


def test_what_has_not_ended_or_is_not_whole_is_unknown() -> None:
    assert outcome(LOOP, ANSWERED, "running") == "unknown"
    assert outcome(LOOP, ANSWERED, whole=False) == "unknown"


def test_where_nothing_is_recorded_any_more_nothing_is_proven() -> None:
    recording = recording_of(facts_of(ANSWERED))
    found = analyze(recording)
    assert outcome_of(recording, found, "completed", [], _payloads(ANSWERED)) == "elsewhere"


def test_of_several_lengths_the_longest_counts_and_a_place_before_any_length() -> None:
    recording, payloads = recording_of(facts_of(ANSWERED)), _payloads(ANSWERED)
    found = analyze(recording)
    short, long, named = Place(events=2), Place(events=50), begins(*LOOP)
    assert outcome_of(recording, found, "completed", [short], payloads) == "clear"
    assert outcome_of(recording, found, "completed", [short, long], payloads) == "elsewhere"
    assert outcome_of(recording, found, "completed", [long, *named], payloads) == "clear"


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (LOOP, "a call of search(query: text)"), (AT_SHOP, f"an answer of {SHOP}"),
        (LONG, "an end after more than 5 events"), (MODEL, "llm_call m"),
    ],
)  # fmt: skip
def test_a_place_is_told_in_words(said: list[Said], words: str) -> None:
    assert told_as(begins(*said)) == words
    assert told_as([]) == ""


_OTHERS = st.sampled_from(["browse", "pay", "searches", ""])
_THINGS = st.one_of(
    st.builds(says, st.text(max_size=20)),
    st.builds(thinks, st.text(max_size=20), model=st.sampled_from(["m", "n"])),
    st.builds(goes_wrong, st.text(max_size=20)),
    st.builds(stands, page=st.text(max_size=3)),
    st.builds(calls, _OTHERS, st.dictionaries(st.text(max_size=5), st.text())),
    st.builds(told, _OTHERS, st.text(max_size=9)),
    st.builds(fails, _OTHERS),
)


@given(st.lists(_THINGS, max_size=30), st.sampled_from([LOOP, AT_SHOP, OPEN]), st.sampled_from(["", "done", "failed"]))
def test_no_run_that_lacks_the_place_is_ever_a_proof(said: list[Said], before: list[Said], end: str) -> None:
    after = [asks(), *said, ends(end)]
    status = "failed" if end == "failed" else "completed"
    found = outcome(before, after, status)
    seen = SessionSeen("s", "a", None, status, [], None, found)
    assert verdict_of(Evidence([seen], []), told_as(begins(*before)))[0] != "fixed"


@given(st.lists(_THINGS, max_size=3))
def test_no_run_that_did_not_come_so_far_is_ever_a_proof(said: list[Said]) -> None:
    assert outcome(LONG, [asks(), *said, ends()]) != "clear"
