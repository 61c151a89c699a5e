"""A YAML file as plain values that remember their lines, so that whatever is wrong with one can name where it stands.

`${NAME}` in a text is taken from the environment; `$${NAME}` is the text `${NAME}` itself.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import yaml

from model.fields import printable
from model.references import REFERENCE

try:
    from yaml import CSafeLoader as _SafeLoader  # ten times as fast, where PyYAML was built with libyaml
except ImportError:
    from yaml import SafeLoader as _SafeLoader  # type: ignore[assignment]

MOST_BYTES = 10_000_000
MOST_VALUES = 200_000
"""Aliases of aliases would otherwise make a small file fill the memory."""
MOST_LEVELS = 60
"""More than any request may have; and a value that holds itself has no end of them."""
_TIME = "tag:yaml.org,2002:timestamp"
_MERGE = "tag:yaml.org,2002:merge"
_TEXT = "tag:yaml.org,2002:str"


class Problem(NamedTuple):
    """`line` counts from 1."""

    line: int
    text: str


class InvalidFileError(Exception):
    """A file that can't be used, with everything that is wrong with it."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = sorted(set(problems))
        super().__init__("; ".join(f"line {line}: {text}" for line, text in self.problems))


@dataclass(frozen=True)
class Document:
    """`lines`: of each value by its path (`monitors.0.url`). `from_environment`: paths whose text was completed with
    values that may be secret."""

    name: str
    data: Any
    lines: Mapping[str, int] = field(default_factory=dict)
    from_environment: frozenset[str] = frozenset()

    def line(self, path: str) -> int:
        """Of the value at this path, or of the nearest one around it."""
        while path not in self.lines and "." in path:
            path = path.rpartition(".")[0]
        return self.lines.get(path, 1)

    def holds_environment(self, path: str) -> bool:
        """Whether anything at or within this path came from the environment."""
        return any(each == path or each.startswith(f"{path}.") for each in self.from_environment)


class _Loader(_SafeLoader):
    """Times stay the text that was written: the API reads them itself."""

    yaml_implicit_resolvers = {  # noqa: RUF012 - as PyYAML declares it
        first: [(tag, pattern) for tag, pattern in resolvers if tag != _TIME]
        for first, resolvers in _SafeLoader.yaml_implicit_resolvers.items()
    }


def read_document(name: str, text: str, environ: Mapping[str, str]) -> Document:
    """Raises InvalidFileError: no YAML, keys that stand twice, values JSON has no word for, missing variables."""
    if len(text) > MOST_BYTES:
        raise InvalidFileError([Problem(1, f"is larger than {MOST_BYTES // 1_000_000} MB")])
    try:
        _refuse(_too_deep(text))
        loader = _Loader(text)
        root = loader.get_single_node()
        if root is None:
            return Document(name, None)
        _refuse(_bad_keys(root, set()))
        data = loader.construct_document(root)
        lines = dict(_lines(root))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        said = error.problem or error.context or "can't be read"
        raise InvalidFileError([Problem(line, f"is not YAML: {said}{_hint(text, line)}")]) from None
    except yaml.YAMLError as error:
        raise InvalidFileError([Problem(1, f"is not YAML: {str(error).splitlines()[0]}")]) from None
    except ValueError as error:  # such as a number of 5,000 digits
        raise InvalidFileError([Problem(1, f"can't be read: {str(error).partition(':')[0]}")]) from None
    document = Document(name, data, lines)
    _refuse(_unsayable(document))
    return _completed(document, environ)


def _refuse(problems: Iterable[Problem]) -> None:
    found = list(problems)
    if found:
        raise InvalidFileError(found)


def _hint(text: str, line: int) -> str:
    """What it mostly is."""
    lines = text.splitlines()
    bare = line <= len(lines) and "${" in lines[line - 1]
    return "; between braces or brackets, ${NAME} needs quotes" if bare else ""


def _too_deep(text: str) -> Iterator[Problem]:
    """Looked for first and without recursion: libyaml's own would end the process."""
    level = 0
    for event in yaml.parse(text, Loader=_Loader):
        level += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if level > MOST_LEVELS:
            line = event.start_mark.line + 1 if event.start_mark else 1
            yield Problem(line, f"is nested deeper than {MOST_LEVELS} levels")
            return


