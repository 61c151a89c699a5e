"""Too many failed runs among the last ones: a good run in between does not hide them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from alerts.rules.base import Memory, RuleDefinition, Vote, Window, counted, covers_half, within
from model.points import Point
from model.validation import FieldsError


class FailureRate(RuleDefinition):
    """A location is down when `failures` of its last `runs` failed, or `threshold` percent of those in `window`
    seconds. It is up again when no more than half of that is left: a share just at the bar does not flap."""

    forms: ClassVar[tuple[tuple[str, ...], ...]] = (("threshold", "window"), ("failures", "runs"))

    type: Literal["failure_rate"]
    threshold: Annotated[float, Field(gt=0, le=100, description="percent")] | None = None
    window: Window | None = None
    failures: Annotated[int, Field(ge=1, le=1_000)] | None = None
    runs: Annotated[int, Field(ge=1, le=1_000)] | None = None

    @model_validator(mode="after")
    def _one_form(self) -> Self:
        share, count = (self.threshold, self.window), (self.failures, self.runs)
        given = [form for form in (share, count) if any(value is not None for value in form)]
        if len(given) != 1:
            raise FieldsError({"threshold": "give either threshold and window, or failures and runs"})
        names = ("threshold", "window") if given[0] is share else ("failures", "runs")
        missing = {name: "is required" for name in names if getattr(self, name) is None}
        if missing:
            raise FieldsError(missing)
        if self.failures is not None and self.runs is not None and self.failures > self.runs:
            raise FieldsError({"failures": "can't be more than runs"})
        return self

    def memory(self) -> Memory:
        return Memory(max(self.runs or 1, self.recovery_threshold), (self.window or 0) * 1000)

    def vote(self, history: Sequence[Point], *, interval_ms: int | None, was_down: bool) -> Vote:
        looked_at = self._looked_at(history)
        failed = sum(point.failed for point in looked_at)
        if self.failures is not None:
            if failed >= self.failures:
                return Vote.DOWN
            return Vote.DOWN if was_down and 2 * failed > self.failures else _undecided(history)
        share, threshold = 100 * failed / len(looked_at), self.threshold or 100
        if share >= threshold and (was_down or covers_half(looked_at, (self.window or 0) * 1000, interval_ms)):
            return Vote.DOWN
        return Vote.DOWN if was_down and 2 * share > threshold else _undecided(history)

    def so_far(self, history: Sequence[Point]) -> str:
        looked_at = self._looked_at(history) if history else ()
        failed = sum(point.failed for point in looked_at)
        if self.failures is not None:
            return f"{failed} of the last {counted(len(looked_at), 'run')} failed, {self.failures} are needed"
        share = f"{failed} of {counted(len(looked_at), 'run')} in {self.window} s failed"
        return f"{share}, {self.threshold or 0:g} % are needed"

    def finding(self, history: Sequence[Point]) -> str:
        looked_at = self._looked_at(history)
        failed = [point for point in looked_at if point.failed]
        said = failed[-1].error_message or failed[-1].error_code or "failed" if failed else "failed"
        if self.runs is not None:
            return f"{said} ({len(failed)} of the last {counted(len(looked_at), 'run')} failed)"
        share = round(100 * len(failed) / len(looked_at))
        return f"{said} ({share} % of {counted(len(looked_at), 'run')} in {self.window} s failed)"

    def _looked_at(self, history: Sequence[Point]) -> Sequence[Point]:
        return within(history, (self.window or 0) * 1000) if self.runs is None else history[-self.runs :]


def _undecided(history: Sequence[Point]) -> Vote:
    return Vote.UNDECIDED if history[-1].failed else Vote.UP
