"""An event of an agent's run as its page shows it: who speaks, what is called with what, and what came of it.

Nothing of it is trusted: payloads have any shape, and their words are read by the names that SDKs give them
(telemetry/agents/payload_words.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from msgspec import UNSET

from api.pages.agent_kinds import KINDS, Kind
from api.pages.folded import Folded, folded
from api.pages.generation_charts import dollars
from api.pages.state_changes import Change, changes_between
from api.pages.words import text_of
from model.ids import looks_like_id
from telemetry.agents import payload_words as words
from telemetry.agents.facts import Fact, read_fact
from telemetry.agents.layers import Layers, Names, layers_of
from telemetry.agents.recordings import recording_of
from telemetry.agents.stored.replaying import StoredEvent

_LASTED = Names("duration_ms", "latency_ms", "elapsed_ms", "took_ms", "durationMs", "latencyMs")
_STACK = Names("stack", "stacktrace", "stack_trace", "traceback")
_ASKED = Names("prompt", "messages", "input", "query", "gen_ai.prompt")
_CAPTION = Names("caption", "title", "url", "page", "name", "alt")
_LEVEL = Names("level", "severity")
_ARTIFACT = Names("artifact_id", "artifactId")
_SHORT = 200


@dataclass(frozen=True)
class EventView:
    """`title`: what it is about, in a few words; `notes`: figures beside it. `pair`: the event that answers this one,
    or that it answers. `lasted_ms`: as it says itself, else until it was answered; None where neither is known.
    `recorded`: all of it, as JSON."""

    seq: int
    step: int | None
    type: str
    kind: Kind
    timestamp: str
    title: str = ""
    notes: Sequence[str] = ()
    texts: Sequence[Folded] = ()
    changes: Sequence[Change] = ()
    more_changes: int = 0
    picture: str | None = None
    failed: bool = False
    pair: int | None = None
    lasted_ms: float | None = None
    recorded: Sequence[Folded] = ()


@dataclass
class _Said:
    """What an event says, by type."""

    title: str = ""
    notes: list[str] = field(default_factory=list)
    texts: list[Folded] = field(default_factory=list)
    changes: Sequence[Change] = ()
    more_changes: int = 0
    picture: str | None = None


def event_views(events: Sequence[StoredEvent], state_before: Any = None) -> list[EventView]:
    """Events of one run by `seq`. `state_before`: the payload of the last state before them."""
    facts = [read_fact(event.seq, event.step, event.type, event.at_ms, event.payload) for event in events]
    answers, tools = _pairs(facts)
    at_ms = {event.seq: event.at_ms for event in events}
    views, state = [], state_before
    for event, fact in zip(events, facts, strict=True):
        layers = layers_of(event.payload)
        pair = answers.get(event.seq)
        said = _SAYS[event.type](fact, layers) if event.type in _SAYS else _Said()
        if event.type == "state":
            said.changes, said.more_changes = changes_between(state, event.payload)
            said.title = "" if said.changes else "the same as before"
            state = event.payload
        lasted = _lasted(layers)
        if lasted is None and pair is not None and pair > event.seq:
            lasted = max(0, at_ms[pair] - event.at_ms)
        view = EventView(
            seq=event.seq, step=event.step, type=event.type, kind=KINDS[event.type], timestamp=event.timestamp,
            title=_short(said.title or tools.get(event.seq, "")), notes=said.notes, texts=said.texts,
            changes=said.changes, more_changes=said.more_changes, picture=said.picture, failed=_failed(fact),
            pair=pair, lasted_ms=lasted, recorded=folded("As it was recorded", event.payload or None, closed=True),
        )  # fmt: skip
        views.append(view)
    return views


def _pairs(facts: Sequence[Fact]) -> tuple[Mapping[int, int], Mapping[int, str]]:
    """(calls and their answers by each other's `seq`, the tools of answers that do not name theirs)"""
    recording = recording_of(facts)
    pairs, tools = dict[int, int](), dict[int, str]()
    for call in recording.calls:
        if call.answered is not None and call.answered.seq != call.fact.seq:
            pairs[call.fact.seq], pairs[call.answered.seq] = call.answered.seq, call.fact.seq
            tools[call.answered.seq] = call.name
    return pairs, tools


def _failed(fact: Fact) -> bool:
    if fact.type == "end":
        return fact.failed or fact.error is not None
    return fact.type == "error" or fact.error is not None


def _lasted(layers: Layers) -> float | None:
    found = layers.first(_LASTED)
    fits = isinstance(found, int | float) and not isinstance(found, bool) and 0 <= found < 1e12
    return float(found) if fits else None


def _message(_fact: Fact, layers: Layers) -> _Said:
    return _Said(words.role_of(layers).capitalize(), texts=folded("", words.said_in(layers)))


def _llm_call(fact: Fact, layers: Layers) -> _Said:
    notes = [f"{fact.sent:,} tokens in, {fact.tokens - fact.sent:,} out"] if fact.tokens else []
    notes += [dollars(fact.cost_usd)] if fact.cost_usd else []
    notes += [fact.reason] if fact.reason else []
    asked = layers.first(_ASKED)
    texts = folded("Asked", asked, closed=True) if isinstance(asked, str | list | dict) else []
    return _Said(fact.tool, notes, [*texts, *folded("Answered", words.said_in(layers)), *_error_text(fact)])


def _tool_call(fact: Fact, layers: Layers) -> _Said:
    result = words.inline_result_of(layers)
    told = [] if result is UNSET else folded("Result", result)
    return _Said(fact.tool, texts=[*folded("Arguments", words.asked_of(layers), code=True), *told, *_error_text(fact)])


def _tool_result(fact: Fact, layers: Layers) -> _Said:
    result = words.result_of(layers)
    told = [] if result is UNSET or result == fact.error else folded("", result)
    notes = ["says that there is nothing"] if fact.barren and fact.error is None else []
    return _Said(fact.tool, notes, [*_error_text(fact), *told])


def _error(fact: Fact, layers: Layers) -> _Said:
    stack = layers.first(_STACK)
    handled = {True: ["handled"], False: ["not handled"], None: []}[fact.handled]
    return _Said(fact.tool, handled, [*folded("", fact.error), *folded("Stack", stack, code=True, closed=True)])


def _screenshot(_fact: Fact, layers: Layers) -> _Said:
    caption, artifact = layers.first(_CAPTION), layers.first(_ARTIFACT)
    known = isinstance(artifact, str) and looks_like_id(artifact, "art")
    said = _Said(caption if isinstance(caption, str) else "", picture=artifact if known else None)
    said.notes += [] if known else ["no picture was kept"]
    return said


def _log(_fact: Fact, layers: Layers) -> _Said:
    level = layers.first(_LEVEL)
    return _Said(text_of(level) if level else "", texts=folded("", words.said_in(layers)))


def _end(fact: Fact, layers: Layers) -> _Said:
    notes = [fact.reason] if fact.reason else []
    said = words.said_in(layers)
    return _Said(fact.status, notes, [*folded("", said), *(_error_text(fact) if fact.error != said else [])])


def _error_text(fact: Fact) -> list[Folded]:
    if fact.error is None:
        return []
    return folded("Error", fact.error or "It failed, and nothing more was recorded")


def _short(text: str) -> str:
    return text if len(text) <= _SHORT else f"{text[: _SHORT - 1]}…"


_SAYS = {
    "message": _message, "llm_call": _llm_call, "tool_call": _tool_call, "tool_result": _tool_result, "error": _error,
    "screenshot": _screenshot, "log": _log, "end": _end,
}  # fmt: skip
