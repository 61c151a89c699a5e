"""retry_storm: what failed is tried again and again, and fails again.

Definition: three or more attempts of one thing that all failed, with no success of it between: calls of one tool with
the same arguments or the same error, generations of one model, or errors that say the same with nothing done between.
If it succeeds in the end, it takes five. Numbers and ids in errors count for nothing.
Confidence: 0.7 for three failures, 0.1 more for each further one, at most 0.95.
Begins at: the first attempt.
Reads: of `tool_call` the tool, its arguments and its id; of `tool_result`, `llm_call` and `error` whether it failed and
how (`error`, `is_error`, `status`, `success`, `ok`, `exit_code`, `status_code`, `exception`); of `llm_call` the
`model`.
"""

from __future__ import annotations

from collections.abc import Iterator

from telemetry.agents.detectors.base import Detector, Finding, finding, rising, shown
from telemetry.agents.facts import Fact
from telemetry.agents.recordings import Call, Recording
from telemetry.fingerprints import plain

FAILURES = 3
FAILURES_BEFORE_SUCCESS = 5


def find(recording: Recording) -> Finding | None:
    found = min(storms(recording), key=lambda storm: storm[0].seq, default=None)
    if found is None:
        return None
    tries = [fact for fact in found if fact.type != "tool_result"]
    attempts = sum(fact.type != "error" for fact in tries) or len(tries)
    what = f"Calls of {shown(found[0].tool)}" if found[0].type == "tool_call" else "The same attempts"
    return finding(
        "retry_storm",
        rising(0.7, 0.1, attempts - FAILURES, 0.95),
        found[0],
        found,
        f"{what} failed {attempts} times in a row, and the agent tried again each time.",
    )


def storms(recording: Recording) -> Iterator[list[Fact]]:
    """Every storm: its attempts and what became of them, in order."""
    for calls in (recording.calls, recording.generations):
        yield from _of_calls(calls)
    yield from _of_errors(recording)


def _of_calls(calls: list[Call]) -> Iterator[list[Fact]]:
    failing: dict[str, list[Call]] = {}
    for call in calls:
        if call.answered is None:
            continue
        streak = failing.get(call.name, [])
        if call.error is None:
            if len(streak) >= FAILURES_BEFORE_SUCCESS:
                yield _facts(streak)
            failing.pop(call.name, None)
        elif streak and _same_again(call, streak[-1]):
            streak.append(call)
        else:
            if len(streak) >= FAILURES:
                yield _facts(streak)
            failing[call.name] = [call]
    for streak in failing.values():
        if len(streak) >= FAILURES:
            yield _facts(streak)


def _same_again(call: Call, before: Call) -> bool:
    return call.fact.asked == before.fact.asked or plain(call.error or "") == plain(before.error or "")


def _facts(calls: list[Call]) -> list[Fact]:
    return sorted({fact.seq: fact for call in calls for fact in (call.fact, call.answered) if fact}.values(), key=_seq)


def _of_errors(recording: Recording) -> Iterator[list[Fact]]:
    """Errors of no call, one after the other."""
    streak: list[Fact] = []
    for place, fact in enumerate(recording.facts):
        if fact.type == "error" and place not in recording.answering and fact.handled is not True:
            if streak and plain(fact.error or "") != plain(streak[-1].error or ""):
                if len(streak) >= FAILURES:
                    yield streak
                streak = []
            streak.append(fact)
        elif fact.type not in ("log", "screenshot", "state"):
            if len(streak) >= FAILURES:
                yield streak
            streak = []
    if len(streak) >= FAILURES:
        yield streak


def _seq(fact: Fact) -> int:
    return fact.seq


DETECTOR = Detector(
    "retry_storm",
    find,
    cause=True,
    plan=(
        "Read the error at the critical step: what fails the same way each time will not succeed by being repeated.",
        "Retry only what may pass by itself (timeouts, 429, 503), at most three times, with a pause that doubles.",
        "Hand other errors to the model at once, with what to change in the arguments.",
        "If a service was down, watch it with a monitor, so that its outage is known before agents meet it.",
    ),
)
