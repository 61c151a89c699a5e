"""What a file would make of what is stored: everything that would happen, before anything does. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from graphlib import CycleError, TopologicalSorter
from typing import Any, Literal

from api.errors import Invalid
from cli.as_code.differing import Difference, differences
from cli.as_code.document import Document, InvalidFileError, Problem
from cli.as_code.entries import Entry, entries_of, sections_of
from cli.as_code.names import Names
from cli.as_code.sections import CHECKS, SECTIONS, Judged, Section
from cli.as_code.stored import Item, Stored

Action = Literal["create", "change", "compare", "keep", "delete"]
_ORDER = {"channels": 0, **dict.fromkeys(CHECKS, 1), "rules": 2}
"""What is named is made before what names it, and deleted after."""


@dataclass(frozen=True)
class Step:
    """One object and what happens to it. `compare`: nothing readable differs, but the file gives `secrets`, which can't
    be read back: they are sent, and the API knows whether they are new. `place`: path in the file, "" of what is only
    stored. `body`: what is sent. `after`: the object as it will be, masked."""

    section: Section
    action: Action
    id: str
    name: str
    place: str = ""
    stored: Item | None = None
    body: Mapping[str, Any] | None = None
    after: Item | None = None
    differences: tuple[Difference, ...] = ()
    secrets: tuple[str, ...] = ()


@dataclass(frozen=True)
class Plan:
    """`steps` in the order they are carried out. `left`: stored objects that the file says nothing of."""

    document: Document
    steps: Sequence[Step]
    left: Sequence[Step]
    names: Names

    def of(self, *actions: Action) -> list[Step]:
        """The steps with one of these actions."""
        return [step for step in self.steps if step.action in actions]


def plan_of(document: Document, stored: Stored, *, prune: bool) -> Plan:
    """Raises InvalidFileError with everything that is wrong with the file, also what only the store shows."""
    problems: list[Problem] = []
    sections = sections_of(document, problems)
    entries = [entry for key in sections for entry in entries_of(document, key, stored, problems)]
    named = {entry.id for entry in entries}
    rest = [
        Step(section, "delete" if prune and key in sections else "keep", item["id"], item["name"], stored=item)
        for key, section in SECTIONS.items()
        for item in stored.items[key]
        if item["id"] not in named
    ]
    gone = {step.id for step in rest if step.action == "delete"}
    planned: dict[str, dict[str, str]] = {key: {} for key in SECTIONS}
    for entry in entries:
        if entry.stored is None:
            planned[entry.section.key][entry.name] = entry.id
    names = Names(stored, planned, gone)
    steps = []
    for entry in entries:
        try:
            steps.append(_step(entry, document, names, stored.default_locations))
        except Invalid as error:
            problems += _said(document, entry, error.fields or {"": [error.message]})
    left = [replace(step, after=step.stored) for step in rest if step.action == "keep"]
    if not problems:
        steps = _in_order(document, steps, left, problems)
    if problems:
        raise InvalidFileError(problems)
    deletions = sorted((step for step in rest if step.id in gone), key=lambda step: -_ORDER[step.section.key])
    return Plan(document, [*steps, *deletions], left, names)


def _step(entry: Entry, document: Document, names: Names, default_locations: Sequence[str]) -> Step:
    """Raises Invalid."""
    section, old = entry.section, entry.stored
    whole, unknown = names.with_ids(section, entry.document)
    try:
        judged = section.judge(whole, default_locations, old or {})
    except Invalid as error:
        # Of a name that was not found the judge says only that it is no id.
        raise Invalid({**(error.fields or {"": [error.message]}), **_listed(unknown)}) from None
    if unknown:
        raise Invalid(_listed(unknown))
    made = Step(section, "create", entry.id, entry.name, entry.place, body=whole, after=judged.public)
    if old is None:
        return replace(made, secrets=judged.secrets)
    if "type" in old and judged.public.get("type", old["type"]) != old["type"]:
        said = f"can't be changed from {old['type']}: use another name, or delete the {section.noun} that is stored"
        raise Invalid({"type": [said]})
    found = differences(section, judged.public, old, given=entry.document)
    sent = [difference.field for difference in found] + [path.partition(".")[0] for path in judged.secrets]
    kept = {name: old[name] for name in section.momentary if name not in entry.document and name in old}
    return replace(
        made,
        action="change" if found else "compare" if judged.secrets else "keep",
        stored=old,
        body={name: judged.whole[name] for name in dict.fromkeys(sent)},
        after={**old, **judged.public, **kept},
        differences=tuple(
            replace(difference, hidden=document.holds_environment(f"{entry.place}.{difference.path}"))
            for difference in found
        ),
        secrets=_new_or_kept(judged, found),
    )


def _new_or_kept(judged: Judged, found: Sequence[Difference]) -> tuple[str, ...]:
    """The secrets that the differences do not name already."""
    named = {difference.path for difference in found}
    return tuple(path for path in judged.secrets if path not in named)


def _listed(problems: Mapping[str, str]) -> dict[str, list[str]]:
    return {path: [said] for path, said in problems.items()}


def _said(document: Document, entry: Entry, fields: Mapping[str, Sequence[str]]) -> Iterator[Problem]:
    for path, messages in fields.items():
        whose = f"{entry.section.noun} {entry.name!r}"
        line = document.line(f"{entry.place}.{path}" if path else entry.place)
        yield Problem(line, ": ".join(part for part in (whose, path, "; ".join(messages)) if part))


def _in_order(document: Document, steps: list[Step], left: Sequence[Step], problems: list[Problem]) -> list[Step]:
    """Channels, checks (each after those it depends on), rules."""
    checks = {step.id: step for step in [*steps, *left] if step.section.key in CHECKS}
    graph = {id_: [each for each in _parents(step) if each in checks] for id_, step in checks.items()}
    try:
        ranks = {id_: rank for rank, id_ in enumerate(TopologicalSorter(graph).static_order())}
    except CycleError as error:
        circle = [checks[id_] for id_ in error.args[1]]
        place = next((step.place for step in circle if step.place), "")
        shown = " → ".join(step.name for step in reversed(circle))
        problems.append(Problem(document.line(f"{place}.depends_on"), f"depends_on goes in a circle: {shown}"))
        return steps
    return sorted(steps, key=lambda step: (_ORDER[step.section.key], ranks.get(step.id, 0)))


def _parents(step: Step) -> Sequence[str]:
    return (step.after or {}).get("depends_on") or ()
