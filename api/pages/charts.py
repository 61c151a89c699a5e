"""Scales and paths of charts drawn on the server: pure functions, numbers in, SVG geometry out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import floor, log10

_ROUND = (1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0)


@dataclass(frozen=True)
class Box:
    """A rectangle from (x, y), its upper left corner."""

    x: float
    y: float
    width: float
    height: float


def round_top(largest: float) -> float:
    """The round number at or above the largest value, where an axis ends; 1 when there is nothing."""
    if largest <= 0:
        return 1.0
    power = 10.0 ** floor(log10(largest))
    return next(step * power for step in _ROUND if step * power >= largest * (1 - 1e-9))


def scaled(value: float, top: float, size: float) -> float:
    """How long `value` is on an axis of `size` that ends at `top`; within it, to a tenth."""
    return round(min(max(value / top, 0.0), 1.0) * size, 1) if top > 0 else 0.0


def number(value: float) -> str:
    """A coordinate without a useless `.0`."""
    return f"{value:.1f}".removesuffix(".0")


def boxes_path(boxes: Iterable[Box]) -> str:
    """All of these as one path."""
    return "".join(
        f"M{number(box.x)} {number(box.y)}h{number(box.width)}v{number(box.height)}h{number(-box.width)}z"
        for box in boxes
        if box.width > 0 and box.height > 0
    )


def stacked(columns: Sequence[Sequence[float] | None], top: float, width: float, height: float) -> list[str]:
    """One path a layer: columns side by side, their layers one upon the other, nothing where a column is None."""
    layers = max((len(column) for column in columns if column), default=0)
    step = width / len(columns) if columns else width
    boxes: list[list[Box]] = [[] for _ in range(layers)]
    for place, column in enumerate(columns):
        total = 0.0
        for layer, value in enumerate(column or ()):
            below, total = total, total + value
            low, high = scaled(below, top, height), scaled(total, top, height)
            boxes[layer].append(Box(round(place * step, 1), height - high, round(step * 0.88, 1), high - low))
    return [boxes_path(layer) for layer in boxes]


def line_path(values: Sequence[float | None], top: float, width: float, height: float) -> str:
    """A line through the middles of columns, broken where a value is None. One alone is a short stroke."""
    step = width / len(values) if values else width
    path, joined = "", False
    for place, value in enumerate(values):
        if value is None:
            joined = False
            continue
        x, y = number((place + 0.5) * step), number(height - scaled(value, top, height))
        path += f"L{x} {y}" if joined else f"M{x} {y}h.1"
        joined = True
    return path


def span_box(from_ms: int, to_ms: int, begin_ms: int, end_ms: int, width: float, thinnest: float = 4.0) -> Box | None:
    """Where [from, to) lies on an axis of time; None when it is outside. Never too thin to be seen."""
    if to_ms <= begin_ms or from_ms >= end_ms:
        return None
    length = end_ms - begin_ms
    left = scaled(from_ms - begin_ms, length, width)
    right = scaled(to_ms - begin_ms, length, width)
    left = min(left, width - thinnest)
    return Box(left, 0.0, max(right - left, thinnest), 0.0)
