"""cost_spike: one step costs many times what the others do.

Definition: in a run with four or more events that say what they cost, one of five times the median or more, and at
least one US cent above it. Where no event says its cost, the same of tokens, and at least 10,000 above the median.
Confidence: 0.7 from five times the median, 0.85 from ten, 0.95 from fifty.
Begins at: the event that cost so much.
Reads: `cost_usd` (`total_cost`, `cost`, …) of any event; else of `llm_call` its `usage` (see context_overflow).
"""

from __future__ import annotations

from collections.abc import Sequence

from telemetry.agents.detectors.base import Detector, Finding, finding
from telemetry.agents.facts import Fact
from telemetry.agents.recordings import Recording

LEAST_PRICED = 4
_SURE = ((50, 0.95), (10, 0.85), (5, 0.7))
_LEAST_USD, _LEAST_TOKENS = 0.01, 10_000


def find(recording: Recording) -> Finding | None:
    priced = [(fact, fact.cost_usd) for fact in recording.facts if fact.cost_usd]
    if priced:
        return _spike(priced, _LEAST_USD, "US dollars")
    counted = [(call.fact, call.fact.tokens) for call in recording.generations if call.fact.tokens]
    return _spike(counted, _LEAST_TOKENS, "tokens")


def _spike(priced: Sequence[tuple[Fact, float]], least: float, unit: str) -> Finding | None:
    if len(priced) < LEAST_PRICED:
        return None
    usual = sorted(cost for _, cost in priced)[(len(priced) - 1) // 2]
    for fact, cost in priced:
        confidence = next((sure for times, sure in _SURE if cost >= usual * times), None)
        if confidence is not None and cost - usual >= least:
            said = f"One step took {cost:,g} {unit}, where {usual:,g} is usual in this run."
            return finding("cost_spike", confidence, fact, [fact], said)
    return None


DETECTOR = Detector(
    "cost_spike",
    find,
    cause=False,
    plan=(
        "Find what made the event at the critical step dear: a larger model, a long input, or a long answer.",
        "Set a limit of tokens for the answer, and one of cost for the whole run.",
        "Keep what does not change (instructions, documents) in the provider's cache, or leave it out.",
        "Use a smaller model for steps that do not need the large one.",
    ),
)
