"""What was found before and after a fix, and what that comes to: pure functions of the evidence.

A session or a run of a check shows the incident *again*, is *clear* of it (it came past where the incident begins, and
went well), went well *elsewhere* (it never came there), went wrong *otherwise*, or is *unknown* (it has not ended, or
was not measured). Of these the first two say something of the incident, and the rest nothing.
"""

from __future__ import annotations

from collections.abc import Sequence, Set

import msgspec

AGAIN, CLEAR, ELSEWHERE, OTHERWISE, UNKNOWN = "again", "clear", "elsewhere", "otherwise", "unknown"
FIXED, NOT_FIXED, INCONCLUSIVE = "fixed", "not_fixed", "inconclusive"
_MOST_NAMED = 5


class SessionSeen(msgspec.Struct, frozen=True):
    """A run of an agent, replayed through the detectors. `project`: its number."""

    session_id: str
    agent: str
    project: int | None
    status: str
    labels: list[str]
    critical_step: int | None
    outcome: str


class RunSeen(msgspec.Struct, frozen=True):
    """A run of a journey or monitor. `status` and `error` as they are stored."""

    run_id: str
    check_id: str
    name: str
    location: str
    status: str
    error: str | None
    outcome: str


class Evidence(msgspec.Struct, frozen=True):
    """What was looked at on one side of a fix."""

    sessions: list[SessionSeen]
    runs: list[RunSeen]


def verdict_of(after: Evidence, begins: str = "") -> tuple[str, str]:
    """(the verdict, the reason as a sentence). `begins`: where the incident does, in words; "" where nothing that is
    still recorded says so."""
    again = _named(after, AGAIN)
    if again:
        return NOT_FIXED, f"It shows again in {_listed(again)}."
    clear = _named(after, CLEAR)
    if clear:
        return FIXED, f"It shows no more: {_counted(after)}."
    untold = f"Nothing tells: {_sessions_missing(after)}; {_runs_missing(after)}."
    if not any(_named(after, outcome) for outcome in (ELSEWHERE, OTHERWISE)):
        return INCONCLUSIVE, untold
    where = f"It begins at {begins}." if begins else "Nothing that is still recorded says where it begins."
    return INCONCLUSIVE, f"{untold} {where}"


def _named(side: Evidence, outcome: str) -> list[str]:
    sessions = [f"session {each.session_id}" for each in side.sessions if each.outcome == outcome]
    return sessions + [f"{each.name} ({each.run_id})" for each in side.runs if each.outcome == outcome]


def _listed(names: Sequence[str]) -> str:
    more = len(names) - _MOST_NAMED
    return ", ".join(names[:_MOST_NAMED]) + (f" and {more} more" if more > 0 else "")


def _counted(side: Evidence) -> str:
    sessions = sum(each.outcome == CLEAR for each in side.sessions)
    runs = sum(each.outcome == CLEAR for each in side.runs)
    parts = [
        f"{count} {noun}{'' if count == 1 else 's'}"
        for count, noun in ((sessions, "session"), (runs, "run of a check" if runs == 1 else "runs of check"))
        if count
    ]
    return f"{' and '.join(parts)} since came past where it began, and went well"


def _sessions_missing(side: Evidence) -> str:
    if not side.sessions:
        return "no session of its agents began since"
    said = _untold({each.outcome for each in side.sessions})
    return f"sessions since {said}" if said else "no session since has ended"


def _runs_missing(side: Evidence) -> str:
    if not side.runs:
        return "no journey or monitor is linked that can be run"
    said = _untold({each.outcome for each in side.runs})
    return f"linked checks {said}" if said else "no linked check was measured"


def _untold(outcomes: Set[str]) -> str:
    parts = {ELSEWHERE: "went well but never came to where it begins", OTHERWISE: "went wrong in another way"}
    return " or ".join(words for outcome, words in parts.items() if outcome in outcomes)
