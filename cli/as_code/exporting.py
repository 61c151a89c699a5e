"""What is stored as a file that `tracer apply` would change nothing by: defaults left out, names in place of ids."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from cli.as_code.names import Names
from cli.as_code.sections import SECTIONS, Section
from cli.as_code.stored import Item, Stored
from model.references import literal

_SET_FOR_A_WHILE = "muted_until"
_HEAD = """\
# Written by `tracer export`; `tracer apply` takes it. A field left out has its default.
# ******** keeps the secret that is stored; to set it, write ${NAME} and give NAME in the environment.
"""


class _Dumper(yaml.SafeDumper):
    """Long texts as blocks, entries of lists indented."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: ARG002 - as PyYAML has it
        super().increase_indent(flow, indentless=False)

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - as PyYAML has it
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.Node:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _text)


def exported(stored: Stored) -> str:
    """By name in each section, so that the same things make the same file."""
    names = Names(stored)
    document = {
        key: [
            _entry(SECTIONS[key], item, names, with_id=len(stored.named(key, item["name"])) > 1)
            for item in sorted(stored.items[key], key=_by_name)
        ]
        for key in SECTIONS
        if stored.items[key]
    }
    if not document:
        return f"{_HEAD}{{}}\n"
    body = yaml.dump(document, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=110)
    return _HEAD + body


def doubles(stored: Stored) -> Iterator[str]:
    """Names that stand for several objects: the file tells these apart by ids, which only this Tracer knows."""
    for key in SECTIONS:
        counts = Counter(item["name"] for item in stored.items[key])
        for name, count in counts.items():
            if count > 1:
                yield (
                    f"{count} {key} are called {name!r}: the file tells them apart by their ids, which another Tracer "
                    "does not know; rename all but one to do without"
                )


def _by_name(item: Item) -> tuple[str, str, str]:
    return item["name"].casefold(), item["name"], item["id"]


def _entry(section: Section, item: Item, names: Names, *, with_id: bool) -> dict[str, Any]:
    defaults = section.defaults(item)
    entry: dict[str, Any] = {"name": item["name"]}
    if with_id:
        entry["id"] = item["id"]
    for field, value in item.items():
        if field in section.read_only or field in ("name", _SET_FOR_A_WHILE) or (field == "locations" and not value):
            continue
        shown = _without_defaults(value, defaults.get(field))
        if field == "steps":  # what a step does not say is null there, and nothing else is
            shown = [{name: item for name, item in step.items() if item is not None} for step in value]
        if shown is not None and (field not in defaults or value != defaults[field]):
            entry[field] = shown
    for path, sections in section.references.items():
        holder, _, field = path.rpartition(".")
        inner = entry.get(holder, {}) if holder else entry
        if field in inner:
            inner[field] = [names.name_for_file(sections, id_) for id_ in inner[field]]
    return {field: literal(value) for field, value in entry.items()}


def _without_defaults(value: Any, default: Any) -> Any:
    """Of an object with defaults of its own, what differs from them."""
    if isinstance(value, Mapping) and isinstance(default, Mapping):
        return {key: item for key, item in value.items() if key not in default or item != default[key]}
    return value
