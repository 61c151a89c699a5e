"""What was tried on Tracer, and what came of it: each test adds its lines, and `make security` prints one table.

def test_no_title_runs_in_a_page(tally, …):
    titles = corpus(TITLES)
    effective = [title for title in titles if runs(title)]
    tally.add("script in a title", "run page", tried=len(titles), effective=len(effective))
    assert effective == []

def test_a_page_that_trusts_titles_is_caught(tally, …):      the same under a build that is broken on purpose
    …
    tally.caught("script in a title", "page that trusts titles")
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import msgspec

WHOLE = os.environ.get("TRACER_TEST_SECURITY") == "whole"
"""`make security` tries all of every corpus; the ordinary run an even choice of each."""
PROPERTY = "tally"
Item = TypeVar("Item")


class Line(msgspec.Struct, frozen=True):
    """One attack on one sink: how many inputs, how many of them were refused outright, how many did harm. With `build`:
    that broken build, on purpose, was caught."""

    attack: str
    sink: str
    tried: int = 0
    refused: int = 0
    effective: int = 0
    build: str | None = None


@dataclass
class Tally:
    """The lines of one test; pytest carries them to whoever prints."""

    properties: list[tuple[str, Any]]

    def add(self, attack: str, sink: str, *, tried: int, refused: int = 0, effective: int = 0) -> None:
        self._add(Line(attack, sink, tried, refused, effective))

    def caught(self, attack: str, build: str) -> None:
        self._add(Line(attack, "", build=build))

    def _add(self, line: Line) -> None:
        self.properties.append((PROPERTY, msgspec.json.encode(line).decode()))


def corpus(items: Iterable[Item], short: int = 40) -> list[Item]:
    """All of them in the whole run, else about `short`, evenly chosen."""
    everything = list(items)
    return everything if WHOLE else everything[:: max(1, len(everything) // short)]


def lines_of(reports: Iterable[Any]) -> list[Line]:
    """What the tests of a run have added."""
    return [
        msgspec.json.decode(value, type=Line)
        for report in reports
        for name, value in getattr(report, "user_properties", ())
        if name == PROPERTY
    ]


def table(lines: Sequence[Line]) -> list[str]:
    """An attack a line: its sinks, what was tried, refused, effective, and the broken builds that were caught."""
    shown: list[tuple[str, ...]] = [("attack", "sinks", "tried", "refused", "effective", "broken builds caught")]
    for attack in dict.fromkeys(line.attack for line in lines):
        of_it = [line for line in lines if line.attack == attack]
        sinks = dict.fromkeys(line.sink for line in of_it if line.sink)
        builds = dict.fromkeys(line.build for line in of_it if line.build)
        sums = [str(sum(getattr(line, name) for line in of_it)) for name in ("tried", "refused", "effective")]
        shown.append((attack, str(len(sinks)), *sums, ", ".join(builds) or "none"))
    widths = [max(len(row[column]) for row in shown) for column in range(6)]
    rows = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in shown]
    total = sum(line.tried for line in lines)
    return [*rows, f"{total:,} inputs tried, {sum(line.effective for line in lines)} effective"]
