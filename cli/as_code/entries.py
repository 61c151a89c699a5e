"""What stands in a file, section by section, and which stored object each entry means: that of its name, or its id."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from cli.as_code.document import Document, Problem
from cli.as_code.names import planned_id
from cli.as_code.sections import SECTIONS, Section
from cli.as_code.stored import Item, Stored


@dataclass(frozen=True)
class Entry:
    """One object of the file. `stored`: the one of the same name, or of the id it gives."""

    section: Section
    place: str
    name: str
    document: Mapping[str, Any]
    id: str
    stored: Item | None


def sections_of(document: Document, problems: list[Problem]) -> list[str]:
    """The sections that the file has. An empty one (`rules:` and nothing after it) says nothing; `rules: []` says that
    there are none. What begins with `x-` is a place for YAML's anchors."""
    known = ", ".join(SECTIONS)
    if not isinstance(document.data, dict):
        problems.append(Problem(1, f"holds nothing to apply: it has the sections {known}"))
        return []
    found = []
    for key, value in document.data.items():
        if key.startswith("x-") or (key in SECTIONS and value is None):
            continue
        if key not in SECTIONS:
            problems.append(Problem(document.line(key), f"{key!r} is not a section: they are {known}"))
        elif not isinstance(value, list):
            problems.append(Problem(document.line(key), f"{key} must be a list: one `- name: …` each"))
        else:
            found.append(key)
    if not found and not problems:
        problems.append(Problem(1, f"holds nothing to apply: it has the sections {known}"))
    return found


def entries_of(document: Document, key: str, stored: Stored, problems: list[Problem]) -> Iterator[Entry]:
    """The entries of one section that can be judged; what is wrong with the others goes to `problems`."""
    section = SECTIONS[key]
    first: dict[str, int] = {}
    for number, value in enumerate(document.data[key]):
        place = f"{key}.{number}"
        line = document.line(place)
        name = value.get("name") if isinstance(value, dict) else None
        if not isinstance(value, dict) or not isinstance(name, str):
            what = "a name, which is text" if isinstance(value, dict) else f"the fields of a {section.noun}"
            problems.append(Problem(line, f"{place}: must have {what}"))
            continue
        old, unclear = _meant(section, name, value.get("id"), stored)
        if unclear:
            at = document.line(f"{place}.id") if "id" in value else line
            problems.append(Problem(at, f"{section.noun} {name!r}: {unclear}"))
        known_by = name if old is None else old["id"]
        if known_by in first:
            problems.append(Problem(line, f"{section.noun} {name!r}: stands twice, first in line {first[known_by]}"))
            continue
        first[known_by] = line
        fields = {field: given for field, given in value.items() if field != "id"}
        yield Entry(section, place, name, fields, planned_id(section, number) if old is None else old["id"], old)


def _meant(section: Section, name: str, id_: Any, stored: Stored) -> tuple[Item | None, str]:
    """(the stored object that an entry means, what is not clear about that). With an `id`, which tells apart what has
    one name, it is that one; without, the one of its name, if there is one."""
    if id_ is not None:
        found = next((item for item in stored.items[section.key] if item["id"] == id_), None)
        return (
            found,
            "" if found else f"no {section.noun} has the id {str(id_)[:100]!r}: without an id, one is made anew",
        )
    same = stored.named(section.key, name)
    if len(same) > 1:
        ids = ", ".join(item["id"] for item in same)
        return None, f"several are stored under this name: say which by its id ({ids}), or rename or delete"
    return same[0] if same else None, ""
