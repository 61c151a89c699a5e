"""Spans of agents, as OTLP brings them, told as events of a run: what they say, and in which order.

A span is known when it is closed, so children come before their parents. The events of one request stand in the order
in which things happened: a call when it began, its result, a generation and the end when they were over. What comes in
a later request stands after what came before, with its own timestamp, and `span_id`, `parent_span_id` in its payload.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from model.times import iso
from telemetry.agents import span_words as words
from telemetry.agents.events import MOST_BYTES, AgentEvent
from telemetry.payloads import pack, unpack

_LONG_TEXT = 4_000
"""What is left of each text of an event that would be larger than events may be."""
_CUT = "…"
_LONGEST_KEY = 128
_COSTS = ("gen_ai.usage.cost_usd", "gen_ai.usage.cost", "gen_ai.usage.total_cost")
"""No convention names it; these are what instrumentations call it."""
_encode = msgspec.json.Encoder(order="deterministic").encode
Payload = dict[str, Any]


class AgentSpan(msgspec.Struct):
    """`agent`: the name that it says, `invokes`: and it is that agent's own span. `conversation`: None where it names
    none. `events`: in the order in which they happened."""

    trace_id: str
    span_id: str
    name: str
    agent: str
    service: str
    conversation: str | None
    invokes: bool
    root: bool
    events: list[AgentEvent]


def is_root(span: Mapping[str, Any]) -> bool:
    """Whether a trace begins with it."""
    return not span.get("parent_span_id")


def read_agent_span(span: Mapping[str, Any]) -> AgentSpan | None:
    """A span as telemetry/otlp.py reads it; None for one that is no agent's."""
    attributes = words.all_attributes(span)
    kind = words.kind_of(attributes)
    if kind is None:
        return None
    conversation = attributes.get("gen_ai.conversation.id")
    return AgentSpan(
        trace_id=span["trace_id"],
        span_id=span["span_id"],
        name=words.one_line(span["name"]),
        agent=words.text_at(attributes, "gen_ai.agent.name", "gen_ai.agent.id"),
        service=words.text_at(span, "service"),
        conversation=conversation if isinstance(conversation, str) and conversation else None,
        invokes=kind == words.AGENT,
        root=is_root(span),
        events=list(_READERS[kind](span, attributes)),
    )


def end_of(span: Mapping[str, Any]) -> AgentEvent:
    """The end of a run, by the span that its trace begins with, whatever that is."""
    error = words.error_of(span, span.get("attributes") or {})
    told = {"status": "completed" if error is None else "failed", "error": error, **_timed(span)}
    return _event(span, "end", told, _ended_ms(span), ends=str(told["status"]))


def session_key(span: AgentSpan, conversation: str | None) -> str:
    """What the run of a span is known by, within its project: the conversation, else the trace."""
    key = conversation or span.trace_id
    if len(key) <= _LONGEST_KEY and key.isascii() and key.isprintable() and "/" not in key and " " not in key:
        return key
    return hashlib.sha256(key.encode()).hexdigest()[:32]


def _llm(span: Mapping[str, Any], attributes: Payload) -> Iterator[AgentEvent]:
    said = words.said_in(span, attributes)
    yield from _asked(span, said)
    reasons = attributes.get("gen_ai.response.finish_reasons")
    told = {
        "model": words.text_at(attributes, "gen_ai.response.model", "gen_ai.request.model"),
        "provider": words.text_at(attributes, "gen_ai.provider.name", "gen_ai.system"),
        "operation": words.text_at(attributes, "gen_ai.operation.name"),
        "finish_reason": reasons[0] if isinstance(reasons, list | tuple) and reasons else reasons,
        "input_tokens": words.number_at(attributes, "gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens"),
        "output_tokens": words.number_at(attributes, "gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens"),
        "cost_usd": words.number_at(attributes, *_COSTS),
        "tools": words.offered_in(attributes),
        "error": words.error_of(span, attributes),
        "agent": words.text_at(attributes, "gen_ai.agent.name"),
        **_timed(span),
    }  # fmt: skip
    yield _event(span, "llm_call", told, _ended_ms(span))
    yield from _answered(span, said)


def _tool(span: Mapping[str, Any], attributes: Payload) -> Iterator[AgentEvent]:
    about = {
        "tool": words.text_at(attributes, "gen_ai.tool.name") or words.one_line(span["name"]),
        "tool_call_id": words.text_at(attributes, "gen_ai.tool.call.id"),
        **_whose(span),
    }
    asked = _first(attributes, "gen_ai.tool.call.arguments", "gen_ai.tool.arguments")
    known = {"arguments": words.plain(asked)} if asked is not None else {"captured": False}
    call, answered = _keys_of(about["tool_call_id"])
    yield _event(span, "tool_call", {**about, **known}, _began_ms(span), key=call)
    answer = words.plain(_first(attributes, "gen_ai.tool.call.result", "gen_ai.tool.result"))
    error = words.error_of(span, attributes)
    told = {**about, "result": answer, "error": error, "status": "ok" if error is None else "error", **_timed(span)}
    yield _event(span, "tool_result", told, _ended_ms(span), key=answered)


def _agent(span: Mapping[str, Any], attributes: Payload) -> Iterator[AgentEvent]:
    said = words.said_in(span, attributes)
    yield from _asked(span, said)
    yield from _answered(span, said)
    if not is_root(span):
        error = words.error_of(span, attributes)
        yield _log(span, attributes, "failed" if error is not None else "ended", error)


def _creation(span: Mapping[str, Any], attributes: Payload) -> Iterator[AgentEvent]:
    error = words.error_of(span, attributes)
    yield _log(span, attributes, "not created" if error is not None else "created", error)


