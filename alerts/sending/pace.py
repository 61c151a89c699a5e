"""How a storm reaches people (CONTRACT, "Alerts, rules, channels"): five notices singly within 30 s, then one digest
per 30 s until nothing has come for as long. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

WINDOW_MS = 30_000
SINGLES = 5
GATHER_MS = 5_000
"""How long after the last single notice the first digest waits for company."""


@dataclass(frozen=True, slots=True)
class Turn:
    """What to send next: one notice, a digest of all that waits, or nothing before `wait_ms` have passed."""

    grouped: bool = False
    wait_ms: int = 0


def next_turn(singles: Sequence[int], digests: Sequence[int], now_ms: int) -> Turn:
    """`singles`, `digests`: when messages went to this channel in the last two windows, oldest first."""
    if digests and now_ms < digests[-1] + WINDOW_MS:
        return Turn(wait_ms=digests[-1] + WINDOW_MS - now_ms)
    if digests and now_ms < digests[-1] + 2 * WINDOW_MS:
        return Turn(grouped=True)  # the storm goes on
    recent = [at for at in singles if at > now_ms - WINDOW_MS]
    if len(recent) < SINGLES:
        return Turn()
    opens_ms = recent[-1] + GATHER_MS
    return Turn(wait_ms=opens_ms - now_ms) if now_ms < opens_ms else Turn(grouped=True)
