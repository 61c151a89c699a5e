"""90 days of a component in a row of cells, as SVG. Passing is quiet and low, trouble is tall, hatching is what was not
measured, a day on which nothing was due stays empty."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from api.pages.words import counted
from model.uptime import Counts, percent
from store.stats import Day

WIDTH, HEIGHT = 900, 26
_CELL, _FILLED = 10, 8
_HEIGHTS = {"up": 16, "degraded": 21, "down": 26, "unknown": 26}
_PARTLY = 0.99
"""A day of which less than this was measured is hatched, unless something failed on it."""
_GRAVE = 0.05
"""A day on which more than this share of the runs failed is down; fewer, it had trouble."""


@dataclass(frozen=True)
class Cell:
    """A day that is not plainly good. `title`: what it says of itself."""

    x: int
    y: int
    height: int
    css: str
    title: str


@dataclass(frozen=True)
class Bar:
    """`good`: all good days as one path; `label` says the whole in words."""

    good: str
    cells: Sequence[Cell]
    label: str


def quarter_bar(name: str, days: Sequence[Day], counts: Counts) -> Bar:
    """A day a cell, the last one today."""
    low = HEIGHT - _HEIGHTS["up"]
    marks = [_css(day) for day in days]
    good = "".join(
        f"M{place * _CELL} {low}h{_FILLED}v{_HEIGHTS['up']}h-{_FILLED}z"
        for place, css in enumerate(marks)
        if css == "up"
    )
    cells = [
        Cell(place * _CELL, HEIGHT - _HEIGHTS[css], _HEIGHTS[css], css, _title(day))
        for place, (day, css) in enumerate(zip(days, marks, strict=True))
        if css not in (None, "up")
    ]
    return Bar(good, cells, _label(name, marks, counts))


def uptime_words(uptime: float | None, coverage: float | None) -> str:
    """`99.96 %`, and of how much, when it is not of all: no outage reads as 100 %, no hole as full coverage."""
    if uptime is None:
        return "not measured yet"
    return f"{uptime:g} %" if coverage == 100 else f"{uptime:g} % of the {coverage:g} % measured"


def _css(day: Day) -> str | None:
    if not day.planned:
        return None
    if day.failed:
        return "down" if day.failed > _GRAVE * day.measured else "degraded"
    return "up" if day.measured >= _PARTLY * day.planned else "unknown"


def _title(day: Day) -> str:
    date = datetime.fromtimestamp(day.day_ms / 1000, UTC)
    parts = []
    if day.measured:
        parts.append(f"{day.uptime:g} % up")
    if missing := day.planned - day.measured:
        parts.append(f"{percent(missing, day.planned):g} % not measured")
    return f"{date.day} {date:%B}: {', '.join(parts)}"


def _label(name: str, marks: Sequence[str | None], counts: Counts) -> str:
    known = [mark for mark in marks if mark is not None]
    if not known:
        return f"{name}: nothing was measured yet"
    bad, unknown = len(known) - known.count("up") - known.count("unknown"), known.count("unknown")
    return (
        f"{name}, the last {len(marks)} days: up {uptime_words(counts.uptime, counts.coverage)}, "
        f"trouble on {counted(bad, 'day')}, not measured on {counted(unknown, 'day')}"
    )
