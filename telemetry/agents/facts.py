"""What of an event the detectors go by: little of each, so that a long run fits into memory."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import UNSET

from telemetry.agents import payload_words as words
from telemetry.agents.carried import ANSWER, carried_in
from telemetry.agents.endings import has_failed
from telemetry.agents.layers import Layers, Names, layers_of, own

_PEOPLE = ("user", "human", "system", "developer")
_PRICED = ("message", "llm_call", "tool_call", "tool_result")
"""An end, or a state, says what all of it cost."""
_MOST_SAID = 600
_MODEL = Names("model", "model_name", "gen_ai.request.model")
_HANDLED = Names("handled", "recovered")
_UNHANDLED = Names("unhandled", "uncaught", "fatal")
_DONE = Names("goal_met", "goal_reached", "goal_achieved", "task_completed", "complete", "done")
_COUNTED = ("pending", "todo", "todos", "unfinished", "open_tasks")
_REMAINS = Names("remaining", "remaining_steps", *_COUNTED)
"""Of _COUNTED a number counts too; what `remaining` counts may be left of a budget, as LangGraph's steps are."""
_OVER = frozenset(
    {"completed", "complete", "done", "finished", "cancelled", "canceled", "skipped", "closed", "resolved"}
)
_STATUS = Names("status", "outcome")
_LEVEL = Names("level", "severity")


class Fact(msgspec.Struct, gc=False):
    """An event. `step`: its own, else its `seq`. `asked`, `outcome`: equal for equal arguments and for equal answers
    (None: nothing was recorded; arguments that the trace says it leaves out, `captured: false`, equal no others).
    `barren`: the answer says that there is nothing. `error`: in words, None without one; `guessed`: from what the
    answer looks like. `handled`: whether somebody dealt with the error, as far as it says. `offered`: names of tools.
    `failed`: that the run, or a turn of it, ended so. `reason`: why a generation or the run ended. `limit`: tokens that
    the model takes, `tokens` all, `sent` those that went in; 0 where it is not said. `carried`: calls and answers of
    tools that stand in a message; they count in runs that tell of tools in no other way (recordings.py)."""

    seq: int
    step: int
    type: str
    at_ms: int
    by_person: bool = False
    tool: str = ""
    call_id: str = ""
    asked: bytes | None = None
    outcome: bytes | None = None
    barren: bool = False
    said: str = ""
    error: str | None = None
    guessed: bool = False
    handled: bool | None = None
    status: str = ""
    failed: bool = False
    reason: str = ""
    unfinished: bool = False
    sent: int = 0
    tokens: int = 0
    limit: int = 0
    cost_usd: float = 0.0
    offered: tuple[str, ...] = ()
    carried: tuple[Fact, ...] = ()


def read_fact(seq: int, step: int | None, kind: str, at_ms: int, payload: Any) -> Fact:
    """An event, as it is stored -> what it says."""
    fact = Fact(seq, seq if step is None else step, kind, at_ms)
    layers = layers_of(payload)
    if not layers.each:
        return fact
    read = _READERS.get(kind)
    if read is not None:
        read(fact, layers)
    if kind in _PRICED:
        fact.cost_usd = words.cost_of(layers)
    return fact


def _message(fact: Fact, layers: Layers) -> None:
    _says(fact, layers)
    _carries(fact, layers)
    answers = any(each.type == ANSWER for each in fact.carried)
    fact.by_person = not answers and words.role_of(layers) in _PEOPLE


def _carries(fact: Fact, layers: Layers) -> None:
    carried = carried_in(layers)
    if carried:
        fact.carried = tuple([read_fact(fact.seq, fact.step, kind, fact.at_ms, told) for kind, told in carried])


def _llm_call(fact: Fact, layers: Layers) -> None:
    _says(fact, layers)
    _carries(fact, layers)
    fact.error = words.error_of(layers)
    fact.reason = words.reason_of(layers)
    fact.sent, fact.tokens = words.tokens_of(layers)
    fact.limit = words.limit_of(layers)
    fact.offered = words.offered_in(layers)
    model = layers.first(_MODEL)
    fact.tool = model[:200] if isinstance(model, str) else ""


