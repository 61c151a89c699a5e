"""90 days of a component in a row of cells, as SVG, drawn as api/pages/cells.py says. A day on which nothing was due is
empty."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from api.pages.cells import hatched, state_of
from api.pages.words import counted
from model.uptime import Counts, percent
from store.stats import Day

WIDTH, HEIGHT = 900, 26
_CELL, _FILLED = 10, 8
_HEIGHTS = {"up": 16, "degraded": 21, "down": 26, "unknown": 26}
_GROWN = 90
_GRAVE = 0.05
"""A day on which more than this share of the runs failed is down; fewer, it had trouble."""


@dataclass(frozen=True)
class Cell:
    """A day that is not plainly good, or what of a good one is hatched. `title`: what it says of itself."""

    x: int
    y: int
    height: int
    css: str
    title: str


@dataclass(frozen=True)
class Bar:
    """`good`: all good days as one path, as far as they were measured; `label` says the whole in words, `words` the
    share of it that was up."""

    good: str
    cells: Sequence[Cell]
    label: str
    words: str


def quarter_bar(name: str, days: Sequence[Day], counts: Counts) -> Bar:
    """A day a cell, the last one today."""
    low = HEIGHT - _HEIGHTS["up"]
    marks = [state_of(day.planned > 0, day.measured, day.failed, _GRAVE) for day in days]
    good, cells = "", []
    for place, (day, css) in enumerate(zip(days, marks, strict=True)):
        if css is None:
            continue
        top, height = HEIGHT - _HEIGHTS[css], _HEIGHTS[css]
        hole = hatched(css, _missing(day), height)
        if css == "up":
            good += f"M{place * _CELL} {low + hole}h{_FILLED}v{height - hole}h-{_FILLED}z"
        if css != "up" or hole:
            cells.append(Cell(place * _CELL, top, hole or height, "unknown" if hole else css, _title(day)))
    first = next((place for place, mark in enumerate(marks) if mark is not None), len(marks))
    words = uptime_words(counts.uptime, counts.coverage, len(marks) - first)
    return Bar(good, cells, _label(name, marks, words), words)


def uptime_words(uptime: float | None, coverage: float | None, due_days: int) -> str:
    """`99.96 % up`, and how much was measured unless all was: no outage reads as 100 %, no hole as full coverage.
    `due_days`: since so many days something was due; of a young component the share is of these only, and says so."""
    if uptime is None:
        return "not measured yet"
    of = "" if due_days >= _GROWN else " today" if due_days == 1 else f" in {due_days} days"
    return f"{uptime:g} % up{of}" + ("" if coverage == 100 else f", {coverage:g} % measured")


def _missing(day: Day) -> float:
    return 1 - day.measured / day.planned


def _title(day: Day) -> str:
    date = datetime.fromtimestamp(day.day_ms / 1000, UTC)
    parts = []
    if day.measured:
        parts.append(f"{day.uptime:g} % up")
    if missing := day.planned - day.measured:
        parts.append(f"{percent(missing, day.planned):g} % not measured")
    return f"{date.day} {date:%B}: {', '.join(parts)}"


def _label(name: str, marks: Sequence[str | None], words: str) -> str:
    known = [mark for mark in marks if mark is not None]
    if not known:
        return f"{name}: nothing was measured yet"
    bad, unknown = len(known) - known.count("up") - known.count("unknown"), known.count("unknown")
    return (
        f"{name}, the last {len(marks)} days: {words}, "
        f"trouble on {counted(bad, 'day')}, not measured on {counted(unknown, 'day')}"
    )
