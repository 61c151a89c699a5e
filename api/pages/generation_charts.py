"""What calls of language models cost, how many there were and how long they took, over time: three rows of columns."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from api.pages.words import milliseconds
from telemetry.stored.generations import Slice

WIDTH, HEIGHT = 1_000, 90
_GAP = 2
COLOURS = 5
"""Models that have a colour of their own, the dearest; all others share one."""


@dataclass(frozen=True)
class Rect:
    css: str
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class Chart:
    """`most`: what its full height is, in words, "" where nothing is known; `label`: all of it for those who don't see
    it."""

    name: str
    most: str
    label: str
    rects: Sequence[Rect]


@dataclass(frozen=True)
class Column:
    """One step of time. `costs`: by place of the model among the dearest, COLOURS for all others."""

    calls: int = 0
    errors: int = 0
    costs: tuple[float, ...] = ()
    latency_ms: float | None = None


def columns_of(slices: Sequence[Slice], dearest: Sequence[tuple[str, str]], count: int) -> list[Column]:
    """`dearest`: (provider, model) of those with a colour, in order."""
    found = []
    for place in range(count):
        here = [each for each in slices if each.place == place]
        costs = [0.0] * (COLOURS + 1)
        for each in here:
            named = (each.provider, each.model)
            costs[dearest.index(named) if named in dearest else COLOURS] += each.cost_usd
        timed = sum(each.timed for each in here)
        found.append(
            Column(
                calls=sum(each.calls for each in here),
                errors=sum(each.errors for each in here),
                costs=tuple(costs),
                latency_ms=sum(each.latency_sum_ms for each in here) / timed if timed else None,
            )
        )
    return found


def charts(columns: Sequence[Column]) -> list[Chart]:
    """Cost by model, calls with those that failed, and how long a call took on average."""
    total = sum(sum(column.costs) for column in columns)
    calls, errors = (sum(getattr(column, name) for column in columns) for name in ("calls", "errors"))
    times = [column.latency_ms for column in columns if column.latency_ms is not None]
    models = [f"model-{place}" for place in range(COLOURS + 1)]
    return [
        _chart("Cost", dollars, f"Cost over time, {dollars(total)} in all", columns,
               lambda column: list(zip(models, column.costs, strict=True))),
        _chart("Calls", _whole, f"Calls over time, {calls} in all, {errors} failed", columns,
               lambda column: [("cell-down", float(column.errors)), ("of-all", float(column.calls - column.errors))]),
        _chart("Average latency", milliseconds,
               f"Average latency over time, up to {milliseconds(max(times))}" if times else "No latency is known",
               columns, lambda column: [("of-all", column.latency_ms or 0.0)]),
    ]  # fmt: skip


def dollars(value: float) -> str:
    """`$0.0048`, `$1.01`, `$1,204`."""
    if value == 0:
        return "$0"
    if value < 0.01:
        return f"${value:.2g}" if value >= 0.0001 else f"${value:.6f}"
    return f"${value:,.2f}" if value < 1_000 else f"${value:,.0f}"


def _whole(value: float) -> str:
    return f"{value:,.0f}"


def _chart(
    name: str,
    say: Callable[[float], str],
    label: str,
    columns: Sequence[Column],
    parts_of: Callable[[Column], list[tuple[str, float]]],
) -> Chart:
    stacks = [parts_of(column) for column in columns]
    most = max((sum(value for _, value in stack) for stack in stacks), default=0.0)
    step = WIDTH / max(len(columns), 1)
    rects = []
    for place, stack in enumerate(stacks):
        floor = float(HEIGHT)
        for css, value in stack:
            height = value / most * HEIGHT if most else 0.0
            if height > 0:
                floor -= height
                rects.append(
                    Rect(css, round(place * step, 1), round(floor, 1), round(step - _GAP, 1), round(height, 1))
                )
    return Chart(name, say(most) if most else "", label, rects)
