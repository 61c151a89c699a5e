"""no_progress: the agent is busy and gets nowhere.

Definition: five or more things in a row that bring nothing new: a `state` as it was before (but for counters, clocks
and ids in it), a result that the same call had before, an empty result or a known error of another call, words that
were said before. A state or result that is new ends it, and so does a person's message; new words of the agent do
neither. What a tool_loop or a retry_storm spans is left to them, and what was waited for and came is no standstill
(tool_loop says what waiting is).
Confidence: 0.6 for five, 0.05 more for each further one, at most 0.9.
Begins at: the first that brings nothing.
Reads: as tool_loop; the whole payload of `state`; the text of `message` and `llm_call`; errors as retry_storm.
"""

from __future__ import annotations

from telemetry.agents.detectors import retry_storm, tool_loop
from telemetry.agents.detectors.base import Detector, Finding, finding, rising
from telemetry.agents.facts import Fact
from telemetry.agents.recordings import Call, Recording
from telemetry.fingerprints import plain

BARREN = 5


def find(recording: Recording) -> Finding | None:
    elsewhere = _told_elsewhere(recording)
    seen: set[tuple[str, object]] = set()
    barren: list[Fact] = []
    for place, fact in enumerate(recording.facts):
        if fact.seq in elsewhere:
            continue
        brings = _brings(recording, place, fact, seen)
        if brings is None:
            continue
        if not brings:
            barren.append(fact)
        elif len(barren) >= BARREN:
            break
        else:
            barren = []
    if len(barren) < BARREN:
        return None
    said = f"{len(barren)} things in a row brought nothing new: the same states, answers or words as before."
    return finding("no_progress", rising(0.6, 0.05, len(barren) - BARREN, 0.9), barren[0], barren, said)


def _brings(recording: Recording, place: int, fact: Fact, seen: set[tuple[str, object]]) -> bool | None:
    """Whether it brings something new, None where that can't be said."""
    if fact.by_person:
        return True
    if fact.type == "state" and fact.outcome is not None:
        return _is_new(seen, "state", fact.outcome)
    if fact.type in ("message", "llm_call") and fact.outcome is not None:
        return None if _is_new(seen, "said", fact.outcome) else False
    call = recording.answering.get(place)
    return None if call is None else _call_brings(call, seen)


def _call_brings(call: Call, seen: set[tuple[str, object]]) -> bool:
    if call.error is not None:
        return _is_new(seen, "error", (call.name, plain(call.error)))
    if call.barren:
        return _is_new(seen, "nothing", call.name)
    return _is_new(seen, "told", (call.name, call.fact.asked, call.outcome))


def _is_new(seen: set[tuple[str, object]], kind: str, what: object) -> bool:
    known = (kind, what) in seen
    seen.add((kind, what))
    return not known


def _told_elsewhere(recording: Recording) -> set[int]:
    """The `seq` of all that loops, storms and waits span."""
    spans = [(storm[0], storm[-1]) for storm in retry_storm.storms(recording)]
    for loop, _, until in tool_loop.repetitions(recording):
        spans.append((loop[0].fact, until.fact if until is not None else loop[-1].answered or loop[-1].fact))
    covered: set[int] = set()
    ends = sorted((first.seq, last.seq) for first, last in spans)
    place = 0
    for first, last in ends:
        while place < len(recording.facts) and recording.facts[place].seq < first:
            place += 1
        while place < len(recording.facts) and recording.facts[place].seq <= last:
            covered.add(recording.facts[place].seq)
            place += 1
    return covered


DETECTOR = Detector(
    "no_progress",
    find,
    cause=True,
    plan=(
        "Look at the stretch from the critical step on: what was asked, and why nothing new came of it.",
        "Tell the model what it has tried already, and what each try brought.",
        "End, or ask a person, after three steps that brought nothing new.",
        "If searches find nothing, let the tool say which of its limits or filters left nothing over.",
    ),
)
