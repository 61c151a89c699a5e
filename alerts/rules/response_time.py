"""Slow for long enough. Slow is not down: failed runs are left to the other rules."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from alerts.rules.base import Covered, Memory, RuleDefinition, Vote, Window, covers_half, within
from model.points import Point

_LEAST = 1e-9


class ResponseTime(RuleDefinition):
    """A location is slow when the average, 95th percentile or maximum of the durations in `window` seconds is above
    `threshold` ms, and the newest run is itself. Good again: a run and the whole window are at or under it."""

    state_word: ClassVar[str] = "slow"
    state_mark = "degraded"

    type: Literal["response_time"]
    threshold: Annotated[float, Field(gt=0, le=300_000, description="milliseconds")]
    aggregate: Literal["avg", "p95", "max"] = "avg"
    window: Window = 300

    def memory(self) -> Memory:
        return Memory(self.recovery_threshold, self.window * 1000)

    def vote(self, history: Sequence[Point], *, interval_ms: int | None, was_down: bool) -> Vote:
        newest = history[-1]
        if newest.failed or newest.duration_ms is None:
            return Vote.DOWN if was_down else Vote.UNDECIDED
        if was_down:
            return Vote.DOWN if self._slow(history) else Vote.UP
        if newest.duration_ms <= self.threshold:
            return Vote.UP
        if not self._slow(history):
            return Vote.UNDECIDED
        enough = covers_half(within(history, self.window * 1000), self.window * 1000, interval_ms)
        return Vote.DOWN if enough else Vote.UNDECIDED

    def good(self, point: Point) -> bool:
        return not point.failed and point.duration_ms is not None and point.duration_ms <= self.threshold

    def concerns(self, point: Point) -> bool:
        return not point.failed and point.duration_ms is not None and point.duration_ms > self.threshold

    def finding(self, history: Sequence[Point]) -> str:
        word = {"avg": "on average", "p95": "at the 95th percentile", "max": "at most"}[self.aggregate]
        return f"took {self._aggregate(history):.0f} ms {word} over {self.window} s (above {self.threshold:g} ms)"

    def pointless_for(self, checks: Sequence[Covered]) -> str | None:
        timed = [check.definition.get("timeout") for check in checks if check.definition.get("type") != "heartbeat"]
        if len(timed) < len(checks) or any(limit is None or limit * 1000 > self.threshold for limit in timed):
            return None  # a heartbeat takes as long as its job
        return f"every check it applies to times out, and so fails, before its threshold of {self.threshold:g} ms"

    def _slow(self, history: Sequence[Point]) -> bool:
        return self._aggregate(history) > self.threshold + _LEAST

    def _aggregate(self, history: Sequence[Point]) -> float:
        looked_at = within(history, self.window * 1000)
        durations = sorted(
            point.duration_ms for point in looked_at if not point.failed and point.duration_ms is not None
        )
        if not durations:
            return 0.0
        if self.aggregate == "avg":
            return sum(durations) / len(durations)
        if self.aggregate == "max":
            return durations[-1]
        return durations[max(0, -(-95 * len(durations) // 100) - 1)]
