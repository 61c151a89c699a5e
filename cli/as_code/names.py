"""Names in a file, ids in the API: `depends_on`, `apply_to` and `channels` may say either."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from cli.as_code.sections import SECTIONS, Section
from cli.as_code.stored import Stored
from model.ids import looks_like_id


def planned_id(section: Section, number: int) -> str:
    """Stands for an object that is yet to be made; of the form of an id, but of a time before there were any."""
    return f"{section.id_prefix}_{'0' * 10}{number:012d}"


class Names:
    """`planned`: what a file will make, {section: {name: planned id}}. `gone`: ids that the plan deletes."""

    def __init__(
        self, stored: Stored, planned: Mapping[str, Mapping[str, str]] | None = None, gone: Collection[str] = ()
    ) -> None:
        self._gone = gone
        self._ids: dict[str, dict[str, list[str]]] = {key: {} for key in SECTIONS}
        self._names: dict[str, str] = {}
        for key, items in stored.items.items():
            for item in items:
                self._add(key, item["name"], item["id"])
        for key, ids in (planned or {}).items():
            for name, id_ in ids.items():
                self._add(key, name, id_)

    def _add(self, section: str, name: str, id_: str) -> None:
        self._ids[section].setdefault(name, []).append(id_)
        self._names[id_] = name

    def shown(self, id_: str) -> str:
        """The name behind an id, for people; the id itself of what is not known."""
        return self._names.get(id_, id_)

    def name_for_file(self, sections: Sequence[str], id_: str) -> str:
        """The name that leads back to this id and to nothing else, or the id where there is none."""
        name = self._names.get(id_)
        if name is None or _is_id(sections, name) or self._candidates(sections, name) != [id_]:
            return id_
        return name

    def with_ids(self, section: Section, document: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
        """(the document with ids in place of names, what is wrong with those that could not be found, by path)."""
        whole, problems = dict(document), {}
        for path, sections in section.references.items():
            holder, _, field = path.rpartition(".")
            inner = whole.get(holder) if holder else whole
            texts = inner.get(field) if isinstance(inner, Mapping) else None
            if not isinstance(texts, list):
                continue  # absent, or refused by whoever judges the document
            ids: list[Any] = []
            for place, text in enumerate(texts):
                found, problem = self._find(sections, text)
                ids.append(found)
                if problem:
                    problems[f"{path}.{place}"] = problem
            if holder:
                whole[holder] = {**whole[holder], field: ids}
            else:
                whole[field] = ids
        return whole, problems

    def _find(self, sections: Sequence[str], text: Any) -> tuple[Any, str | None]:
        if not isinstance(text, str):
            return text, None
        noun = " or ".join(SECTIONS[key].noun for key in sections)
        if _is_id(sections, text):
            if text in self._gone:
                return text, self._deleted(text)
            return text, None if text in self._names else f"there is no {noun} {text}"
        found = self._candidates(sections, text)
        left = [id_ for id_ in found if id_ not in self._gone]
        if len(left) == 1:
            return left[0], None
        if left:
            return text, f"several are called {text!r}, so name the {noun} by its id: {', '.join(left)}"
        return text, self._deleted(found[0]) if found else f"there is no {noun} called {text!r}, here or stored"

    def _candidates(self, sections: Sequence[str], name: str) -> list[str]:
        return [id_ for key in sections for id_ in self._ids[key].get(name, ())]

    def _deleted(self, id_: str) -> str:
        return f"{self.shown(id_)!r} is not in the file, so --prune deletes it"


def _is_id(sections: Sequence[str], text: str) -> bool:
    return any(looks_like_id(text, SECTIONS[key].id_prefix) for key in sections)
