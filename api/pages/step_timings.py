"""How long each step of a journey takes, over its newest runs: a line for each, the slowest marked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from api.pages.day_bar import HEIGHT, WIDTH
from api.pages.words import counted, milliseconds
from model.evidence import StepResult
from store.tables import Run


@dataclass(frozen=True)
class Timing:
    """A step. `points`: of a polyline in WIDTH x HEIGHT, oldest first; `label` says the same in words."""

    number: int
    title: str
    typical: str
    newest: str
    points: str
    label: str
    slowest: bool


def step_timings(runs: Sequence[tuple[Run, Sequence[StepResult]]]) -> list[Timing]:
    """`runs`: newest first. Steps are those of the newest run; what an older run did at that place under another type
    is no measure of it, and is left out."""
    if not runs:
        return []
    newest = runs[0][1]
    taken = [_durations(step, runs) for step in newest]
    typical = [median(durations) if durations else 0.0 for durations in taken]
    slowest = max(typical, default=0.0)
    return [
        Timing(
            step.index + 1,
            step.name or step.type.replace("_", " "),
            milliseconds(middle) if durations else milliseconds(None),
            milliseconds(step.duration_ms),
            _points(durations),
            f"step {step.index + 1}: typically {milliseconds(middle)} over {counted(len(durations), 'run')}, "
            f"at most {milliseconds(max(durations, default=None))}",
            bool(durations) and len(newest) > 1 and middle == slowest,
        )
        for step, durations, middle in zip(newest, taken, typical, strict=True)
    ]


def _durations(step: StepResult, runs: Sequence[tuple[Run, Sequence[StepResult]]]) -> list[float]:
    """Of the step in each run that passed it, oldest first."""
    found = []
    for _, steps in reversed(runs):
        then = steps[step.index] if step.index < len(steps) else None
        if then is not None and then.type == step.type and then.status == "success" and then.duration_ms is not None:
            found.append(then.duration_ms)
    return found


def _points(durations: Sequence[float]) -> str:
    if len(durations) < 2:
        return ""
    most = max(durations) or 1.0
    return " ".join(
        f"{place * WIDTH / (len(durations) - 1):.0f},{HEIGHT - 2 - duration / most * (HEIGHT - 4):.1f}"
        for place, duration in enumerate(durations)
    )
