"""Calls of tools, and their answers, that stand in messages: so is a conversation with OpenAI's, Anthropic's or
LangChain's models kept by those who store its messages alone."""

from __future__ import annotations

from typing import Any

from telemetry.agents.layers import Layers, Names, own

_CALLS = Names("tool_calls", "function_call")
_PARTS = Names("content", "output")
_CALL_PARTS = frozenset({"tool_use", "function_call", "server_tool_use"})
_ANSWER_PARTS = frozenset({"tool_result", "function_call_output"})
_ANSWERS_A_CALL = Names("tool_call_id", "tool_use_id")
_ROLE = Names("role", "type")
_TOOL_ROLES = frozenset({"tool", "function"})
_MOST = 100


def calls_in(layers: Layers) -> list[dict[str, Any]]:
    """Each as the payload of a `tool_call`."""
    found = layers.first(_CALLS)
    listed = [found] if isinstance(found, dict) else found if isinstance(found, list) else []
    parts = [part for part in _parts(layers) if str(part.get("type")) in _CALL_PARTS]
    return [call for call in (*listed, *parts) if isinstance(call, dict)][:_MOST]


def answers_in(layers: Layers) -> list[dict[str, Any]]:
    """Each as the payload of a `tool_result`: the whole message of role `tool`, or parts of one."""
    payload = layers.payload
    if str(own(payload, _ROLE)) in _TOOL_ROLES or not _ANSWERS_A_CALL.known.isdisjoint(payload):
        return [payload]
    return [part for part in _parts(layers) if str(part.get("type")) in _ANSWER_PARTS][:_MOST]


def _parts(layers: Layers) -> list[dict[str, Any]]:
    for place, name in layers.shape[_PARTS]:
        value = layers.each[place][name]
        if isinstance(value, list):
            return [part for part in value if isinstance(part, dict)]
    return []
