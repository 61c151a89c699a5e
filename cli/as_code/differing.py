"""In which fields an object of a file differs from the stored one of its name. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from cli.as_code.sections import Section


class _Absent:
    """Of a difference: that side has nothing there."""


ABSENT: Final = _Absent()


@dataclass(frozen=True)
class Difference:
    """`field` is the top-level field that is sent; `path` leads to the value inside it that differs. `hidden`: the new
    value holds something from the environment, and is not shown."""

    field: str
    path: str
    old: Any
    new: Any
    hidden: bool = False


def differences(
    section: Section, wanted: Mapping[str, Any], stored: Mapping[str, Any], *, given: Mapping[str, Any]
) -> list[Difference]:
    """`wanted` and `stored` are masked, so equal secrets and different ones look alike here. A field that the file
    leaves out has its default there, save the momentary ones: those are left as they are. So is one that the API does
    not know yet."""
    found: list[Difference] = []
    for field, new in wanted.items():
        known = field in stored
        if field in given or (known and field not in section.momentary):
            found += _within(field, field, stored.get(field, ABSENT), new)
    return found


def _within(field: str, path: str, old: Any, new: Any) -> Iterator[Difference]:
    """Objects are taken apart, lists are compared whole."""
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for key in dict.fromkeys((*old, *new)):
            yield from _within(field, f"{path}.{key}", old.get(key, ABSENT), new.get(key, ABSENT))
    elif old is ABSENT or new is ABSENT or not _same(old, new):
        yield Difference(field, path, old, new)


def _same(old: Any, new: Any) -> bool:
    """Python has True == 1, JSON has not."""
    return bool(old == new) and isinstance(old, bool) == isinstance(new, bool)
