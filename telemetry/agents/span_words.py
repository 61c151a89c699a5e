"""What OpenTelemetry's spans of language models, tools and agents say, by the semantic conventions `gen_ai.*` and their
older names. Whatever a span holds, these functions answer with plain values of one kind; they never raise.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from telemetry.sdk_json import BadBodyError, decode

LLM, TOOL, AGENT, CREATION = "llm", "tool", "agent", "creation"
_KINDS: Mapping[str, str] = {
    "chat": LLM, "text_completion": LLM, "generate_content": LLM, "execute_tool": TOOL, "invoke_agent": AGENT,
    "create_agent": CREATION,
}  # fmt: skip
_DETAILS = "gen_ai.client.inference.operation.details"
"""The event that holds what was said, where attributes do not."""
_SAID_BY: Mapping[str, str] = {
    "gen_ai.system.message": "system", "gen_ai.user.message": "user", "gen_ai.assistant.message": "assistant",
    "gen_ai.tool.message": "tool",
}  # fmt: skip
_MOST_MESSAGES = 1_000
_LONGEST_NAME = 200
_ANSWERS = ("response", "result", "content")


class Message(msgspec.Struct):
    """Words of somebody, the tools that a model asks for with them, and what tools answered: `id`, `result`."""

    role: str
    text: str
    calls: list[dict[str, Any]]
    answers: list[dict[str, Any]] = []


class Said(msgspec.Struct):
    """What went into a model, and what came out of it. `asked` None: it was not recorded."""

    asked: list[Message] | None
    answered: list[Message]


def kind_of(attributes: Mapping[str, Any]) -> str | None:
    """What a span is of; None for all that is no agent's."""
    operation = attributes.get("gen_ai.operation.name")
    if isinstance(operation, str):
        return _KINDS.get(operation.lower())
    if "gen_ai.tool.name" in attributes:
        return TOOL
    return LLM if "gen_ai.request.model" in attributes or "gen_ai.response.model" in attributes else None


def all_attributes(span: Mapping[str, Any]) -> dict[str, Any]:
    """A span's attributes with those of the event that holds what was said."""
    found = dict(span.get("attributes") or {})
    for event in span.get("events") or ():
        if event["name"] == _DETAILS:
            found = {**event["attributes"], **found}
    return found


def text_at(attributes: Mapping[str, Any], *names: str) -> str:
    """In one line, of the first of these that says something."""
    for name in names:
        value = attributes.get(name)
        if isinstance(value, str) and (shown := one_line(value)):
            return shown
    return ""


def one_line(text: str) -> str:
    return "".join(character if character.isprintable() else " " for character in text[:_LONGEST_NAME]).strip()


def number_at(attributes: Mapping[str, Any], *names: str) -> int | float | None:
    """The first of these that is a number of 0 or more."""
    for name in names:
        value = attributes.get(name)
        if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 2**53:
            return value
    return None


def plain(value: Any) -> Any:
    """JSON in a text is read."""
    if isinstance(value, str) and value.lstrip()[:1] in ("{", "["):
        try:
            return decode(value.encode())
        except BadBodyError:
            return value
    return value


def error_of(span: Mapping[str, Any], attributes: Mapping[str, Any]) -> str | None:
    """What went wrong, in words; None where the span did not fail."""
    kind = text_at(attributes, "error.type")
    if span.get("status") != "error" and not kind:
        return None
    for event in span.get("events") or ():
        if event["name"] == "exception":
            told = [text_at(event["attributes"], f"exception.{name}") for name in ("type", "message")]
            if any(told):
                return ": ".join(part for part in told if part)
    said = span.get("status_message")
    message = one_line(said) if isinstance(said, str) else ""
    return ": ".join(part for part in (kind, message) if part and part != "_OTHER") or "error"


