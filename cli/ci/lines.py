"""Results as lines for people: what passed, what did not and why, and where it can be looked at."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from rich.console import Console
from rich.text import Text

from alerts.messages.inert import inert
from cli.ci.results import JourneyResult, summary
from cli.tables import cell

_WORDS = {"success": "passed", "unknown": "not measured"}
_MARKS = {"success": "✓", "failed": "✗", "skipped": "-"}


def print_results(console: Console, results: Sequence[JourneyResult], *, steps: bool = True) -> None:
    """A line for each, and below those that did not pass their links, and their steps unless they were told before."""
    for result in results:
        console.print(headline(result), soft_wrap=True)
        for line in _details(result, steps=steps):
            console.print(Text(f"    {line}", style="dim"), soft_wrap=True)
    console.print(Text(summary(results), style="bold"))


def headline(result: JourneyResult) -> Text:
    """`■ failed  Login (us-east)  3.2 s  step 4 click …`"""
    line = Text.assemble(state(result, "not finished"), "  ", (inert(result.title), "bold"))
    if result.duration_ms is not None:
        line.append(f"  {result.duration_ms / 1000:.1f} s")
    if result.status != "success":
        line.append(f"  {inert(result.reason, 500)}")
    return line


def state(result: JourneyResult, unfinished: str | None = None) -> Text:
    """`● passed`: shape, colour and word. `unfinished`: the word in place of `queued` and `running`."""
    shown = cell(result.status)
    word = _WORDS.get(result.status, result.status) if result.ended else unfinished or result.status
    return Text(f"{str(shown).partition(' ')[0]} {word}", style=shown.style)


def on_the_way(result: JourneyResult) -> str:
    """`step 3 of 7: Pay`, while a probe walks it and says so."""
    progress = result.progress
    if result.ended or progress is None:
        return ""
    again = f"attempt {progress['attempt']}, " if progress["attempt"] > 1 else ""
    step = progress["step"]
    if step is None:
        return f"{again}{progress['ended']} of {progress['total']} steps have ended"
    return f"{again}step {step['index'] + 1} of {progress['total']}: {inert(step['name'] or step['type'], 60)}"


def step_lines(result: JourneyResult) -> list[str]:
    """`✓ 1 goto  210 ms`, `✗ 2 click  element is covered by …`"""
    return [step_line(step) for step in result.steps]


def _details(result: JourneyResult, *, steps: bool) -> Iterator[str]:
    if steps and result.status != "success":
        yield from step_lines(result)
    if result.url:
        yield f"run page    {result.url}"
    if result.status != "success":
        for artifact in result.artifacts:
            at = "" if artifact.step_index is None else f" of step {artifact.step_index + 1}"
            yield f"{artifact.type}{at}  {artifact.where}"


def step_line(step: Any) -> str:
    name = inert(step.get("name") or step["type"], 100)
    line = f"{_MARKS.get(step['status'], '?')} {step['index'] + 1} {name}"
    if step["status"] == "failed":
        return f"{line}  {inert(step.get('error') or '', 500)}"
    return line if step.get("duration_ms") is None else f"{line}  {step['duration_ms']:.0f} ms"