def _bad_keys(node: yaml.Node, seen: set[int]) -> Iterator[Problem]:
    """Keys that stand twice (YAML would silently take the last) and keys that are no text."""
    if id(node) in seen:
        return
    seen.add(id(node))
    if isinstance(node, yaml.SequenceNode):
        for item in node.value:
            yield from _bad_keys(item, seen)
    if isinstance(node, yaml.MappingNode):
        first: dict[str, int] = {}
        for key, value in node.value:
            line = key.start_mark.line + 1
            if key.tag not in (_TEXT, _MERGE):
                shown = key.value if isinstance(key, yaml.ScalarNode) else "of several values"
                yield Problem(line, f"the key {shown} is no text: put it in quotes")
            elif key.tag == _TEXT and key.value in first:
                yield Problem(line, f"the key {key.value!r} stands twice, first in line {first[key.value]}")
            else:
                first[str(key.value)] = line
            yield from _bad_keys(value, seen)


def _lines(root: yaml.Node) -> Iterator[tuple[str, int]]:
    """Path and line of every value, after merges (`<<`) were resolved. Raises InvalidFileError for too many."""
    waiting: list[tuple[str, yaml.Node, int, int]] = [("", root, root.start_mark.line + 1, 0)]
    count = 0
    while waiting:
        path, node, line, level = waiting.pop()
        count += 1
        if count > MOST_VALUES:
            raise InvalidFileError([Problem(line, f"holds more than {MOST_VALUES} values")])
        if level > MOST_LEVELS:
            raise InvalidFileError([Problem(line, f"is nested deeper than {MOST_LEVELS} levels, or holds itself")])
        yield path, line
        inside = f"{path}." if path else ""
        if isinstance(node, yaml.MappingNode):
            inner = [(key.value, value, key.start_mark.line + 1) for key, value in node.value]
        elif isinstance(node, yaml.SequenceNode):
            inner = [(place, item, item.start_mark.line + 1) for place, item in enumerate(node.value)]
        else:
            continue
        waiting += ((f"{inside}{key}", value, line, level + 1) for key, value, line in inner)


def _unsayable(document: Document) -> Iterator[Problem]:
    """Values that JSON has no word for, and texts that no store holds."""
    for path, value in _leaves("", document.data):
        if isinstance(value, float) and not math.isfinite(value):
            yield Problem(document.line(path), f"{path}: must be a finite number")
        elif isinstance(value, str):
            try:
                printable(value)
            except ValueError as error:
                yield Problem(document.line(path), f"{path}: {error}")
        elif value is not None and not isinstance(value, bool | int | float | dict | list):
            yield Problem(document.line(path), f"{path}: holds a {type(value).__name__}, which JSON has no word for")


def _leaves(path: str, value: Any) -> Iterator[tuple[str, Any]]:
    inside = f"{path}." if path else ""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _leaves(f"{inside}{key}", item)
    elif isinstance(value, list):
        for place, item in enumerate(value):
            yield from _leaves(f"{inside}{place}", item)
    else:
        yield path, value


def _completed(document: Document, environ: Mapping[str, str]) -> Document:
    used: set[str] = set()
    missing: list[Problem] = []

    def complete(path: str, value: Any) -> Any:
        inside = f"{path}." if path else ""
        if isinstance(value, dict):
            return {key: complete(f"{inside}{key}", item) for key, item in value.items()}
        if isinstance(value, list):
            return [complete(f"{inside}{place}", item) for place, item in enumerate(value)]
        if not isinstance(value, str):
            return value

        def replace(found: re.Match[str]) -> str:
            if found[1]:
                return found[0][1:]
            if found[2] not in environ:
                missing.append(Problem(document.line(path), f"{path}: the environment has no {found[2]}"))
                return ""
            used.add(path)
            return environ[found[2]]

        return REFERENCE.sub(replace, value)

    data = complete("", document.data)
    _refuse(missing)
    return Document(document.name, data, document.lines, frozenset(used))
