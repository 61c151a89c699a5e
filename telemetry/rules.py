"""A rule about events: a query, what its events are told apart by, and how many of a kind within which time are too
many. The same in JSON and in YAML. No I/O in this file.

    name: Checkout fails          a rule holds for one group of events, by itself
    project: shop
    query: level:error            the language of /v1/query
    group_by: fingerprint         or level, release, environment, user.id, trace_id, a tag; project: all are one
    threshold: 5                  so many
    window: 5m                    within this, by when they arrived
    cooldown: 1h                  and of one group not again before
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StringConstraints

from alerts.rules.base import ChannelId
from model.definition import Strict
from model.fields import Name, ProjectName
from model.times import DAY_MS
from telemetry.queries import MOST_CHARACTERS, NAME, BadQueryError, duration_ms, parse

LONGEST_WINDOW_MS = DAY_MS
LONGEST_COOLDOWN_MS = 30 * DAY_MS
MOST_EVENTS = 10_000
"""A threshold beyond it would have to look at more than a pass may read."""
FINGERPRINT, PROJECT = "fingerprint", "project"
NO_GROUPS = frozenset({"in", "after", "before"})


def _query(text: str) -> str:
    try:
        parse(text)
    except BadQueryError as error:
        raise ValueError(str(error)) from None
    return text


def _group(name: str) -> str:
    if not NAME.fullmatch(name) or name in NO_GROUPS:
        raise ValueError(
            "must be fingerprint, level, release, environment, user.id, trace_id, the name of a tag, or project for no "
            "groups"
        )
    return name


def _window(text: str) -> str:
    return _at_most(text, 1_000, LONGEST_WINDOW_MS, "24h")


def _cooldown(text: str) -> str:
    return _at_most(text, 0, LONGEST_COOLDOWN_MS, "30d")


def _at_most(text: str, least_ms: int, most_ms: int, most: str) -> str:
    length_ms = duration_ms(text)
    if length_ms is None:
        raise ValueError("must be a number and s, m, h or d, such as 5m")
    if not least_ms <= length_ms <= most_ms:
        raise ValueError(f"must be {'at least 1s and ' if least_ms else ''}at most {most}")
    return text


_Short = StringConstraints(max_length=20)


class EventRule(Strict):
    """When events of a project are worth telling somebody."""

    name: Name
    project: Annotated[ProjectName, Field(description="Its number, slug or id")]
    query: Annotated[
        str,
        StringConstraints(max_length=MOST_CHARACTERS),
        AfterValidator(_query),
        Field(description="Which events, in the language of `/v1/query`; `in:5m` is judged when an event arrives"),
    ] = ""
    group_by: Annotated[
        str,
        StringConstraints(max_length=200),
        AfterValidator(_group),
        Field(
            description="What tells groups of events apart: `fingerprint` (their issue), `level`, `release`, "
            "`environment`, `user.id`, `trace_id`, the name of a tag; `project`: all are one group"
        ),
    ] = FINGERPRINT
    threshold: Annotated[int, Field(ge=1, le=MOST_EVENTS, description="So many events of a group")] = 1
    window: Annotated[
        str, _Short, AfterValidator(_window), Field(description="Within this time, by when they arrived")
    ] = "5m"
    severity: Literal["critical", "high", "medium", "low"] = "high"
    channels: Annotated[tuple[ChannelId, ...], Field(max_length=50, strict=False)] = ()
    cooldown: Annotated[
        str, _Short, AfterValidator(_cooldown), Field(description="For so long it does not fire for a group again")
    ] = "1h"
    enabled: bool = True

    @property
    def window_ms(self) -> int:
        return duration_ms(self.window) or 0

    @property
    def cooldown_ms(self) -> int:
        return duration_ms(self.cooldown) or 0
