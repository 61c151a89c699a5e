"""The types of an agent's events as pages show them: their word, their look, and their lane on the time line."""

from __future__ import annotations

from dataclasses import dataclass

LANES = ("Words", "Tools", "State")


@dataclass(frozen=True)
class Kind:
    """`css`: of its mark and its colour. `lane`: among LANES; None: across all of them."""

    css: str
    word: str
    many: str
    lane: int | None


KINDS = {
    "message": Kind("message", "Message", "messages", 0),
    "llm_call": Kind("model", "Model", "calls of a model", 0),
    "tool_call": Kind("call", "Tool call", "tool calls", 1),
    "tool_result": Kind("result", "Result", "results", 1),
    "error": Kind("error", "Error", "errors", None),
    "screenshot": Kind("screenshot", "Screenshot", "screenshots", 2),
    "state": Kind("state-kind", "State", "states", 2),
    "log": Kind("log", "Log", "logs", 2),
    "end": Kind("end", "End", "ends", None),
}
