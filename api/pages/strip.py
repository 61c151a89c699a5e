"""How a check fared lately, in a row of cells: tall where it failed, low where it passed, hatched where not measured.

The stretch of time is as long as the entries given need: of a check that runs every second, minutes; of one that runs
every hour, half a day. A cell in which nothing was due stays empty.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from api.pages.cells import hatched
from api.pages.words import counted, duration
from model.outcome import RunStatus, Trigger
from store.runs import Entry
from store.tables import Gap

MOST_CELLS = 36
_FEWEST_CELLS = 12  # few runs stand at the right, where now is, and are no wider for being few
WIDTH, HEIGHT = 1_000, 40
_FILLED = 0.8
_HEIGHTS = {"up": 22, "degraded": 31, "down": 40, "unknown": 40}


@dataclass(frozen=True)
class Cell:
    x: float
    width: float
    y: int
    height: int
    css: str


@dataclass(frozen=True)
class Strip:
    """`label` says the same in words."""

    cells: Sequence[Cell]
    label: str


@dataclass
class _Counted:
    passed: int = 0
    slow: int = 0
    failed: int = 0
    unmeasured: int = 0

    @property
    def css(self) -> str | None:
        if self.failed:
            return "down" if 2 * self.failed > self.passed + self.failed else "degraded"
        if self.passed:
            return "degraded" if self.slow else "up"
        return "unknown" if self.unmeasured else None

    @property
    def missing(self) -> float:
        known = self.passed + self.failed
        return self.unmeasured / (known + self.unmeasured) if known else 0.0


def strip(entries: Sequence[Entry], end_ms: int) -> Strip | None:
    """`entries`: runs and gaps of one check that were due before `end_ms`; by-hand runs are left out. None without
    any."""
    shown = [entry for entry in entries if isinstance(entry, Gap) or entry.trigger == Trigger.SCHEDULE]
    if not shown:
        return None
    begin_ms = min(entry.from_ms if isinstance(entry, Gap) else entry.at_ms for entry in shown)
    span_ms = max(1, end_ms - begin_ms)
    number = _cells_for(shown)
    sums = [_Counted() for _ in range(number)]
    for entry in shown:
        for place in _places(entry, begin_ms, span_ms, number):
            _count(sums[place], entry)
    width = WIDTH / max(number, _FEWEST_CELLS)
    left = WIDTH - number * width
    cells: list[Cell] = []
    for place, summed in enumerate(sums):
        css = summed.css
        if css is None:
            continue
        x, wide, tall = round(left + place * width, 1), round(width * _FILLED, 1), _HEIGHTS[css]
        cells.append(Cell(x, wide, HEIGHT - tall, tall, css))
        hole = hatched(css, summed.missing, tall)
        if hole:
            cells.append(Cell(x, wide, HEIGHT - tall, hole, "unknown"))
    return Strip(cells, _label(shown, span_ms))


def _cells_for(entries: Sequence[Entry]) -> int:
    """No more cells than there were due times, or passes of a rare check would stand between gaps that are none."""
    if any(isinstance(entry, Gap) for entry in entries):
        return MOST_CELLS
    return max(1, min(MOST_CELLS, len({entry.at_ms for entry in entries if not isinstance(entry, Gap)})))


def _places(entry: Entry, begin_ms: int, span_ms: int, number: int) -> Iterable[int]:
    def place(at_ms: int) -> int:
        return max(0, min(number - 1, (at_ms - begin_ms) * number // span_ms))

    if isinstance(entry, Gap):
        return range(place(entry.from_ms), place(entry.to_ms) + 1)
    return (place(entry.at_ms),)


def _count(summed: _Counted, entry: Entry) -> None:
    match entry.status:
        case RunStatus.SUCCESS:
            summed.passed += 1
            summed.slow += not isinstance(entry, Gap) and entry.degraded
        case RunStatus.FAILED:
            summed.failed += 1
        case RunStatus.MISSED | RunStatus.UNKNOWN:
            summed.unmeasured += 1


def _label(entries: Sequence[Entry], span_ms: int) -> str:
    failed = sum(entry.status == RunStatus.FAILED for entry in entries)
    passed = sum(entry.status == RunStatus.SUCCESS for entry in entries)
    unmeasured = sum(
        entry.slots if isinstance(entry, Gap) else entry.status in (RunStatus.MISSED, RunStatus.UNKNOWN)
        for entry in entries
    )
    kinds = ((failed, "failed"), (passed, "passed"), (unmeasured, "not measured"))
    parts = [counted(failed + passed + unmeasured, "run"), *(f"{number} {kind}" for number, kind in kinds if number)]
    return f"The last {duration(span_ms)}: of {', '.join(parts)}"
