"""unhandled_error: an error is the last that a run has to say.

Definition: an error after which the agent does nothing more: no call, no generation, no message; or an error, anywhere,
that says of itself that nobody handled it (`handled: false`, `unhandled`, `uncaught`, `fatal`). Errors are events of
type `error`, generations that failed, a tool's failure if the run ended as failed, and an `end` that brings an error
of its own. Of several on end it is the first. What says `handled: true`, or is a warning, is none. Of a conversation
each turn, which an `end` ends, is judged by itself: an error that its turn ended with stays one, whatever comes after.
Confidence: 0.95 where the run ended as failed, 0.9 where the error says so itself, 0.75 where the run ended otherwise,
0.7 where its end was not recorded.
Begins at: the error.
Reads: of `error` (and what failed, see retry_storm) the message, `handled`, `level`; of `end` its `status` and `error`.
"""

from __future__ import annotations

from telemetry.agents.detectors.base import Detector, Finding, finding, shown
from telemetry.agents.facts import Fact
from telemetry.agents.recordings import Recording, Turn

_QUIET = ("log", "screenshot", "state")


def find(recording: Recording) -> Finding | None:
    for turn in recording.turns:
        found = _in_turn(recording.facts[turn.first : turn.after], turn)
        if found is not None:
            return found
    return None


def _in_turn(facts: list[Fact], turn: Turn) -> Finding | None:
    said_so = next((fact for fact in facts if fact.type == "error" and fact.handled is False), None)
    last = _last_words(facts, turn) if turn.whole else None
    if said_so is not None and (last is None or said_so.seq < last.seq):
        return _found(0.9, said_so)
    if last is None:
        return None
    if turn.end is None:
        return _found(0.7, last)
    return _found(0.95 if turn.end.failed else 0.75, last)


def _last_words(facts: list[Fact], turn: Turn) -> Fact | None:
    """The first of the errors with which a turn ended."""
    found: Fact | None = None
    failed = turn.end is not None and turn.end.failed
    for fact in reversed(facts):
        if fact.type in _QUIET:
            continue
        if fact.type == "end":
            found = fact if fact.error else found
        elif _is_error(fact, failed=failed):
            found = fact
        else:
            break
    return found


def _is_error(fact: Fact, *, failed: bool) -> bool:
    if fact.type == "error":
        return fact.handled is not True
    if fact.type == "llm_call":
        return fact.error is not None
    return fact.type == "tool_result" and fact.error is not None and failed


def _found(confidence: float, fact: Fact) -> Finding:
    said = f"Nobody handled the error {shown(fact.error)}." if fact.error else "Nobody handled an error."
    return finding("unhandled_error", confidence, fact, [fact], said)


DETECTOR = Detector(
    "unhandled_error",
    find,
    cause=False,
    plan=(
        "Read the error at the critical step with its stack trace, and the issue behind it if there is one.",
        "Repeat it in a test with the input of that step.",
        "Handle it where it arises: make the input good, try again if it may pass, or say what to change.",
        "Catch what is left at the top of the run, and end it as failed with the reason.",
    ),
)
