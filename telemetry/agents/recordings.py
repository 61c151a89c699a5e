"""A run as the detectors look at it: its facts by `seq`, and each call with what became of it."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from operator import attrgetter

import msgspec

from telemetry.agents.carried import ANSWER, CALL
from telemetry.agents.facts import Fact

_QUIET = ("log", "screenshot", "state")
"""What may stand between a call and the error that it ended in."""


class Call(msgspec.Struct):
    """A call of a tool, or a generation. `place`: of the call among the facts; `answered`: the event that says what
    became of it (the call's own where that says it), None where none does, and its place. `error`: None if it went
    well, or if nothing is known."""

    fact: Fact
    place: int
    answered: Fact | None = None
    answered_place: int = -1
    error: str | None = None
    outcome: bytes | None = None
    barren: bool = False

    @property
    def name(self) -> str:
        return self.fact.tool

    def same_as(self, other: Call) -> bool:
        """Whether the same was asked of the same tool."""
        return self.fact.tool == other.fact.tool and self.fact.asked == other.fact.asked

    def answer(self, fact: Fact, place: int) -> None:
        self.answered, self.answered_place = fact, place
        self.error, self.outcome, self.barren = fact.error, fact.outcome, fact.barren


class Turn(msgspec.Struct):
    """A stretch of a run up to an end, and with it; a conversation has many. `first`, `after`: places. `end`: None of
    one that goes on, or whose end was not recorded. `whole`: whether it is known to its last event."""

    first: int
    after: int
    end: Fact | None
    whole: bool


class Recording(msgspec.Struct):
    """`facts` by `seq`; `whole`: whether they are all that the run has. `calls` of tools, `generations` of models.
    `answering`: calls by the place of the event that answers them."""

    facts: list[Fact]
    whole: bool
    calls: list[Call]
    generations: list[Call]
    answering: dict[int, Call]
    turns: list[Turn]

    @property
    def upto_seq(self) -> int:
        """Of the newest event in it; 0 without any."""
        return self.facts[-1].seq if self.facts else 0


def recording_of(facts: Iterable[Fact], *, whole: bool = True) -> Recording:
    """Facts of one run, in any order. `whole`: whether they are all that it has."""
    ordered = _with_carried(sorted(facts, key=attrgetter("seq")))
    matching = _Matching()
    for place, fact in enumerate(ordered):
        matching.take(fact, place)
    return Recording(
        ordered, whole, matching.calls, matching.generations, matching.answering, _turns(ordered, whole=whole)
    )


def _with_carried(ordered: list[Fact]) -> list[Fact]:
    """Calls and answers that stand in messages, each after its message, an answer in place of it: in a run that tells
    of tools in no other way, and does keep what they answer."""
    if not any(each.type == ANSWER for fact in ordered if fact.carried for each in fact.carried):
        return ordered
    if any(fact.type in (CALL, ANSWER) for fact in ordered):
        return ordered
    told = list[Fact]()
    for fact in ordered:
        if not any(each.type == ANSWER for each in fact.carried):
            told.append(fact)
        told += fact.carried
    return told


def _turns(ordered: list[Fact], *, whole: bool) -> list[Turn]:
    turns: list[Turn] = []
    first = 0
    for place, fact in enumerate(ordered):
        if fact.type == "end":
            turns.append(Turn(first, place + 1, fact, whole=True))
            first = place + 1
    if first < len(ordered):
        turns.append(Turn(first, len(ordered), None, whole=whole))
    return turns


class _Matching:
    """Which result belongs to which call: by the call's id, else the oldest call of that tool that has none yet, else
    the oldest call that has none."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.generations: list[Call] = []
        self.answering: dict[int, Call] = {}
        self._by_id: dict[str, Call] = {}
        self._by_tool: dict[str, deque[Call]] = {}
        self._open: deque[Call] = deque()
        self._last: Call | None = None
        """The call that was made last, while nothing but logs came after it."""

    def take(self, fact: Fact, place: int) -> None:
        if fact.type == "tool_call":
            self._begin(fact, place)
        elif fact.type == "llm_call":
            made = Call(fact, place)
            made.answer(fact, place)
            self.generations.append(made)
            self._last = made
        elif fact.type == "tool_result":
            self._answer(self._found(fact), fact, place)
            self._last = None
        elif fact.type == "error":
            self._fail(fact, place)
        elif fact.type not in _QUIET:
            self._last = None

    def _begin(self, fact: Fact, place: int) -> None:
        made = Call(fact, place)
        self.calls.append(made)
        self._last = made
        if fact.outcome is not None or fact.error is not None:
            made.answer(fact, place)
            return
        if fact.call_id:
            self._by_id[fact.call_id] = made
        self._by_tool.setdefault(fact.tool, deque()).append(made)
        self._open.append(made)

    def _fail(self, fact: Fact, place: int) -> None:
        named = self._by_id.get(fact.call_id) if fact.call_id else None
        found = named or self._last
        if found is not None and found.error is None and (found.answered is None or found.fact.type == "llm_call"):
            self._answer(found, fact, place)
        self._last = None

    def _found(self, fact: Fact) -> Call | None:
        named = self._by_id.pop(fact.call_id, None) if fact.call_id else None
        if named is not None and named.answered is None:
            return named
        waiting = self._by_tool.get(fact.tool) if fact.tool else self._open
        while waiting:
            oldest = waiting.popleft()
            if oldest.answered is None:
                return oldest
        return None

    def _answer(self, call: Call | None, fact: Fact, place: int) -> None:
        if call is not None:
            call.answer(fact, place)
            self.answering[place] = call
