"""Runs as agents' SDKs record them, for what the detectors make of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from telemetry.agents.analysis import Analysis, analyze
from telemetry.agents.facts import Fact, read_fact
from telemetry.agents.recordings import recording_of

Said = tuple[str, dict[str, Any]]
"""An event's type and its payload. `at_s`, `step` in the payload are the event's own."""
START_MS = 1_705_314_600_000


def asks(text: str = "Book me a room") -> Said:
    return "message", {"role": "user", "content": text}


def says(text: str, **more: Any) -> Said:
    return "message", {"role": "assistant", "content": text, **more}


def thinks(text: str = "", **more: Any) -> Said:
    return "llm_call", {"model": "m", "output": text, **more}


def calls(tool: str, arguments: Any = None, **more: Any) -> Said:
    return "tool_call", {"tool": tool, "arguments": {} if arguments is None else arguments, **more}


def told(tool: str, result: Any = "ok", **more: Any) -> Said:
    return "tool_result", {"tool": tool, "result": result, **more}


def fails(tool: str, error: str = "HTTP 503 from upstream", **more: Any) -> Said:
    return "tool_result", {"tool": tool, "error": error, **more}


def goes_wrong(message: str = "Connection reset", **more: Any) -> Said:
    return "error", {"message": message, **more}


def stands(**state: Any) -> Said:
    return "state", state


def ends(status: str = "completed", **more: Any) -> Said:
    return "end", {"status": status, **more}


def events_of(said: Sequence[Said]) -> list[dict[str, Any]]:
    """As they are sent, one a second, each a step of its own."""
    events = []
    for place, (kind, payload) in enumerate(said):
        own = dict(payload)
        at_ms = START_MS + round(1000 * own.pop("at_s", place))
        events.append({"seq": place + 1, "type": kind, "at_ms": at_ms, "step": place + 1, "payload": own})
    return events


def facts_of(said: Sequence[Said]) -> list[Fact]:
    return [
        read_fact(each["seq"], each["step"], each["type"], each["at_ms"], each["payload"]) for each in events_of(said)
    ]


def analysed(*said: Said) -> Analysis:
    return analyze(recording_of(facts_of(said)))


def labels(*said: Said) -> dict[str, int]:
    """What was found, and at which step it begins."""
    return {finding.label: finding.step for finding in analysed(*said).detectors}
