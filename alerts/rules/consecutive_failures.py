"""So many failed runs in a row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import Field

from alerts.rules.base import Memory, RuleDefinition, Vote, counted
from model.points import Point


class ConsecutiveFailures(RuleDefinition):
    """A location is down when its last `threshold` measured runs failed."""

    type: Literal["consecutive_failures"]
    threshold: Annotated[int, Field(ge=1, le=100, description="failed runs in a row")] = 3

    def memory(self) -> Memory:
        return Memory(runs=max(self.threshold, self.recovery_threshold))

    def vote(self, history: Sequence[Point], *, interval_ms: int | None, was_down: bool) -> Vote:  # noqa: ARG002
        if not history[-1].failed:
            return Vote.UP
        last = history[-self.threshold :]
        return Vote.DOWN if len(last) == self.threshold and all(point.failed for point in last) else Vote.UNDECIDED

    def so_far(self, history: Sequence[Point]) -> str:
        failed = next((ago for ago, point in enumerate(reversed(history)) if not point.failed), len(history))
        return f"{failed} of {self.threshold} runs in a row failed"

    def finding(self, history: Sequence[Point]) -> str:
        newest = history[-1]
        run = "the last run failed" if self.threshold == 1 else f"{counted(self.threshold, 'run')} in a row failed"
        return f"{newest.error_message or newest.error_code or 'failed'} ({run})"
