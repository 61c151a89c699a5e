"""How a stretch of runs looks in a row of cells: passing is quiet and low, trouble is tall, and as much of the top is
hatched as was not measured. Pure."""

from __future__ import annotations

PARTLY = 0.01
"""A smaller share than this left unmeasured (a restart) is not hatched; figures beside it name it all the same."""
_THINNEST = 4


def state_of(planned: bool, measured: int, failed: int, grave: float = 0.5) -> str | None:
    """Its css class; None where nothing was due. `grave`: the share of failures above which it is down."""
    if failed:
        return "down" if failed > grave * measured else "degraded"
    if not planned:
        return None
    return "up" if measured else "unknown"


def hatched(css: str, missing: float, height: int) -> int:
    """How much of the top of a cell of this height is hatched: the share of its runs that was not measured, and never
    too thin to be seen. What failed is never covered."""
    if css != "up" or missing < PARTLY:
        return 0
    return min(max(round(missing * height), _THINNEST), height - _THINNEST)
