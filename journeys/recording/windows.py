"""Which window a step of a script happens in, and whether a journey's would happen there too.

A script says by name which window it means. A journey goes to a window that a step opens, and back when that closes, as
somebody does who sits in front of it; but no step closes one: only what the page itself does, or a click in it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from journeys.recording.literals import NotTaken

FIRST = 0
_MAY_CLOSE = frozenset({"click", "double_click", "press"})
"""What a window may close by, that is done in it."""


@dataclass
class _Window:
    number: int
    name: str
    last: str = ""
    """Type of the last step in it."""
    closed_in: int | None = None
    """The line that closes it, where no journey would."""


@dataclass(frozen=True)
class StaysOpen:
    """A window is closed in `line` of the script, and the journey does not close it unless the step before has.
    `certainly`: it was no step that could have."""

    line: int
    name: str
    certainly: bool

    @property
    def said(self) -> str:
        """What is lost, and what comes of it."""
        comes_of_it = (
            "so it stays in front, and what the script then does in the window behind it is left out"
            if self.certainly
            else "so unless the step before does, the steps that follow happen in it, and fail"
        )
        return f"that {self.name} closes: no step of a journey closes a window, {comes_of_it}"


class Windows:
    """As they lie on each other, the one in front last. `stay_open`: closings that do not come about and matter, as
    something follows."""

    def __init__(self) -> None:
        self.last_use: Mapping[str, int] = {}
        """The line where the script uses a name for the last time."""
        self.stay_open: list[StaysOpen] = []
        self._open = [_Window(FIRST, "page")]
        self._opened = FIRST
        self._hoped_for: list[StaysOpen] = []

    def open(self) -> int:
        """A step has opened one; its number."""
        self._opened += 1
        self._open.append(_Window(self._opened, f"window {self._opened + 1}"))
        return self._opened

    def name(self, number: int, name: str) -> None:
        """What the script calls it."""
        for window in self._open:
            if window.number == number:
                window.name = name

    def close(self, number: int, line: int) -> None:
        """The script closes it."""
        found = next((window for window in self._open if window.number == number), None)
        if found is None or number == FIRST:
            return
        if found is self._open[-1] and found.last in _MAY_CLOSE:
            self._open.pop()
            self._hoped_for.append(StaysOpen(line, found.name, certainly=False))
        else:
            found.closed_in = line

    def step_in(self, number: int, kind: str, line: int) -> None:
        """Before a step of this kind is taken in a window. Raises NotTaken when it would happen in another."""
        front = self._open[-1]
        if front.number != number and self._has_gone(front, line):
            self._open.pop()
            self._hoped_for.append(StaysOpen(line, front.name, certainly=False))
            front = self._open[-1]
        if kind == "goto" and front.closed_in is not None and front.number != number:
            self._open.pop()  # it opens its page in the window that stayed: as good as any
            front = self._open[-1]
        if front.number != number:
            raise NotTaken(self._why_not(front, number))
        front.last = kind
        self.stay_open += self._hoped_for
        self._hoped_for = []

    def _has_gone(self, front: _Window, line: int) -> bool:
        """Whether it may have closed by its last step. The recorder for pytest writes no closings down."""
        over = front.closed_in is None and self.last_use.get(front.name, 0) < line
        return over and front.number != FIRST and front.last in _MAY_CLOSE

    def _why_not(self, front: _Window, number: int) -> str:
        if all(window.number != number for window in self._open):
            return "its window is closed by then"
        if front.closed_in is None:
            return f"{front.name} is in front, and a journey's steps happen in the window in front"
        told = StaysOpen(front.closed_in, front.name, certainly=True)
        if told not in self.stay_open:
            self.stay_open.append(told)
        return f"{front.name} is still in front, and a journey's steps happen in the window in front"
