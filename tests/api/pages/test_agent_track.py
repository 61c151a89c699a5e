"""The time line of a run: every event has its place, in order, inside the drawing, however clocks behave."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.pages.agent_track import HEIGHT, WIDTH, RunTimes, track
from telemetry.agents.events import TYPES
from telemetry.agents.stored.windows import Mark

RECT = re.compile(r"M([\d.]+) (\d+)h([\d.]+)v(\d+)h-([\d.]+)z")
MARKS = st.lists(st.tuples(st.sampled_from(TYPES), st.integers(0, 10**9)), min_size=1, max_size=40)


def marks(*said: tuple[str, int]) -> list[Mark]:
    return [Mark(3 * place, kind, at_ms, None) for place, (kind, at_ms) in enumerate(said, 1)]


def rects(path: str) -> list[tuple[float, float, int, int]]:
    """(from, to, top, height)"""
    return [(float(x), float(x) + float(w), int(y), int(h)) for x, y, w, h, _ in RECT.findall(path)]


def test_each_event_lasts_until_the_next() -> None:
    drawn = track(RunTimes(marks(("message", 0), ("tool_call", 2_500), ("tool_result", 7_500), ("end", 10_000))), None)
    assert drawn is not None
    [message], [call], [result], [end] = (rects(drawn.shapes[css]) for css in ("message", "call", "result", "end"))
    assert (message[:2], call[:2], result[:2]) == ((0, 250), (250, 750), (750, 1_000))
    assert message[2] < call[2] == result[2], "words above tools"
    assert end[3] > call[3], "what ends it is tall"
    assert drawn.ticks == ["0.0 s", "2.5 s", "5.0 s", "7.5 s", "10.0 s"]
    assert drawn.label == "4 events in 10.0 s: 1 message, 1 tool call, 1 result, 1 end."


def test_it_says_where_the_critical_step_is() -> None:
    drawn = track(RunTimes(marks(("message", 0), ("tool_call", 2_000), ("end", 8_000))), 6)
    assert drawn is not None
    assert drawn.critical_x == 250
    assert drawn.label.endswith("The critical step is event 6, after 2.0 s.")
    nowhere = track(RunTimes(marks(("message", 0))), 99)
    assert nowhere is not None
    assert nowhere.critical_x is None


def test_without_events_there_is_none() -> None:
    assert track(RunTimes([]), None) is None


def test_a_clock_that_runs_backwards_turns_no_order_around() -> None:
    times = RunTimes(marks(("message", 5_000), ("log", 4_000), ("log", 7_000), ("end", 6_000)))
    assert [times.since_ms(seq) for seq in (2, 3, 6, 7, 9, 12, 99)] == [0, 0, 0, 0, 2_000, 2_000, 2_000]
    assert [times.until_next_ms(seq) for seq in (3, 6, 9, 12, 5)] == [0, 2_000, 0, None, None]
    assert [times.seq_at(ms) for ms in (0, 1_999, 2_000, 10**6)] == [6, 6, 12, 12]


def test_events_without_times_stand_side_by_side() -> None:
    drawn = track(RunTimes(marks(("message", 5), ("tool_call", 5), ("message", 5), ("tool_call", 5))), 6)
    assert drawn is not None
    assert [rect[:2] for rect in rects(drawn.shapes["call"])] == [(250, 500), (750, 1_000)]
    assert (drawn.critical_x, drawn.ticks) == (250, [])


def test_a_long_run_shows_how_much_of_the_time_each_had() -> None:
    said = [(kind, 1_000 * n + at) for n in range(500) for kind, at in (("llm_call", 0), ("tool_call", 750))]
    drawn = track(RunTimes(marks(*said)), None)
    assert drawn is not None
    model, call = (rects(drawn.shapes[css]) for css in ("model", "call"))
    middle = [next(each[3] for each in found if each[0] <= 400 < each[1]) for found in (model, call)]
    assert middle[0] > 2 * middle[1], "three quarters of the time, and one"
    assert len("".join(drawn.shapes.values())) < 20_000


@pytest.mark.parametrize("times", [1, 60])
@given(MARKS)
def test_everything_is_inside_the_drawing(times: int, said: list[tuple[str, int]]) -> None:
    outline = marks(*(said * times))
    drawn = track(RunTimes(outline), outline[-1].seq)
    assert drawn is not None
    assert sum(count for _, count in drawn.kinds) == len(outline)
    assert 0 <= (drawn.critical_x or 0) <= WIDTH
    for path in drawn.shapes.values():
        found = rects(path)
        assert RECT.sub("", path) == "", "nothing but rectangles"
        assert all(0 <= a < b <= WIDTH + 0.1 and top >= 0 and top + high <= HEIGHT for a, b, top, high in found)
