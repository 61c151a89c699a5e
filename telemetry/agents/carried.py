"""Calls of tools, and their answers, that stand in messages: so is a conversation with OpenAI's, Anthropic's or
LangChain's models kept by those who store its messages alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from telemetry.agents.layers import Layers, Names

CALL, ANSWER = "tool_call", "tool_result"
_CALLS = Names("tool_calls", "function_call")
_ANSWERS = Names("tool_call_id", "tool_use_id")
_PARTS = Names("content", "output")
_PART_TYPES = {"tool_use": CALL, "function_call": CALL, "tool_result": ANSWER, "function_call_output": ANSWER}
_TOOL_ROLES = ("tool", "function")
_MOST = 100

Carried = tuple[str, dict[str, Any]]
"""As an event of its own would say it: its type, and its payload."""


def carried_in(layers: Layers) -> Sequence[Carried]:
    """In their order; a message of role `tool` is an answer, whole."""
    payload = layers.payload
    if payload.get("role") in _TOOL_ROLES or any(name in payload for name in _ANSWERS):
        return [(ANSWER, payload)]
    found = () if layers.lack(_CALLS) else _listed(layers)
    parts = _parts(layers)
    return [*found, *parts][:_MOST] if found or parts else ()


def _listed(layers: Layers) -> Sequence[Carried]:
    given = layers.first(_CALLS)
    calls = [given] if isinstance(given, dict) else given if isinstance(given, list) else ()
    return [(CALL, call) for call in calls if isinstance(call, dict)]


def _parts(layers: Layers) -> Sequence[Carried]:
    for place, name in layers.shape[_PARTS]:
        value = layers.each[place][name]
        if isinstance(value, list):
            told = [(_PART_TYPES.get(str(part.get("type"))), part) for part in value if isinstance(part, dict)]
            return [(kind, part) for kind, part in told if kind is not None]
    return ()
