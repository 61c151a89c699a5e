"""Nothing was measured for too long, whatever the reason."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Literal

from alerts.rules.base import Covered, Memory, RuleDefinition, Vote, Window
from model.points import Point


class NoData(RuleDefinition):
    """A location has measured nothing for `window` seconds. Time makes this rule fire, a measured run ends it."""

    by_results: ClassVar[bool] = False
    state_word: ClassVar[str] = "not measured"
    state_mark = "unknown"

    type: Literal["no_data"]
    window: Window = 600

    def memory(self) -> Memory:
        return Memory(runs=self.recovery_threshold)

    def vote(self, history: Sequence[Point], *, interval_ms: int | None, was_down: bool) -> Vote:  # noqa: ARG002
        return Vote.UP

    def good(self, point: Point) -> bool:  # noqa: ARG002 - passed or failed, it was measured
        return True

    def concerns(self, point: Point) -> bool:  # noqa: ARG002
        return False

    def pointless_for(self, checks: Sequence[Covered]) -> str | None:
        asked = [check.definition for check in checks if check.definition.get("type") != "heartbeat"]
        waited = [definition.get("interval") or 0 for definition in asked]
        if not waited or max(waited) < self.window:
            return None
        return (
            f"window is {self.window} s, and checks it applies to run every {max(waited)} s: it fires between two runs "
            "that both went well"
        )

    def finding(self, history: Sequence[Point]) -> str:  # noqa: ARG002
        return f"nothing was measured for {self.window} s"
