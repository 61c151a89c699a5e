"""The types of an agent's events as pages show them: their word, their look, and their lane on the time line."""

from __future__ import annotations

from dataclasses import dataclass

LANES = ("Words", "Tools", "State")


@dataclass(frozen=True)
class Kind:
    """`css`: of its mark and its colour. `lane`: among LANES; None: across all of them."""

    css: str
    word: str
    one: str
    many: str
    lane: int | None


KINDS = {
    "message": Kind("message", "Message", "message", "messages", 0),
    "llm_call": Kind("model", "Model", "call of a model", "calls of a model", 0),
    "tool_call": Kind("call", "Tool call", "tool call", "tool calls", 1),
    "tool_result": Kind("result", "Result", "result", "results", 1),
    "error": Kind("error", "Error", "error", "errors", None),
    "screenshot": Kind("screenshot", "Screenshot", "screenshot", "screenshots", 2),
    "state": Kind("state-kind", "State", "state", "states", 2),
    "log": Kind("log", "Log", "log", "logs", 2),
    "end": Kind("end", "End", "end", "ends", None),
}
