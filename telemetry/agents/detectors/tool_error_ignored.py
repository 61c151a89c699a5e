"""tool_error_ignored: a tool failed, and the agent goes on as if it had not.

Definition: after a call that failed the agent answers, or ends the run as completed, without a word of the failure; or
it goes on to other tools and does neither come back to this one among its next three calls nor speak of the failure.
A later call of the same tool, an `error`, an end that is failed, and words such as "failed", "could not", "instead" in
what the agent says (in a few languages), the error's own words or its HTTP status all count as taking notice. Where a
person speaks first, nothing is found.
Confidence: 0.85 where an answer or the end followed, 0.6 where only other tools did: they may be its way around. 0.5
where nothing but the look of the answer says that the call failed.
Begins at: the event that says that the call failed.
Reads: as tool_loop, whether results failed (see retry_storm); the text of `message`, `llm_call` and `log` (`content`,
`text`, `output`, `choices`, …) and the `role`; of `end` the `status`.
"""

from __future__ import annotations

import re

from telemetry.agents.detectors.base import Detector, Finding, finding, shown
from telemetry.agents.facts import Fact
from telemetry.agents.recordings import Call, Recording

CALLS_TO_COME_BACK = 3
EVENTS_TO_LOOK_AT = 30
_GUESSED = 0.5
_NOTICES = re.compile(
    r"\berrors?\b|\bfail|\bunable\b|\bnot able\b|could ?n[o'\u2019]t|\bcan ?not\b|\bcan['\u2019]t|did ?n[o'\u2019]t|"
    r"\bsorry\b|apolog|\bretry|"
    r"\btry(?:ing)? (?:again|another|a different)|\binstead\b|problem|\bissue|unavailable|tim(?:ed|e) ?-?out|not found|"
    r"denied|refused|invalid|went wrong|unsuccessful|fall(?:ing)? ?back|alternative|exception|declined|rejected|"
    r"\bleider\b|fehl(?:er|geschlagen)|abgelehnt|nicht m(?:ö|oe)glich|konnten? [^.]*nicht|malheureusement|désolé|échou|"
    r"échec|impossible|lo siento|\bno (?:se )?pud|purtroppo|infelizmente",
    re.IGNORECASE,
)
_STATUS = re.compile(r"(?<![\w.])[45]\d\d(?![\w.]\w)", re.ASCII)
_OWN_WORDS = 24
_FEWEST_OWN_WORDS = 12
"""So many characters of an error, found in what the agent says, are no coincidence."""


def find(recording: Recording) -> Finding | None:
    for call in recording.calls:
        if call.error is None or call.answered is None:
            continue
        following = recording.facts[call.answered_place + 1 : call.answered_place + 1 + EVENTS_TO_LOOK_AT]
        ignored = _ignored(call, following)
        if ignored is not None:
            confidence, shows = ignored
            confidence = min(confidence, _GUESSED) if call.answered.guessed else confidence
            said = f"The tool {shown(call.name)} failed, and the agent went on as if it had not."
            return finding("tool_error_ignored", confidence, call.answered, [call.fact, call.answered, *shows], said)
    return None


def _ignored(call: Call, following: list[Fact]) -> tuple[float, list[Fact]] | None:
    """(confidence, the events that show it), None where somebody took notice, or nothing came of it yet."""
    others: list[Fact] = []
    for fact in following:
        if _takes_notice(call, fact):
            return None
        if fact.type in ("message", "end"):
            return 0.85, [*others, fact]
        if fact.type == "tool_call":
            others.append(fact)
            if len(others) == CALLS_TO_COME_BACK:
                break
    return (0.6, others) if others else None


def _takes_notice(call: Call, fact: Fact) -> bool:
    if fact.by_person or fact.type == "error":
        return True
    if fact.type == "tool_call":
        return fact.tool == call.name
    if fact.type == "end" and (fact.failed or fact.error is not None):
        return True
    if fact.type in ("message", "llm_call", "log", "end"):
        return _NOTICES.search(fact.said) is not None or _repeats(call.error or "", fact.said)
    return False


def _repeats(error: str, said: str) -> bool:
    """Whether the agent says the error's own words, or its HTTP status."""
    own = error[:_OWN_WORDS]
    status = _STATUS.search(error)
    return (len(own) >= _FEWEST_OWN_WORDS and own in said) or (
        status is not None and re.search(rf"\b{status[0]}\b", said, re.ASCII) is not None
    )


DETECTOR = Detector(
    "tool_error_ignored",
    find,
    cause=True,
    plan=(
        "Look at what the tool answered at the critical step, and at what the agent said after it.",
        "Mark failures so that the model can't take them for results: an error field, not a sentence among data.",
        "Have the loop stop, retry or say so when a tool fails, before anything is done with its answer.",
        "Test the agent with that tool failing: it must not report success.",
    ),
)
