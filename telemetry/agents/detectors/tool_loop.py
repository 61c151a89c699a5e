"""tool_loop: the agent asks the same again and again, and is told the same.

Definition: a call, or a cycle of two to four calls, made three times or more in a row: the same tools, equal arguments,
equal answers (an answer that was not recorded is like any other). Calls that failed are no part of it (retry_storm), a
message of a person begins anew. A single call that after less than thirty times brings something else was waiting, not
looping.
Confidence: 0.7 for three rounds, 0.1 more for each further one, at most 0.95.
Begins at: the first call of the first round.
Reads: of `tool_call` the tool (`tool`, `tool_name`, `name`, `function.name`), its arguments (`arguments`, `args`,
`input`, `tool_input`, `parameters`) and its id; of `tool_result` the id, the tool, the answer (`result`, `output`,
`content`, `observation`) and whether it failed.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from telemetry.agents.detectors.base import Detector, Finding, finding, rising, shown
from telemetry.agents.recordings import Call, Recording

ROUNDS = 3
PATIENCE = 30
LONGEST_CYCLE = 4


def find(recording: Recording) -> Finding | None:
    for loop, cycle, until in repetitions(recording):
        if until is not None:
            continue
        rounds = len(loop) // cycle
        tools = " and ".join(shown(name) for name in dict.fromkeys(call.name for call in loop[:cycle]))
        return finding(
            "tool_loop",
            rising(0.7, 0.1, rounds - ROUNDS, 0.95),
            loop[0].fact,
            [call.fact for call in loop],
            f"The agent called {tools} with the same arguments {rounds} times and was told the same each time.",
        )
    return None


class Repetition(NamedTuple):
    """Calls that are alike, `cycle` a round. `until`: the call that brought what they waited for, None of a loop."""

    calls: list[Call]
    cycle: int
    until: Call | None


def repetitions(recording: Recording) -> Iterator[Repetition]:
    """Every loop, and every time that something was waited for and came, in order."""
    for stretch in _stretches(recording):
        start = 0
        while start < len(stretch):
            found = _loop_at(stretch, start)
            if found is None:
                start += 1
                continue
            length, cycle = found
            loop = stretch[start : start + length]
            following = stretch[start + length] if start + length < len(stretch) else None
            waited = cycle == 1 and length < PATIENCE and following is not None and following.same_as(loop[0])
            yield Repetition(loop, cycle, following if waited else None)
            start += length


def _stretches(recording: Recording) -> Iterator[list[Call]]:
    """Calls between which nothing speaks against a loop: none that failed, no word of a person."""
    people = [place for place, fact in enumerate(recording.facts) if fact.by_person]
    passed, stretch = 0, list[Call]()
    for call in recording.calls:
        spoken = passed
        while passed < len(people) and people[passed] < call.place:
            passed += 1
        if (spoken != passed or call.error is not None) and stretch:
            yield stretch
            stretch = []
        if call.error is None and call.name:
            stretch.append(call)
    if stretch:
        yield stretch


def _loop_at(calls: list[Call], start: int) -> tuple[int, int] | None:
    """(how many calls, how many a round) of the loop that begins here, the shortest cycle first."""
    for cycle in range(1, LONGEST_CYCLE + 1):
        place = start + cycle
        while place < len(calls) and _alike(calls[place], calls[place - cycle]):
            place += 1
        if place - start >= ROUNDS * cycle:
            return place - start, cycle
    return None


def _alike(one: Call, other: Call) -> bool:
    told = one.outcome is None or other.outcome is None or one.outcome == other.outcome
    return told and one.same_as(other)


DETECTOR = Detector(
    "tool_loop",
    find,
    cause=True,
    plan=(
        "Find at the critical step what the agent asks again and again, and why the answer does not let it go on.",
        "Let the tool say what is missing when it has nothing to give, not answer as if all were well.",
        "Refuse a call with the same arguments after the second equal answer, and tell the model why.",
        "Give the run a limit of steps, and have it end with what it knows when that is reached.",
    ),
)
