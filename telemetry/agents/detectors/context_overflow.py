"""context_overflow: more was put before the model than it takes.

Definition: a generation that failed because its input was too long; or one that used as many tokens as the trace says
that the model takes, or more; or one that was cut off with 97 % of them used. Limits of models are read from the trace
alone: Tracer keeps no list that would go out of date.
Confidence: 0.95 by the error, 0.9 by the count, 0.75 where it was cut off.
Begins at: the generation.
Reads: of `llm_call`, and of an `error` at its heels, the error; `usage` (`input_tokens`, `prompt_tokens`, …,
`total_tokens`); the limit (`context_limit`, `context_window`, `max_context_tokens`, `max_input_tokens`);
`finish_reason` or `stop_reason`.
"""

from __future__ import annotations

import re

from telemetry.agents.detectors.base import Detector, Finding, finding
from telemetry.agents.recordings import Call, Recording

_NEARLY = 0.97
_CUT_OFF = ("length", "max_tokens", "max_output_tokens", "model_length")
_TOO_LONG = re.compile(
    r"context[_ ]length|context[_ ]window|context[_ ](?:size|limit)|maximum (?:context|prompt|token)|"
    r"(?:prompt|input|request|messages?)(?: \w+)? (?:is|are|was) too (?:long|large)|too many (?:input |prompt )?tokens|"
    r"(?:exceeds?|exceeded|over|more than)\b.{0,60}\btokens?\b.{0,30}\b(?:limit|maximum|allowed)|token limit exceeded|"
    r"ContextLengthExceeded|ContextWindowExceeded",
    re.IGNORECASE,
)


_RATE = re.compile(r"rate.?limit|per min|\bTPM\b|quota", re.IGNORECASE)
"""How many tokens in a minute is another matter."""


def find(recording: Recording) -> Finding | None:
    told = {call.answered_place: call for call in recording.generations}
    for place, fact in enumerate(recording.facts):
        call = told.get(place)
        if call is not None:
            confidence, said = _judged(call)
        elif fact.type == "error" and _is_too_long(fact.error):
            confidence, said = 0.95, _REFUSED
        else:
            continue
        if confidence:
            at = fact if call is None else call.fact
            return finding("context_overflow", confidence, at, [at, fact], said)
    return None


_REFUSED = "The model refused its input as too long."


def _is_too_long(error: str | None) -> bool:
    return error is not None and _TOO_LONG.search(error) is not None and _RATE.search(error) is None


def _judged(call: Call) -> tuple[float, str]:
    fact = call.fact
    if _is_too_long(call.error):
        return 0.95, _REFUSED
    if fact.reason == "model_context_window_exceeded":
        return 0.95, "The model stopped because its context was full."
    used = max(fact.tokens, fact.sent)
    if not fact.limit or not used:
        return 0.0, ""
    if used >= fact.limit:
        return 0.9, f"A generation used {used:,} tokens of the {fact.limit:,} that the model takes."
    if used >= fact.limit * _NEARLY and fact.reason in _CUT_OFF:
        return 0.75, f"A generation was cut off with {used:,} of {fact.limit:,} tokens used."
    return 0.0, ""


DETECTOR = Detector(
    "context_overflow",
    find,
    cause=True,
    plan=(
        "See what fills the input at the critical step: a tool's answer, the history, or the prompt.",
        "Cut long answers of tools before they reach the model, and let it ask for the rest by page.",
        "Sum up or drop old messages before the limit, not when the model refuses.",
        "Count tokens before each call, with room left for the answer.",
    ),
)
