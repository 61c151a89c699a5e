"""premature_end: the run ends before its work is done.

Definition: an `end` that says that a limit or somebody cut it short (steps, turns, time, budget, length, cancelled);
or that says itself that something remains (`goal_met: false`, `remaining`, `pending`, `todo`, or the last `state` says
so); or that says "completed" while a call is unanswered, in a run that does record answers, and the agent has said
nothing since; right after a generation
that was cut off; or before the agent has done anything for the person who asked.
Confidence: 0.9 by the end's own words, 0.8 for an unanswered call, 0.7 for the others.
Begins at: the event that was left undone (the call, the state, the generation, the question), else the end.
Reads: of `end` the `reason` (`finish_reason`, `stop_reason`), `status` and what remains; of `state` what remains; calls
and results as tool_loop; `finish_reason` of `llm_call`; the `role` of messages.
"""

from __future__ import annotations

import re

from telemetry.agents.detectors.base import Detector, Finding, finding, shown
from telemetry.agents.facts import Fact
from telemetry.agents.recordings import Call, Recording

_CUT_SHORT = re.compile(
    r"max[_ -]?(?:steps?|turns?|iterations?|tokens?|rounds?|time|retries)|"
    r"(?:step|turn|iteration|recursion|time|token|budget|cost|rate)s?[_ -]?(?:limit|exceeded|exhausted)|"
    r"timed?[_ -]?out|out of (?:time|steps|budget|tokens)|^length$|cancel|abort|interrupt|truncat|^early|incomplete",
    re.IGNORECASE,
)
_CUT_OFF = ("length", "max_tokens", "max_output_tokens")
_FAILED = ("failed", "error", "failure")
_QUIET = ("log", "screenshot", "state")


def find(recording: Recording) -> Finding | None:
    end = recording.end
    if end is None:
        return None
    if _CUT_SHORT.search(end.reason) or _CUT_SHORT.search(end.status):
        return _found(0.9, end, end, f"The run was cut short: {shown(end.reason or end.status)}.")
    if end.unfinished:
        return _found(0.9, end, end, "The run ended although it says itself that something remains to be done.")
    if end.status in _FAILED or end.error is not None:
        return None  # it did not pretend to be done
    return _left_undone(recording, end)


def _left_undone(recording: Recording, end: Fact) -> Finding | None:
    unanswered = _unanswered(recording)
    if unanswered is not None:
        said = f"The run ended while its call of {shown(unanswered.name)} was unanswered."
        return _found(0.8, unanswered.fact, end, said)
    states = [fact for fact in recording.facts if fact.type == "state"]
    if states and states[-1].unfinished:
        return _found(0.7, states[-1], end, "The run ended although its last state says that something remains.")
    acts = [fact for fact in recording.facts if fact.type not in _QUIET and fact is not end]
    if acts and acts[-1].type == "llm_call" and acts[-1].reason in _CUT_OFF:
        return _found(0.7, acts[-1], end, "The run ended with a generation that was cut off.")
    asked = next((fact for fact in acts if fact.by_person), None)
    if asked is not None and all(fact.by_person for fact in acts):
        return _found(0.7, asked, end, "The run ended before the agent had done anything.")
    return None


def _unanswered(recording: Recording) -> Call | None:
    """The first call that the agent still waited for, in a run that does record answers."""
    spoke = max(
        (place for place, fact in enumerate(recording.facts) if fact.type in ("llm_call", "message")), default=-1
    )
    open_calls = [call for call in recording.calls if call.answered is None]
    records_none = len(open_calls) == len(recording.calls) > 1
    return None if records_none else next((call for call in open_calls if call.place > spoke), None)


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
