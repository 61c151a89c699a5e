"""How a storm reaches people (CONTRACT, "Alerts, rules, channels"): five notices singly within 30 s, then one digest
per 30 s until no more than one event has come in as long. Pure."""

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


def next_turn(singles: Sequence[int], digests: Sequence[int], now_ms: int, *, gathered: int = 0) -> Turn:
    """`singles`, `digests`: when messages went to this channel in the last two windows, oldest first. `gathered`: how
    many events came in the window after the last digest. Fewer than two make no digest: then the storm is over, and
    whatever comes goes singly."""
    if digests and now_ms < digests[-1] + WINDOW_MS:
        return Turn(wait_ms=digests[-1] + WINDOW_MS - now_ms)
    if digests and gathered > 1:
        return Turn(grouped=True)  # the storm goes on
    recent = [at for at in singles if at > now_ms - WINDOW_MS]
    if len(recent) < SINGLES:
        return Turn()
    opens_ms = recent[-1] + GATHER_MS
    return Turn(wait_ms=opens_ms - now_ms) if now_ms < opens_ms else Turn(grouped=True)


def in_company(count: int, since_ms: int, now_ms: int) -> Turn:
    """For what Tracer says about itself: one cause, such as a network that is down, brings several notices within
    seconds, and they are one message. `count` wait since `since_ms`."""
    if count and now_ms < since_ms + GATHER_MS:
        return Turn(wait_ms=since_ms + GATHER_MS - now_ms)
    return Turn(grouped=count > 1)
