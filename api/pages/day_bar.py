"""24 hours of a check in a row of cells, and how long it took in a line, as SVG with words for who can't see it.
Passing is quiet and low, trouble is tall, hatching is what was not measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from api.pages.words import counted, milliseconds
from model.uptime import Counts
from store.overview import Hour

WIDTH, HEIGHT = 240, 26
_CELL, _FILLED = 10, 8
_HEIGHTS = {"up": 16, "degraded": 21, "down": 26, "unknown": 26}
_PARTLY = 0.99
"""An hour of which less than this was measured is hatched, unless something failed in it."""


@dataclass(frozen=True)
class Bar:
    """`shapes`: for each state the outlines of all its cells, as one path: a page of a hundred checks has 2,400 cells.
    `label` says the same in words."""

    shapes: Mapping[str, str]
    label: str


@dataclass(frozen=True)
class Line:
    """The points of a polyline in WIDTH x HEIGHT, and what they say."""

    points: str
    label: str


def day_bar(name: str, hours: Sequence[Hour], counts: Counts) -> Bar:
    """An hour a cell; one in which nothing was due stays empty. `counts`: of all the hours together."""
    shapes: dict[str, str] = {}
    for place, css in enumerate(map(_css, hours)):
        if css is not None:
            height = _HEIGHTS[css]
            shapes[css] = f"{shapes.get(css, '')}M{place * _CELL} {HEIGHT - height}h{_FILLED}v{height}h-{_FILLED}z"
    planned, unmeasured = counts.planned, counts.planned - counts.measured
    parts = [f"{counted(planned, 'run')} planned", f"{counts.failed} failed", f"{unmeasured} not measured"]
    return Bar(shapes, f"{name}, the last 24 hours: {', '.join(parts)}" if planned else f"{name}: nothing was due yet")


def latency_line(hours: Sequence[Hour]) -> Line | None:
    """The mean of each hour, from none to the slowest; None with fewer than two."""
    known = [(place, hour.duration_ms) for place, hour in enumerate(hours) if hour.duration_ms is not None]
    if len(known) < 2:
        return None
    slowest = max(duration for _, duration in known) or 1.0
    points = " ".join(
        f"{place * WIDTH / (len(hours) - 1):.0f},{HEIGHT - 2 - duration / slowest * (HEIGHT - 4):.1f}"
        for place, duration in known
    )
    return Line(points, f"took {milliseconds(known[-1][1])}, at most {milliseconds(slowest)} in an hour")


def _css(hour: Hour) -> str | None:
    if not hour.planned:
        return None
    if hour.failed:
        return "down" if 2 * hour.failed > hour.measured else "degraded"
    return "up" if hour.measured >= _PARTLY * hour.planned else "unknown"