def _log(span: Mapping[str, Any], attributes: Payload, what: str, error: str | None) -> AgentEvent:
    agent = words.text_at(attributes, "gen_ai.agent.name", "gen_ai.agent.id")
    model = words.text_at(attributes, "gen_ai.request.model")
    told = {"text": f"Agent {agent or 'without a name'} {what}", "agent": agent, "model": model, "error": error}
    return _event(span, "log", {**told, **_timed(span)}, _ended_ms(span))


_READERS = {words.LLM: _llm, words.TOOL: _tool, words.AGENT: _agent, words.CREATION: _creation}


def _asked(span: Mapping[str, Any], said: words.Said) -> Iterator[AgentEvent]:
    """Each call of a model is told all that was said before. A message is known again by its words and by how many like
    it stand before it, so that it is told once."""
    met: Counter[tuple[str, str]] = Counter()
    for message in said.asked or ():
        if message.text and message.role != "tool":  # what tools answer, their own spans say
            yield _message(span, message, f"{met[message.role, message.text]}", _began_ms(span))
        met[message.role, message.text] += 1
        yield from _tools(span, message, _began_ms(span))


def _answered(span: Mapping[str, Any], said: words.Said) -> Iterator[AgentEvent]:
    met = Counter((message.role, message.text) for message in said.asked or ())
    for message in said.answered:
        if message.text:
            alike = f"{met[message.role, message.text]}" if said.asked is not None else str(span["span_id"])
            yield _message(span, message, alike, _ended_ms(span))
        met[message.role, message.text] += 1
        yield from _tools(span, message, _ended_ms(span))


def _tools(span: Mapping[str, Any], message: words.Message, at_ms: float) -> Iterator[AgentEvent]:
    """Calls of tools and their answers, as a model is told of them. They are known again by the call's id, in what the
    next model is told and in the tool's own span: each is told once."""
    for called in message.calls:
        call, _ = _keys_of(called.get("id"))
        if call is not None:
            told = {"tool": called.get("name"), "tool_call_id": called["id"], **_whose(span)}
            asked = {"arguments": words.plain(called["arguments"])} if "arguments" in called else {"captured": False}
            yield _event(span, "tool_call", {**told, **asked}, at_ms, key=call)
    for answer in message.answers:
        _, answered = _keys_of(answer["id"])
        if answered is not None:
            told = {"tool_call_id": answer["id"], "result": words.plain(answer["result"]), **_whose(span)}
            yield _event(span, "tool_result", told, at_ms, key=answered)


def _keys_of(call_id: Any) -> tuple[str | None, str | None]:
    """Of a call, and of what answers it; None where it has no id."""
    if not isinstance(call_id, str) or not call_id:
        return None, None
    digest = hashlib.sha256(call_id.encode()).hexdigest()[:32]
    return f"otel:call:{digest}", f"otel:result:{digest}"


def united(first: AgentEvent, again: AgentEvent) -> AgentEvent:
    """A call, or an answer, that was told twice: what the first leaves out, the other may say."""
    one = unpack(first.kept)
    both = {**unpack(again.kept), **one}
    if "arguments" in both:
        both.pop("captured", None)
    if both == one:
        return first
    digest = hashlib.sha256(_encode([first.type, both])).digest()[:16]
    return msgspec.structs.replace(first, kept=_fitting(both), digest=digest)


def _message(span: Mapping[str, Any], message: words.Message, alike: str, at_ms: float) -> AgentEvent:
    digest = hashlib.sha256(_encode([message.role, message.text, alike])).hexdigest()[:32]
    told = {"role": message.role, "content": message.text, "tool_calls": message.calls, **_whose(span)}
    return _event(span, "message", told, at_ms, key=f"otel:message:{digest}")


def _event(
    span: Mapping[str, Any], kind: str, told: Payload, at_ms: float, *, key: str | None = None, ends: str | None = None
) -> AgentEvent:
    """Its `seq` is given when it is stored."""
    payload = {name: value for name, value in told.items() if value not in (None, "", [])}
    own = f"otel:{_short(span['trace_id'])}:{_short(span['span_id'])}:{kind}"
    digest = hashlib.sha256(_encode([kind, payload])).digest()[:16]
    return AgentEvent(0, kind, iso(round(at_ms)) or "", round(at_ms), key or own, None, digest, _fitting(payload), ends)


def _short(name: str) -> str:
    return name if len(name) <= 40 and name.isalnum() else hashlib.sha256(name.encode()).hexdigest()[:32]


def _fitting(payload: Payload) -> bytes:
    whole = _encode(payload)
    if len(whole) <= MOST_BYTES:
        return pack(whole)
    return pack({name: _cut(value) for name, value in payload.items()})


def _cut(value: Any) -> Any:
    """What is too long, or has too much in it, as the beginning of its text."""
    if isinstance(value, list | dict):
        value = _encode(value).decode(errors="replace")
    return value[:_LONG_TEXT] + _CUT if isinstance(value, str) and len(value) > _LONG_TEXT else value


def _first(attributes: Payload, *names: str) -> Any:
    return next((attributes[name] for name in names if attributes.get(name) is not None), None)


def _whose(span: Mapping[str, Any]) -> Payload:
    return {name: span.get(name) for name in ("trace_id", "span_id", "parent_span_id")}


def _timed(span: Mapping[str, Any]) -> Payload:
    return {**_whose(span), "duration_ms": round(_ended_ms(span) - _began_ms(span), 3)}


def _began_ms(span: Mapping[str, Any]) -> float:
    return float(span["start_timestamp"]) * 1000


def _ended_ms(span: Mapping[str, Any]) -> float:
    return float(span["end_timestamp"]) * 1000
