"""premature_end: the run ends before its work is done.

Definition: an `end` that says that a limit or somebody cut it short (steps, turns, time, budget, length, cancelled;
beside a status that says that all went well, in a reason of at most four words; or LangChain's "Agent stopped due to
iteration limit" for an answer); or that says itself that something remains (`goal_met: false`, tasks that are not done
in `remaining`, `pending`, `todo`; or the last `state` says so, and the agent has done nothing since); or that says
"completed" while a call is unanswered, in a run that does record answers, and the agent has said nothing since; right
after a generation that was cut off; or before the agent has done anything for the person who asked. Of a conversation
each turn is judged by its own end.
Confidence: 0.9 by the end's own words, 0.8 for an unanswered call, 0.7 for the others.
Begins at: the event that was left undone (the call, the state, the generation, the question), else the end.
Reads: of `end` the `reason` (`finish_reason`, `stop_reason`), `status` and what remains; of `state` what remains; calls
and results as tool_loop; `finish_reason` of `llm_call`; the `role` of messages.
"""

from __future__ import annotations

import re
from bisect import bisect

from telemetry.agents.detectors.base import Detector, Finding, finding, shown
from telemetry.agents.endings import cut_short
from telemetry.agents.facts import Fact
from telemetry.agents.recordings import Call, Recording, Turn

_CUT_OFF = ("length", "max_tokens", "max_output_tokens")
_STOPPED = re.compile(r"\s*agent stopped due to (?:an? )?(?:max|iteration|time|recursion|step)", re.IGNORECASE)
"""What LangChain answers in place of an answer."""
_QUIET = ("log", "screenshot", "state")


def find(recording: Recording) -> Finding | None:
    for turn in recording.turns:
        found = None if turn.end is None else _judged(recording, turn, turn.end)
        if found is not None:
            return found
    return None


def _judged(recording: Recording, turn: Turn, end: Fact) -> Finding | None:
    if cut_short(end.status, end.reason):
        return _found(0.9, end, end, f"The run was cut short: {shown(end.reason or end.status)}.")
    if _STOPPED.match(end.said):
        return _found(0.9, end, end, f"The run was cut short: {shown(end.said)}.")
    if end.unfinished:
        return _found(0.9, end, end, "The run ended although it says itself that something remains to be done.")
    if end.failed or end.error is not None:
        return None  # it did not pretend to be done
    return _left_undone(recording, turn, end)


def _left_undone(recording: Recording, turn: Turn, end: Fact) -> Finding | None:
    facts = recording.facts[turn.first : turn.after]
    unanswered = _unanswered(recording, turn, facts)
    if unanswered is not None:
        said = f"The run ended while its call of {shown(unanswered.name)} was unanswered."
        return _found(0.8, unanswered.fact, end, said)
    acts = [fact for fact in facts if fact.type not in _QUIET and fact is not end]
    states = [fact for fact in facts if fact.type == "state"]
    if states and states[-1].unfinished and not (acts and acts[-1].seq > states[-1].seq):
        return _found(0.7, states[-1], end, "The run ended although its last state says that something remains.")
    if acts and acts[-1].type == "llm_call" and acts[-1].reason in _CUT_OFF:
        return _found(0.7, acts[-1], end, "The run ended with a generation that was cut off.")
    asked = next((fact for fact in acts if fact.by_person), None)
    if asked is not None and all(fact.by_person for fact in acts):
        return _found(0.7, asked, end, "The run ended before the agent had done anything.")
    return None


def _unanswered(recording: Recording, turn: Turn, facts: list[Fact]) -> Call | None:
    """The first call that the agent still waited for, in a run that does record answers."""
    if len(recording.calls) > 1 and all(call.answered is None for call in recording.calls):
        return None
    spoke = max((place for place, fact in enumerate(facts) if fact.type in ("llm_call", "message")), default=-1)
    place = bisect(recording.calls, turn.first + spoke, key=lambda call: call.place)
    for call in recording.calls[place:]:
        if call.place >= turn.after:
            return None
        if call.answered is None:
            return call
    return None


def _found(confidence: float, at: Fact, end: Fact, said: str) -> Finding:
    return finding("premature_end", confidence, at, [at, end], said)


DETECTOR = Detector(
    "premature_end",
    find,
    cause=False,
    plan=(
        "See why the run ended there: a limit, a call that was not answered, or an answer that was cut off.",
        "Raise the limit if the task needs it, or divide the task.",
        "End as completed only when the goal is checked and no call is open.",
        "Where a limit was met, say what is left to do, so that the next run can go on from there.",
    ),
)
