"""What stands in a file, section by section, and which stored object each entry means: the one of its name."""

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
    """One object of the file. `stored`: the one of the same name."""

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
        same = stored.named(key, name)
        if name in first:
            problems.append(Problem(line, f"{section.noun} {name!r}: stands twice, first in line {first[name]}"))
        elif len(same) > 1:
            ids = ", ".join(item["id"] for item in same)
            said = f"several are stored under this name ({ids}), so it is not clear which is meant: rename or delete"
            problems.append(Problem(line, f"{section.noun} {name!r}: {said}"))
        else:
            yield Entry(
                section, place, name, value, same[0]["id"] if same else planned_id(section, number),
                same[0] if same else None,
            )  # fmt: skip
        first.setdefault(name, line)
