"""A run's trace, and back: a pure function of the run's id, so that nothing about it is stored."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from model.ids import new_id, slot_run_id
from model.traceparent import looks_like_a_run, runs_of_trace, trace_id_of, traceparent_of


@given(st.text("abcdefghjkmnp0123456789", min_size=1, max_size=30), st.text(max_size=20), st.integers(0, 1 << 45))
def test_the_run_of_a_slot_is_found_by_its_trace(check_id: str, location: str, due_ms: int) -> None:
    run_id = slot_run_id(check_id, location, due_ms)
    assert run_id in runs_of_trace(trace_id_of(run_id))
    assert looks_like_a_run(trace_id_of(run_id))


@given(st.integers(1, (1 << 50) - 1))
def test_a_run_by_hand_is_found_by_its_trace(now_ms: int) -> None:
    run_id = new_id("run", now_ms)
    assert run_id in runs_of_trace(trace_id_of(run_id))
    assert looks_like_a_run(trace_id_of(run_id)) or now_ms >= 1 << 42, "until the year 2109"


@given(st.text(max_size=60))
def test_any_text_may_be_asked_for_as_a_trace(text: str) -> None:
    for run_id in runs_of_trace(text):
        assert trace_id_of(run_id) == text
    assert not runs_of_trace(text) or re.fullmatch("[0-9a-f]{32}", text)
    assert not looks_like_a_run(text) or runs_of_trace(text)


@given(st.text(min_size=1, max_size=60))
def test_the_header_is_as_the_standard_has_it_and_each_request_has_a_span_of_its_own(run_id: str) -> None:
    first, second = traceparent_of(run_id), traceparent_of(run_id)
    for value in (first, second):
        assert re.fullmatch(r"00-[0-9a-f]{32}-[0-9a-f]{16}-01", value)
        assert value.split("-")[1] == trace_id_of(run_id)
        assert int(value.split("-")[2], 16)
    assert first != second


def test_runs_that_are_stored_nowhere_have_traces_that_differ() -> None:
    assert trace_id_of("run_byhand1") != trace_id_of("run_byhand2")
    assert runs_of_trace(trace_id_of("run_byhand1")) != ("run_byhand1",)
