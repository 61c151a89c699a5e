"""unknown_tool: the agent calls a tool that there is not.

Definition: a call of a tool that stands in none of the lists of tools recorded up to then and that nothing answers but
an error, if anything (what answers is there, whatever the lists say); or one that is answered by an error which says
that there is no such tool.
Confidence: 0.98 where both hold, 0.9 by the lists alone, 0.85 by the error alone.
Begins at: the call.
Reads: of `llm_call` and `state` the tools (`tools`, `available_tools`, `functions`: names, or objects with a `name`, or
with a `function`); of `tool_call` the tool; of what answers it the error.
"""

from __future__ import annotations

import re

from telemetry.agents.detectors.base import Detector, Finding, finding, shown
from telemetry.agents.recordings import Call, Recording

_SAYS_SO = re.compile(
    r"\b(?:unknown|no such|unrecogni[sz]ed|undefined|non-?existent|unsupported) (?:tool|function)\b"
    r"|\bno (?:tool|function) (?:named|called|with the name)\b"
    r"|\b(?:tool|function)_?(?: name)?:? ?['\"`]?[\w.:/-]{0,100}['\"`]? (?:was |is |does )?"
    r"(?:not (?:found|exist|defined|available|registered|recogni[sz]ed|known)|unknown|unavailable)"
    r"|\bis not a (?:valid|known|registered) (?:tool|function)\b"
    r"|\b(?:tool|function)_not_found\b|\b(?:unknown|invalid)_(?:tool|function)\b|\bToolNotFound",
    re.ASCII | re.IGNORECASE,
)


def find(recording: Recording) -> Finding | None:
    offered: set[str] = set()
    offers = [(place, fact.offered) for place, fact in enumerate(recording.facts) if fact.offered]
    passed = 0
    for call in recording.calls:
        while passed < len(offers) and offers[passed][0] < call.place:
            offered.update(offers[passed][1])
            passed += 1
        confidence = _confidence(call, offered)
        if confidence is not None:
            shows = [fact for fact in (call.fact, call.answered) if fact is not None]
            said = f"The agent called {shown(call.name)}, and there is no such tool."
            return finding("unknown_tool", confidence, call.fact, shows, said)
    return None


def _confidence(call: Call, offered: set[str]) -> float | None:
    unlisted = bool(offered) and bool(call.name) and call.name not in offered
    said = call.error is not None and _SAYS_SO.search(call.error) is not None
    if unlisted and said:
        return 0.98
    if unlisted:
        return None if call.answered is not None and call.error is None else 0.9
    return 0.85 if said else None


DETECTOR = Detector(
    "unknown_tool",
    find,
    cause=True,
    plan=(
        "Compare the tool that was called with the list that the model was given at that step.",
        "If it was renamed or removed, take the old name out of prompts, or offer it again under that name.",
        "Refuse a call of an unknown tool with the names of those that there are, so that the model can choose.",
    ),
)
