"""How `tracer check` shows one answer: phases as a waterfall in fixed colours, then the assertions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from model.outcome import Outcome, RunStatus
from model.phases import NAMES, phases
from model.verdict import wished

_WIDTH = 48
_COLOURS = dict(zip(NAMES, ("medium_purple", "dodger_blue2", "cyan", "dark_orange", "grey62"), strict=True))
_STATES = {
    RunStatus.SUCCESS: ("● up", "bold green"),
    RunStatus.FAILED: ("■ down", "bold red"),
    RunStatus.UNKNOWN: ("◌ not measured", "bold yellow"),
}


def print_outcome(target: str, outcome: Outcome, console: Console | None = None) -> None:
    """Say it first in words, then draw the phases, then list what was asserted."""
    console = console or Console()
    word, style = _STATES.get(outcome.status, (outcome.status.value, "bold"))
    headline = Text.assemble((word, style), "  ", (target, "bold"))
    if outcome.duration_ms is not None:
        headline.append(f"  {outcome.duration_ms:.1f} ms")
    console.print(headline)
    if outcome.error is not None:
        console.print(Text(outcome.error.message, style="red"))
    for line in _journey(outcome):
        console.print(line, soft_wrap=True)
    for fact in _facts(outcome):
        console.print(Text(fact, style="dim"))
    console.print(_waterfall(outcome))
    for assertion in outcome.assertions:
        mark, colour = ("✓", "green") if assertion.passed else ("✗", "red")
        subject = " ".join(part for part in (assertion.type, assertion.name or assertion.path) if part)
        expected = wished(assertion.type, assertion.operator, assertion.expected)
        line = Text.assemble((mark, colour), f" {subject} {assertion.operator} {expected!r}")
        if not assertion.passed:
            was = "nothing to judge" if assertion.actual is None else f"was {assertion.actual!r}"
            line.append(f"  ({was})", style="red")
        console.print(line)


def _journey(outcome: Outcome) -> list[Text]:
    """Where redirects led, one line each, and where that ended; a URL stays whole, so that it can be copied."""
    followed = redirects_of(outcome)
    if not followed:
        return []
    steps = [Text.assemble((str(hop["status_code"]), "yellow"), (f" → {hop['location']}", "dim")) for hop in followed]
    times = "1 redirect" if len(steps) == 1 else f"{len(steps)} redirects"
    return [*steps, Text.assemble((f"{times}, final URL ", "dim"), followed[-1]["location"])]


def redirects_of(outcome: Outcome) -> Sequence[Mapping[str, Any]]:
    """Those that were followed, in their order: {status_code, location, duration_ms}."""
    followed: Sequence[Mapping[str, Any]] = (outcome.response or {}).get("redirects", ())
    return followed


def _facts(outcome: Outcome) -> list[str]:
    response = outcome.response or {}
    first = " · ".join(
        text
        for text in (
            f"HTTP/{response['http_version']} {response.get('status_code')}" if response.get("http_version") else "",
            f"from {response['remote_ip']}" if response.get("remote_ip") else "",
            f"{response['bytes']} bytes" if response.get("bytes") is not None else "",
        )
        if text
    )
    records = response.get("records")
    return [line for line in (first, "\n".join(records) if isinstance(records, (list, tuple)) else "") if line]


def _waterfall(outcome: Outcome) -> Table:
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(width=9)
    table.add_column(width=_WIDTH)
    table.add_column(justify="right")
    found = list(phases(outcome.metrics))
    total = sum(value for _, value in found) or 1.0
    start = 0.0
    for name, value in found:
        offset = min(_WIDTH - 1, int(start / total * _WIDTH))
        length = max(1, min(_WIDTH - offset, round(value / total * _WIDTH)))
        table.add_row(name, Text(" " * offset + "█" * length, style=_COLOURS[name]), f"{value:.1f} ms")
        start += value
    return table
