"""Events of agents in words: each type by what it says, and nothing that any payload can break."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.pages.agent_event_view import EventView, event_views
from api.pages.agent_kinds import KINDS
from telemetry.agents.events import TYPES
from telemetry.agents.stored.replaying import StoredEvent
from tests.telemetry.agents.recorded import START_MS, Said, asks, calls, ends, fails, goes_wrong, stands, told

PLAIN = (
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=30)
)  # fmt: skip
JSON = st.recursive(
    PLAIN,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)
NAMES = st.sampled_from([
    "role", "content", "tool", "arguments", "input", "result", "error", "status", "usage", "message", "choices",
    "level", "artifact_id", "duration_ms", "stack", "prompt", "caption", "output", "function", "id",
])  # fmt: skip
PAYLOADS = st.dictionaries(NAMES | st.text(max_size=8), JSON, max_size=6)


def views(*said: Said, state_before: Any = None) -> list[EventView]:
    """One a second."""
    events = [
        StoredEvent(n, 1, n, kind, "2024-01-15T10:30:00Z", START_MS + n * 1_000, START_MS, f"k{n}", None, payload)
        for n, (kind, payload) in enumerate(said, 1)
    ]
    return event_views(events, state_before)


def shown(view: EventView) -> list[tuple[str, str]]:
    return [(text.label, text.open) for text in view.texts]


def test_every_type_has_its_look() -> None:
    assert tuple(KINDS) == TYPES
    assert len({kind.css for kind in KINDS.values()}) == len(TYPES)


def test_a_message_says_who_speaks() -> None:
    [view] = views(asks("Hello"))
    assert (view.title, shown(view), view.failed) == ("User", [("", "Hello")], False)


def test_a_generation_tells_its_model_what_went_in_and_what_it_cost() -> None:
    usage = {"input_tokens": 1200, "output_tokens": 34, "cost_usd": 0.0048}
    [view] = views(("llm_call", {"model": "m-1", "messages": [{"role": "user"}], "output": "Yes", "usage": usage,
                                 "finish_reason": "stop", "latency_ms": 1830}))  # fmt: skip
    assert (view.title, view.notes) == ("m-1", ["1,200 tokens in, 34 out", "$0.0048", "stop"])
    assert shown(view) == [("Asked", ""), ("Answered", "Yes")], "what was asked is folded away"
    assert view.lasted_ms == 1830


def test_a_call_and_its_result_name_each_other() -> None:
    call, between, answer = views(
        calls("search", '{"day":"Monday"}', id="c1"), asks(), ("tool_result", {"tool_call_id": "c1", "result": []})
    )
    assert (call.title, shown(call)) == ("search", [("Arguments", '{"day": "Monday"}')])
    assert (call.pair, answer.pair, between.pair) == (3, 1, None)
    assert (call.lasted_ms, answer.lasted_ms) == (2_000, None)
    assert (answer.title, answer.notes) == ("search", ["says that there is nothing"])


def test_arguments_of_some_length_are_indented() -> None:
    [view] = views(calls("search", {"words": "x" * 100}))
    assert view.texts[0].open == '{\n  "words": "' + "x" * 100 + '"\n}'
    assert view.texts[0].code


@pytest.mark.parametrize(
    ("said", "failed"),
    [
        (fails("book"), True), (told("book"), False), (goes_wrong(), True), (ends("failed"), True), (ends(), False),
        (("tool_call", {"tool": "x", "error": "full"}), True),
        (("llm_call", {"error": {"message": "overloaded"}}), True),
    ],
)  # fmt: skip
def test_what_failed_is_marked(said: Said, failed: bool) -> None:
    assert views(said)[0].failed is failed


def test_an_error_says_its_words_and_folds_its_stack() -> None:
    [view] = views(goes_wrong("Connection reset", stack="at a()\nat b()", handled=True))
    assert shown(view) == [("", "Connection reset"), ("Stack", "")]
    assert (view.texts[1].whole, view.notes) == ("at a()\nat b()", ["handled"])


def test_a_state_shows_what_changed_since_the_last_one() -> None:
    first, same, later = views(stands(a=1, b={"c": 2}), stands(a=1, b={"c": 2}), stands(a=1, b={"c": 3}, d=None))
    assert [(change.path, change.before, change.now) for change in first.changes] == [
        ("a", None, "1"), ("b", None, '{"c":2}'),
    ]  # fmt: skip
    assert (same.changes, same.title) == ([], "the same as before")
    assert [(change.path, change.before, change.now) for change in later.changes] == [
        ("b.c", "2", "3"), ("d", None, "\N{EN DASH}"),
    ]  # fmt: skip
    [known] = views(stands(a=2), state_before={"a": 1})
    assert [(change.before, change.now) for change in known.changes] == [("1", "2")]


def test_only_an_artifact_of_ours_is_a_picture() -> None:
    kept, elsewhere, bad = views(
        ("screenshot", {"artifact_id": "art_01hm6aqh20z1g8qzwtkn10", "caption": "The form"}),
        ("screenshot", {"artifact_id": "https://evil.example/x.png"}), ("screenshot", {"artifact_id": ["art_x"]}),
    )  # fmt: skip
    assert (kept.picture, kept.title, kept.notes) == ("art_01hm6aqh20z1g8qzwtkn10", "The form", [])
    assert (elsewhere.picture, bad.picture, bad.notes) == (None, None, ["no picture was kept"])


def test_a_long_text_is_folded_and_one_beyond_all_measure_is_cut() -> None:
    [view] = views(asks("word " * 3_000))
    [text] = view.texts
    assert len(text.open) <= 702
    assert (len(text.whole), text.left_out) == (8_000, 7_000)
    [view] = views(asks("\n".join(map(str, range(13)))))
    assert view.texts[0].open.endswith("11 …")
    [view] = views(asks("\n".join(map(str, range(12)))))
    assert view.texts[0].whole == "", "nothing of twelve lines is folded"


@given(st.lists(st.tuples(st.sampled_from(TYPES), PAYLOADS), max_size=6))
def test_no_payload_breaks_it(said: list[Said]) -> None:
    for view in views(*said):
        assert len(view.title) <= 200
        assert all(len(text.open) <= 702 and len(text.whole) <= 8_000 for text in (*view.texts, *view.recorded))
        assert view.lasted_ms is None or view.lasted_ms >= 0
