"""A long run a window at a time: none missed, none twice, whatever the gaps between their `seq`."""

from __future__ import annotations

from typing import Any

import pytest

from store.sessions import EVERY_ORGANIZATION, Database
from telemetry.agents.stored import windows
from telemetry.agents.stored.windows import outline_of, seq_at, seq_before, state_before, stretch_after
from tests.api.client import Client
from tests.telemetry.agents.running import append, begin, event

SEQS = [3 * number for number in range(1, 131)]


@pytest.fixture
def ask(owner: Client, database: Database, organization: str) -> Any:
    """A function that asks of a run with 130 events, numbered by threes; its fifth and tenth are states."""
    begin(owner, session_id="other")
    begin(owner)
    append(owner, [event(seq) for seq in (1, 2, 400)], to="other")
    states = {15: {"n": 5}, 30: {"n": 10}}
    append(owner, [event(s, "state" if s in states else "log", payload=states.get(s, {"s": s})) for s in SEQS])

    def asked(function: Any, *given: Any, **named: Any) -> Any:
        with database.telemetry.read(EVERY_ORGANIZATION) as session:
            return function(session, organization, 2, *given, **named)

    return asked


def test_windows_lie_one_behind_the_other(ask: Any) -> None:
    seen, after, more = list[int](), 0, True
    while more:
        stretch = ask(stretch_after, after, limit=57, most_bytes=1 << 20)
        assert stretch.before == len(seen)
        seen += [each.seq for each in stretch.events]
        after, more = seen[-1], stretch.more
    assert seen == SEQS
    empty = ask(stretch_after, 390, limit=57, most_bytes=1 << 20)
    assert (empty.events, empty.before, empty.more) == ([], 130, False)


@pytest.mark.parametrize("limit", [49, 50, 51, 100, 130])
def test_a_window_knows_whether_more_follows(ask: Any, limit: int) -> None:
    stretch = ask(stretch_after, 0, limit=limit, most_bytes=1 << 20)
    assert (len(stretch.events), stretch.more) == (limit, limit < 130)


def test_a_window_holds_only_so_many_bytes_but_always_one_event(ask: Any) -> None:
    few = ask(stretch_after, 0, limit=100, most_bytes=25)
    assert (1 < len(few.events) < 5, few.more) == (True, True)
    one = ask(stretch_after, 0, limit=100, most_bytes=1)
    assert ([each.seq for each in one.events], one.more) == ([3], True)


def test_where_a_window_around_an_event_begins(ask: Any) -> None:
    assert ask(seq_before, 30, 4) == 15, "18, 21, 24 and 27 lie before 30"
    assert ask(seq_before, 31, 0) == 30
    assert ask(seq_before, 9, 10) == 0
    assert ask(seq_before, 10**6, 100) == SEQS[-101]


def test_the_nearest_event_is_found(ask: Any) -> None:
    assert [ask(seq_at, seq) for seq in (0, 3, 4, 390, 391, 2**53)] == [3, 3, 6, 390, 390, 390]


def test_the_state_before_an_event(ask: Any) -> None:
    assert [ask(state_before, seq) for seq in (15, 16, 30, 31)] == [None, {"n": 5}, {"n": 5}, {"n": 10}]


def test_an_outline_has_all_up_to_its_limit(ask: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    outline = ask(outline_of)
    assert [mark.seq for mark in outline] == SEQS
    assert (outline[4].type, outline[5].type) == ("state", "log")
    monkeypatch.setattr(windows, "MOST_OUTLINED", 7)
    assert [mark.seq for mark in ask(outline_of)] == SEQS[:7]
