"""24 hours of a check in a row of cells, and how long it took in a line, as SVG with words for who can't see it.
Its looks are those of api/pages/cells.py."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from api.pages.cells import hatched, state_of
from api.pages.words import counted, milliseconds
from model.uptime import Counts
from store.overview import Hour

WIDTH, HEIGHT = 240, 26
_CELL, _FILLED = 10, 8
_HEIGHTS = {"up": 16, "degraded": 21, "down": 26, "unknown": 26}


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

    def draw(css: str, place: int, top: int, height: int) -> None:
        shapes[css] = f"{shapes.get(css, '')}M{place * _CELL} {top}h{_FILLED}v{height}h-{_FILLED}z"

    for place, hour in enumerate(hours):
        css = state_of(hour.planned > 0, hour.measured, hour.failed)
        if css is None:
            continue
        height, top = _HEIGHTS[css], HEIGHT - _HEIGHTS[css]
        hole = hatched(css, 1 - hour.measured / hour.planned, height)
        draw(css, place, top + hole, height - hole)
        if hole:
            draw("unknown", place, top, hole)
    planned, unmeasured = counts.planned, counts.planned - counts.measured
    parts = [f"{counted(planned, 'run')} planned", f"{counts.failed} failed", f"{unmeasured} not measured"]
    return Bar(shapes, f"{name}, the last 24 hours: {', '.join(parts)}" if planned else f"{name}: nothing was due yet")


_DASH = 12.0


def latency_line(hours: Sequence[Hour]) -> Line | None:
    """The mean of each hour, from none to the slowest; of one alone a dash. None without any."""
    known = [(place, hour.duration_ms) for place, hour in enumerate(hours) if hour.duration_ms is not None]
    if not known:
        return None
    if len(known) == 1:
        [(place, only_ms)] = known
        right = place * WIDTH / (len(hours) - 1)
        dash = f"{max(0.0, right - _DASH):.0f},{HEIGHT / 2:.1f} {max(right, _DASH):.0f},{HEIGHT / 2:.1f}"
        return Line(dash, f"took {milliseconds(only_ms)} in the one hour it was measured")
    slowest = max(duration for _, duration in known) or 1.0
    points = " ".join(
        f"{place * WIDTH / (len(hours) - 1):.0f},{HEIGHT - 2 - duration / slowest * (HEIGHT - 4):.1f}"
        for place, duration in known
    )
    return Line(points, f"took {milliseconds(known[-1][1])}, at most {milliseconds(slowest)} in an hour")
