"""The health of a check from its location states: a pure function, told the time (DESIGN §4)."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

import msgspec


class Health(StrEnum):
    UP = "up"
    DEGRADED = "degraded"
    DOWN = "down"
    UNKNOWN = "unknown"
    PAUSED = "paused"
    MAINTENANCE = "maintenance"


class Verdict(msgspec.Struct, frozen=True, gc=False):
    """The last measured scheduled run of one location: it counts until `fresh_until_ms`."""

    failed: bool
    degraded: bool
    fresh_until_ms: int


def freshness_ms(interval_ms: int, budget_ms: int) -> int:
    """How long a location's verdict counts: 2 x interval + the longest its next run may take."""
    return 2 * interval_ms + budget_ms


def health(verdicts: Iterable[Verdict], *, now_ms: int, paused: bool, maintenance: bool = False) -> Health:
    """down: more than half of the fresh locations fail. degraded: fewer do, or one is slow. unknown: none is fresh."""
    if paused:
        return Health.PAUSED
    if maintenance:
        return Health.MAINTENANCE
    fresh, failing, slow = 0, 0, False
    for verdict in verdicts:
        if verdict.fresh_until_ms > now_ms:
            fresh += 1
            failing += verdict.failed
            slow = slow or verdict.degraded
    if not fresh:
        return Health.UNKNOWN
    if 2 * failing > fresh:
        return Health.DOWN
    return Health.DEGRADED if failing or slow else Health.UP
