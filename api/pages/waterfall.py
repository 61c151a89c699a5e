"""Where the time of a run went, as bars one below the other: geometry only, the template draws it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from model.phases import Measured, phases

WIDTH = 1_000
_THINNEST = 6
"""A phase that took no time to speak of is still to be seen."""


@dataclass(frozen=True)
class Bar:
    """One phase. `x` and `width` in thousandths of the chart; `css`: the class of its fixed colour."""

    name: str
    css: str
    x: int
    width: int
    ms: float


def waterfall(metrics: Measured) -> Sequence[Bar]:
    """A bar for each phase that happened; none when nothing was timed."""
    found = list(phases(metrics))
    total = sum(ms for _, ms in found) or 1.0
    bars: list[Bar] = []
    before = 0.0
    for name, ms in found:
        width = max(_THINNEST, round(ms / total * WIDTH))
        x = min(round(before / total * WIDTH), WIDTH - width)
        bars.append(Bar(name, f"phase-{name.lower()}", x, width, ms))
        before += ms
    return bars
