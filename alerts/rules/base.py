"""What every alert rule has in common, and what a type of rule has to say: how one location votes.

A type is one file here and one line in registry.py. It judges the history of *one* location; how many locations have
to agree, when an alert opens and when it resolves is the same for all (alerts/evaluation.py). No I/O in this folder.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from enum import StrEnum
from operator import attrgetter
from typing import Annotated, Any, ClassVar, Literal

import msgspec
from pydantic import AfterValidator, Field, StringConstraints

from model.definition import Strict
from model.fields import CheckId, Name, Tag
from model.ids import looks_like_id
from model.points import Point

LONGEST_WINDOW_S = 86_400
MOST_CHECKS = 1_000


class Vote(StrEnum):
    """What a location says. UNDECIDED: neither enough for an alert nor a recovery."""

    DOWN = "down"
    UNDECIDED = "undecided"
    UP = "up"


class Memory(msgspec.Struct, frozen=True):
    """How much of a location's past a rule looks at: its last `runs` measured runs, and all of the last `window_ms`."""

    runs: int = 1
    window_ms: int = 0

    def __or__(self, other: Memory) -> Memory:
        return Memory(max(self.runs, other.runs), max(self.window_ms, other.window_ms))


def _channel_id(text: str) -> str:
    if not looks_like_id(text, "chan"):
        raise ValueError("must be the id of a channel, such as chan_01h…")
    return text


ChannelId = Annotated[str, StringConstraints(max_length=60), AfterValidator(_channel_id)]
Window = Annotated[int, Field(ge=1, le=LONGEST_WINDOW_S, description="seconds")]


class ApplyTo(Strict):
    """Which checks: any that one of these names. All of them when `all`."""

    monitors: Annotated[tuple[CheckId, ...], Field(max_length=MOST_CHECKS, strict=False)] = ()
    journeys: Annotated[tuple[CheckId, ...], Field(max_length=MOST_CHECKS, strict=False)] = ()
    tags: Annotated[tuple[Tag, ...], Field(max_length=100, strict=False)] = ()
    all: bool = False

    def covers(self, subject_id: str, tags: Sequence[str]) -> bool:
        return (
            self.all
            or subject_id in self.monitors
            or subject_id in self.journeys
            or any(tag in self.tags for tag in tags)
        )  # fmt: skip


class Covered(msgspec.Struct, frozen=True):
    """A check that a rule covers, as far as a rule can tell whether it will ever hold for it."""

    id: str
    tags: tuple[str, ...]
    locations: int
    definition: Mapping[str, Any]


class RuleDefinition(Strict):
    """Common fields. `by_results` is False for a rule that time makes fire, not a result. `forms`: sets of fields of
    which a rule has one; in a change, the fields of one take the place of the others'."""

    by_results: ClassVar[bool] = True
    forms: ClassVar[tuple[tuple[str, ...], ...]] = ()
    state_word: ClassVar[str] = "down"
    """What a check is while this rule holds, as a title says it."""
    state_mark: ClassVar[Literal["down", "degraded", "unknown"]] = "down"
    """The state that its alerts show on pages, in colour and shape."""

    type: str
    name: Name
    severity: Literal["critical", "high", "medium", "low"] = "high"
    channels: Annotated[tuple[ChannelId, ...], Field(max_length=50, strict=False)] = ()
    apply_to: ApplyTo = ApplyTo()
    min_locations: Annotated[int, Field(ge=1, le=50, description="locations that must agree")] = 1
    recovery_threshold: Annotated[int, Field(ge=1, le=100, description="good runs in a row until it resolves")] = 1
    reminder_interval: Annotated[int, Field(ge=1, le=2_592_000, description="seconds; absent: no reminders")] | None = (
        None
    )
    enabled: bool = True

    def memory(self) -> Memory:
        """How much history `vote` needs."""
        raise NotImplementedError

    def vote(self, history: Sequence[Point], *, interval_ms: int | None, was_down: bool) -> Vote:
        """What a location says after the last of these points (oldest first, at least one). `was_down`: it has voted
        for the alert that is open, so a rule with hysteresis asks for less."""
        raise NotImplementedError

    def good(self, point: Point) -> bool:
        """Whether a run counts toward recovery."""
        return not point.failed

    def concerns(self, point: Point) -> bool:
        """Whether a run alone may make this rule hold: most pass by with this look."""
        return point.failed

    def finding(self, history: Sequence[Point]) -> str:
        """What was found at a location that votes down, as the beginning of a sentence."""
        raise NotImplementedError

    def so_far(self, history: Sequence[Point]) -> str:  # noqa: ARG002 - most have nothing to count
        """How much of what it takes a location that does not vote down has seen."""
        return f"not enough for {self.type} yet"

    def pointless_for(self, checks: Sequence[Covered]) -> str | None:  # noqa: ARG002 - most can hold for any check
        """Why this can't hold for any of these checks (at least one), or holds whatever they do; None otherwise."""
        return None


def covers_half(history: Sequence[Point], window_ms: int, interval_ms: int | None) -> bool:
    """Whether the points reach back over half of the window, so that a single run is not taken for all of it."""
    if interval_ms is None:
        return True
    return history[-1].at_ms - history[0].at_ms + interval_ms >= window_ms / 2


def within(history: Sequence[Point], window_ms: int) -> Sequence[Point]:
    """The points due within the window that ends with the newest."""
    after_ms = history[-1].at_ms - window_ms
    return history[bisect_right(history, after_ms, key=attrgetter("at_ms")) :]


def counted(number: int, noun: str) -> str:
    """`1 run`, `3 runs`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