def _tool_call(fact: Fact, layers: Layers) -> None:
    fact.tool, fact.call_id = words.tool_of(layers), words.call_id_of(layers)
    fact.asked = words.arguments_of(layers) if layers.payload.get("captured") is not False else f"#{fact.seq}".encode()
    result = words.inline_result_of(layers)
    fact.error = words.error_of(layers.outermost, result)
    _is_told(fact, result)


def _tool_result(fact: Fact, layers: Layers) -> None:
    fact.tool, fact.call_id = words.tool_of(layers), words.call_id_of(layers)
    result = words.result_of(layers)
    fact.error = words.error_of(layers, result)
    _is_told(fact, result)


def _error(fact: Fact, layers: Layers) -> None:
    fact.error = words.words_of_error(layers)
    fact.tool, fact.call_id = words.tool_of(layers.outermost), words.call_id_of(layers.outermost)
    handled = layers.first(_HANDLED)
    unhandled = layers.first(_UNHANDLED)
    if isinstance(handled, bool):
        fact.handled = handled
    elif unhandled is True:
        fact.handled = False
    level = own(layers.payload, _LEVEL)
    if isinstance(level, str) and level.lower() in ("warning", "warn", "info", "debug"):
        fact.handled = True


def _state(fact: Fact, layers: Layers) -> None:
    fact.outcome = words.state_of(layers.payload)
    fact.offered = words.offered_in(layers)
    fact.unfinished = _is_unfinished(layers)


def _log(fact: Fact, layers: Layers) -> None:
    fact.said = words.said_in(layers)[:_MOST_SAID]


def _end(fact: Fact, layers: Layers) -> None:
    status = own(layers.payload, _STATUS)
    fact.status = status.lower()[:40] if isinstance(status, str) else ""
    fact.said = words.said_in(layers)[:_MOST_SAID]
    fact.error = words.own_error_of(layers)
    if not fact.status and words.says_failed(layers.payload):
        fact.status = "failed"
    fact.reason = words.reason_of(layers)
    fact.failed = has_failed(fact.status, fact.reason, fact.error)
    fact.unfinished = _is_unfinished(layers)


def _is_told(fact: Fact, result: Any) -> None:
    if fact.error is None:
        fact.error = words.guessed_error_of(result)
        fact.guessed = fact.error is not None
    if result is not UNSET:
        fact.outcome, fact.barren = words.key_of(result), words.is_empty(result)


def _is_unfinished(layers: Layers) -> bool:
    """Whether it says itself that something remains to be done."""
    if layers.lack(_DONE) and layers.lack(_REMAINS):
        return False
    said = layers.payload
    if any(said[name] is False for name in _DONE if name in said):
        return True
    return any(_remains(name, said[name]) for name in _REMAINS if name in said)


def _remains(name: str, value: Any) -> bool:
    if isinstance(value, list):
        return any(not _is_over(item) for item in value)
    return name in _COUNTED and isinstance(value, dict | int) and bool(value)


def _is_over(item: Any) -> bool:
    """A task that says that it is done: `{"task": "look", "status": "completed"}`, `{"task": "look", "done": true}`."""
    if not isinstance(item, dict):
        return False
    status = item.get("status", item.get("state"))
    return (isinstance(status, str) and status.lower() in _OVER) or any(
        item.get(name) is True for name in ("done", "completed", "complete", "checked")
    )


def _says(fact: Fact, layers: Layers) -> None:
    text = words.said_in(layers)
    if text:
        fact.said, fact.outcome = text[:_MOST_SAID], words.key_of(text)


_READERS = {
    "message": _message, "llm_call": _llm_call, "tool_call": _tool_call, "tool_result": _tool_result, "error": _error,
    "state": _state, "log": _log, "end": _end,
}  # fmt: skip
