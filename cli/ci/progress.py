"""How far the journeys are, while somebody waits: a live table on a terminal, else a line for each change."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from alerts.messages.inert import inert
from cli.ci.lines import on_the_way, state
from cli.ci.results import JourneyResult


def shown(console: Console, looks: Iterable[Sequence[JourneyResult]]) -> Sequence[JourneyResult]:
    """Shows each look as it comes; gives back the last. Nothing at all when there was none."""
    return _live(console, looks) if console.is_terminal else _plain(console, looks)


def _live(console: Console, looks: Iterable[Sequence[JourneyResult]]) -> Sequence[JourneyResult]:
    last: Sequence[JourneyResult] = ()
    with Live(console=console, transient=True) as live:
        for last in looks:
            live.update(_table(last, most=max(3, console.height - 3)), refresh=True)
    return last


def _table(results: Sequence[JourneyResult], most: int) -> Table:
    """What still runs stands first; of very many only the beginning."""
    table = Table(box=None, show_header=False, pad_edge=False)
    rows = sorted(results, key=lambda result: result.ended)
    for result in rows[:most]:
        so_far = on_the_way(result) if result.duration_ms is None else f"{result.duration_ms / 1000:.1f} s"
        table.add_row(state(result), inert(result.name), inert(result.location), so_far)
    ended = sum(result.ended for result in results)
    table.add_row(Text(f"{ended} of {len(results)} have ended", style="dim"))
    return table


def _plain(console: Console, looks: Iterable[Sequence[JourneyResult]]) -> Sequence[JourneyResult]:
    last: Sequence[JourneyResult] = ()
    told: dict[str, str] = {}
    for last in looks:
        for result in last:
            key = result.run_id or result.title
            if told.get(key, "queued") != result.status:
                console.print(Text.assemble(state(result), f"  {inert(result.title)}"), soft_wrap=True)
            told[key] = result.status
    return last
