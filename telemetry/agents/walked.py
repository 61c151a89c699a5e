"""A run of a journey as a run of an agent: its steps as events, so that the same detectors look at both."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urljoin

import msgspec

from model.evidence import StepResult

_SUBJECTS = ("url", "selector", "key", "value", "variable")
_OPENS = ("goto", "request")
_STEP = re.compile(r"step \d+ ")
_HOLE = "{{"


class Walked(msgspec.Struct):
    """`definition`: of the journey as it was then, its secrets masked. `error`: the run's, in words. `failed`: whether
    it did."""

    definition: Mapping[str, Any]
    steps: Sequence[StepResult]
    error: str
    started_ms: int = 0
    failed: bool = True


class WalkedEvent(msgspec.Struct):
    """As an agent would have sent it."""

    seq: int
    step: int
    type: str
    at_ms: int
    payload: dict[str, Any]


def events_of_walk(walked: Walked) -> list[WalkedEvent]:
    """A call and its answer for each step that was begun, the error if it failed, the end. Steps count from 1, as
    people do. Answers differ from each other: that a script asks for the same twice is no loop."""
    events: list[WalkedEvent] = []
    at_ms = float(walked.started_ms)
    page: str | None = None
    steps = [step for step in walked.steps if step.status != "skipped"]
    for step in steps:
        asked = _asked(walked.definition, step)
        page = asked.get("url") or page
        if page is not None:
            asked.setdefault("page", page)
        number = step.index + 1
        events.append(_event(events, number, "tool_call", at_ms, {"tool": step.type, "arguments": asked}))
        at_ms += step.duration_ms or 0
        answer: dict[str, Any] = {"tool": step.type, "result": {"step": number}}
        if step.status == "failed":
            answer = {"tool": step.type, "error": _words(walked, step)}
        events.append(_event(events, number, "tool_result", at_ms, answer))
    last = steps[-1].index + 1 if steps else 1
    if walked.failed and (not steps or steps[-1].status != "failed"):
        events.append(_event(events, last, "error", at_ms, {"message": _STEP.sub("", walked.error, count=1)}))
    events.append(_event(events, last, "end", at_ms, {"status": "failed" if walked.failed else "completed"}))
    return events


def _event(before: list[WalkedEvent], step: int, kind: str, at_ms: float, payload: dict[str, Any]) -> WalkedEvent:
    return WalkedEvent(len(before) + 1, step, kind, round(at_ms), payload)


def _words(walked: Walked, step: StepResult) -> str:
    """`click `#buy`: no element fits within 10 s`, without the place, which another step may move."""
    told = walked.error if _STEP.match(walked.error) else f"{step.type}: {step.error or walked.error}"
    return _STEP.sub("", told, count=1)


def _asked(definition: Mapping[str, Any], step: StepResult) -> dict[str, Any]:
    """What the step was to do; a URL whole, where no variable hides it."""
    steps = definition.get("steps") or ()
    found = steps[step.index] if step.index < len(steps) else {}
    asked = {name: found[name] for name in _SUBJECTS if isinstance(found.get(name), str)}
    if "url" in asked:
        base = definition.get("base_url") or next(
            (each["url"] for each in steps if each.get("type") == "goto" and isinstance(each.get("url"), str)), ""
        )
        whole = urljoin(str(base), asked.pop("url")) if found.get("type") in _OPENS else None
        if whole is not None and _HOLE not in whole:
            asked["url"] = whole
    return asked
