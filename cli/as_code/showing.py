"""A plan as people read it: one line for each thing that would be made, changed or deleted, and what is left as it is
in one line."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from rich.console import Console
from rich.text import Text

from alerts.messages.inert import inert
from cli.as_code.differing import ABSENT, Difference
from cli.as_code.names import Names
from cli.as_code.plan import Action, Plan, Step

_MOST_NAMES = 20
_MOST_CHARACTERS = 60
_MARKS: dict[Action, tuple[str, str, str]] = {
    "create": ("+", "green", "is new"),
    "change": ("~", "yellow", ""),
    "compare": ("?", "yellow", ""),
    "delete": ("-", "bold red", "is deleted"),
}


def print_plan(console: Console, plan: Plan, nobody_told: Sequence[Step]) -> None:
    """`nobody_told`: the checks to be named as such."""
    for step in plan.of("create", "change", "compare", "delete"):
        console.print(_line(step, plan.names), soft_wrap=True)
    same = plan.of("keep")
    if same:
        console.print(Text(f"= {len(same)} unchanged: {_names(same)}", style="dim"), soft_wrap=True)
    console.print(Text(f"Plan: {', '.join(_counts(plan))}", style="bold"))
    if nobody_told:
        one = len(nobody_told) == 1
        when, them = ("when this fails", "it") if one else ("when these fail", "them")
        said = f"note: nobody is told {when}, no rule with a channel covers {them}: {_names(nobody_told)}"
        console.print(Text(said, style="yellow"), soft_wrap=True)


def _counts(plan: Plan) -> Iterator[str]:
    yield f"{len(plan.of('create'))} to create"
    yield f"{len(plan.of('change'))} to change"
    if plan.of("compare"):
        yield f"{len(plan.of('compare'))} to compare"
    yield f"{len(plan.of('keep'))} unchanged"
    yield f"{len(plan.of('delete'))} to delete"


def _line(step: Step, names: Names) -> Text:
    mark, style, said = _MARKS[step.action]
    line = Text.assemble((f"{mark} {step.section.noun}", style), " ", (inert(step.name), "bold"))
    details = [said] if said else [_shown(each, names) for each in step.differences]
    if step.secrets and step.action in ("change", "compare"):
        details.append(f"{', '.join(step.secrets)}: given here, and stored if it is new")
    return line.append(f": {'; '.join(details)}" if not said else f" {said}")


def _shown(difference: Difference, names: Names) -> str:
    path = inert(difference.path)
    if difference.new is ABSENT:
        return f"{path} goes"
    if difference.hidden:
        return f"{path} (from the environment)"
    old, new = (_value(each, names) for each in (difference.old, difference.new))
    if difference.old is ABSENT:
        return f"{path} {new} is new"
    return f"{path} {old} → {new}" if old != new else f"{path} changes"


def _value(value: Any, names: Names) -> str:
    if value is None:
        return "none"
    if isinstance(value, str):
        shown = inert(names.shown(value), _MOST_CHARACTERS)
        return shown if shown and " " not in shown else f'"{shown}"'
    if isinstance(value, list | tuple) and all(isinstance(item, str) for item in value):
        shown = ", ".join(inert(names.shown(item), _MOST_CHARACTERS) for item in value)
        return f"[{shown}]" if len(shown) <= _MOST_CHARACTERS else f"{len(value)} entries"
    if isinstance(value, list | tuple):
        return f"{len(value)} {'entry' if len(value) == 1 else 'entries'}"
    return inert("absent" if value is ABSENT else json.dumps(value, ensure_ascii=False), _MOST_CHARACTERS)


def _names(steps: Sequence[Step]) -> str:
    named = ", ".join(inert(step.name, _MOST_CHARACTERS) for step in steps[:_MOST_NAMES])
    more = len(steps) - _MOST_NAMES
    return f"{named} and {more} more" if more > 0 else named