def offered_in(attributes: Mapping[str, Any]) -> list[str]:
    """The names of the tools that a model was given."""
    found = plain(attributes.get("gen_ai.tool.definitions"))
    if not isinstance(found, list):
        return []
    names = [item.get("name") or _inner(item, "function").get("name") for item in found if isinstance(item, dict)]
    return [name[:_LONGEST_NAME] for name in names[:_MOST_MESSAGES] if isinstance(name, str) and name]


def said_in(span: Mapping[str, Any], attributes: Mapping[str, Any]) -> Said:
    """What was said, wherever the instrumentation put it: attributes, events, or attributes with numbers."""
    asked = _messages(attributes.get("gen_ai.input.messages"), "user")
    answered = _messages(attributes.get("gen_ai.output.messages"), "assistant") or []
    for role, value in _numbered(attributes, "gen_ai.prompt"):
        asked = [*(asked or ()), *_one(value, role or "user")]
    for role, value in _numbered(attributes, "gen_ai.completion"):
        answered += _one(value, role or "assistant")
    for event in span.get("events") or ():
        name, told = event["name"], event["attributes"]
        if name in _SAID_BY:
            asked = [*(asked or ()), *_one(_content(told), _SAID_BY[name])]
        elif name == "gen_ai.content.prompt":
            asked = [*(asked or ()), *(_messages(told.get("gen_ai.prompt"), "user") or ())]
        elif name == "gen_ai.choice":
            answered += _one(plain(told.get("message")) or _content(told), "assistant")
        elif name == "gen_ai.content.completion":
            answered += _messages(told.get("gen_ai.completion"), "assistant") or ()
    system = _messages(attributes.get("gen_ai.system_instructions"), "system")
    if system:
        text = "\n".join(message.text for message in system)
        asked = [Message("system", text, []), *(asked or ())]
    return Said(None if asked is None else asked[:_MOST_MESSAGES], answered[:_MOST_MESSAGES])


def _messages(value: Any, role: str) -> list[Message] | None:
    """None where nothing was recorded."""
    value = plain(value)
    if value is None or value == "":
        return None
    items = value if isinstance(value, list) else [value]
    return [message for item in items for message in _one(item, role)]


def _one(value: Any, role: str) -> list[Message]:
    """A text, OpenAI's `content`, or the conventions' `parts`."""
    if isinstance(value, str):
        return [Message(role, value, [])] if value else []
    if not isinstance(value, dict):
        return []
    named = value.get("role")
    role = named.lower()[:40] if isinstance(named, str) and named else role
    texts, calls, answers = list[str](), list[dict[str, Any]](), list[dict[str, Any]]()
    for part in [value, *_parts(value)]:
        if isinstance(part, str):
            texts.append(part)
        elif isinstance(part, dict):
            content = part.get("content", part.get("text"))
            if isinstance(content, str) and part.get("type") in (None, "text", "message", "output_text"):
                texts.append(content)
            if part.get("type") == "tool_call":
                calls.append({name: part[name] for name in ("id", "name", "arguments") if part.get(name) is not None})
            if part.get("type") == "tool_call_response":
                found = next((part[name] for name in _ANSWERS if part.get(name) is not None), None)
                answers.append({"id": part.get("id"), "result": found})
    return [Message(role, "\n".join(text for text in texts if text), calls, answers)]


def _parts(value: dict[str, Any]) -> Iterator[Any]:
    for name in ("parts", "content"):
        if isinstance(value.get(name), list):
            yield from value[name]


def _content(told: Mapping[str, Any]) -> Any:
    return plain(told.get("content", told.get("gen_ai.event.content")))


def _numbered(attributes: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    """`gen_ai.prompt.0.content` and its role, one after the other."""
    for number in range(_MOST_MESSAGES):
        content = attributes.get(f"{prefix}.{number}.content")
        role = attributes.get(f"{prefix}.{number}.role")
        if content is None and role is None:
            return
        yield (role if isinstance(role, str) else ""), plain(content)


def _inner(item: dict[str, Any], name: str) -> dict[str, Any]:
    found = item.get(name)
    return found if isinstance(found, dict) else {}
