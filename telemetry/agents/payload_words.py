"""The names under which traces of agents say one thing: OpenAI's, Anthropic's, LangChain's, OpenTelemetry's, MCP's.

Whatever a payload holds, these functions answer with plain values of one kind, or with nothing; they never raise.
"""

from __future__ import annotations

import re
from functools import lru_cache
from hashlib import blake2b
from typing import Any

import msgspec
from msgspec import UNSET

from telemetry.agents.layers import Layers, Names, layers_of, own
from telemetry.sdk_json import BadBodyError, decode

_TOOL = Names("tool", "tool_name", "toolName", "name", "function_name", "gen_ai.tool.name")
_CALL_ID = Names("tool_call_id", "tool_use_id", "toolCallId", "toolUseId", "call_id", "gen_ai.tool.call.id", "id")
ARGUMENTS = Names(
    "arguments", "args", "input", "tool_input", "toolInput", "parameters", "params", "kwargs",
    "gen_ai.tool.call.arguments", "inputs", "input_str", "tool_args", "toolArgs", "tool_arguments",
)  # fmt: skip
_RESULT = Names("result", "output", "content", "observation", "response", "return_value", "value", "text", "data",
           "gen_ai.tool.call.result")  # fmt: skip
_SAID = Names("content", "text", "output", "completion", "response", "message", "answer", "final_answer", "output_text")
_ERROR = Names("error", "exception", "error_message", "errorMessage", "err", "failure")
_REASON = Names(
    "reason", "finish_reason", "stop_reason", "end_reason", "termination_reason", "finishReason", "stopReason"
)
_INPUT_TOKENS = Names("input_tokens", "prompt_tokens", "inputTokens", "promptTokens", "prompt_token_count",
                 "promptTokenCount", "gen_ai.usage.input_tokens", "input", "prompt")  # fmt: skip
_BESIDE = ("cache_read_input_tokens", "cache_creation_input_tokens")
"""Anthropic counts these beside the input; others count them in it, under other names."""
_OUTPUT_TOKENS = Names(
    "output_tokens", "completion_tokens", "outputTokens", "completionTokens", "candidates_token_count",
    "candidatesTokenCount", "gen_ai.usage.output_tokens", "output", "completion",
)  # fmt: skip
_TOTAL_TOKENS = Names("total_tokens", "totalTokens", "total_token_count", "totalTokenCount", "tokens", "total")
_COST = Names("cost_usd", "total_cost_usd", "costUsd", "total_cost", "cost", "price_usd")
_LIMIT = Names(
    "context_limit", "context_window", "max_context_tokens", "context_length", "max_input_tokens", "model_limit",
    "token_limit", "max_context_length",
)  # fmt: skip
_OFFERED = Names("tools", "available_tools", "tool_names", "functions", "tool_definitions", "gen_ai.tool.definitions")
_ALSO_SAID = Names("message", "stderr")
_ERROR_KIND = Names("type", "code", "error_type")
_ROLE = Names("role", "from", "sender", "author", "speaker")
_FINISH_REASONS = Names("gen_ai.response.finish_reasons")
_MESSAGE = Names("message")
_PARTS = Names("content", "text", "parts")
_YES_FAILED = Names("error", "is_error", "isError", "failed")
_NO_FAILED = Names("success", "ok")
_EXIT = Names("exit_code", "exitCode", "returncode")
_HTTP_STATUS = Names("status_code", "statusCode", "http_status")
_OUTCOMES = Names(*_YES_FAILED, *_NO_FAILED, *_EXIT, *_HTTP_STATUS, "status")
_OF_A_CALL = frozenset({
    *_TOOL, *_CALL_ID, *ARGUMENTS, *_OUTCOMES, *_COST, "type", "serialized", "function", "tool_call", "tool_use",
    "action", "captured", "index", "tags", "metadata", "attributes", "usage", "tokens", "result", "output",
    "observation",
})  # fmt: skip
"""What a call says beside its arguments."""
_OF_AN_ERROR = frozenset({"status", "message", "code", "error_code", "data", "detail", "details", "type", "request_id"})
"""An answer with `status: "error"` and no more than this tells of itself, not of something that it was asked about."""
_FAILED = frozenset({"error", "errored", "failed", "failure", "timeout", "timed_out", "exception"})
_LOOKS_FAILED = re.compile(
    r"\s*(?:Traceback \(most recent call last\)|\S{1,100} is not a valid tool, try one of|"
    r"(?:(?:\w+\.)*\w*(?:Error|Exception)\b\s*[:(]|error\s*:|exception\s*:)"
    r"(?!\s*(?:none|no errors?|null|nil|false|0)\b)(?!(?:[^\n]*\n){3}(?!\s+at |\s*File |\s*Caused by)))",
    re.ASCII | re.IGNORECASE,
)
"""A traceback, or some lines that begin as errors do: what goes on after that is a document with such a beginning."""
_NO_ERROR = frozenset({"none", "null", "nil", "no", "no error", "no errors", "n/a", "ok", "false", "0", "-"})
_EMPTY_TEXT = re.compile(
    r"\s*(?:no (?:results?|matches|match|data|items?|records?|hits|\w+ (?:were |was )?found)|nothing (?:was )?found|"
    r"not found|none|empty|0 (?:results?|matches|items?)|\[\]|\{\}|null)?[\s.!]*",
    re.ASCII | re.IGNORECASE,
)
_VOLATILE = re.compile(
    r"(?:\w*_)?(?:id|at|ms|time|timestamp|step|iteration|turn|attempt|seq|elapsed|duration|latency|tokens|cost_usd)",
    re.ASCII | re.IGNORECASE,
)
_COUNTS = ("count", "total", "total_results", "hits")
_HTTP_FAILED = 400
_MOST_WHOLE = 2**53
_SHORT = 64
_MOST_NAME, _MOST_SAID, _MOST_NAMES = 200, 600, 1_000
_encode = msgspec.json.Encoder(order="sorted").encode


def key_of(value: Any) -> bytes:
    """The same for equal values, whatever the order of their fields."""
    whole = _encode(value)
    return whole if len(whole) <= _SHORT else blake2b(whole, digest_size=16).digest()


def tool_of(layers: Layers) -> str:
    for place, name in layers.shape[_TOOL]:
        value = layers.each[place][name]
        if isinstance(value, dict):
            value = value.get("name")
        if isinstance(value, str) and value:
            return value[:_MOST_NAME].removeprefix("functions.")
    return ""


def call_id_of(layers: Layers) -> str:
    found = layers.first(_CALL_ID)
    return found[:_MOST_NAME] if isinstance(found, str) else ""


def asked_of(layers: Layers) -> Any:
    """What a tool was called with: its arguments, else what stands beside its name under names of the caller's own
    (`{"tool": "search", "city": "Bern"}`); None where nothing was recorded."""
    found = layers.first(ARGUMENTS)
    if found is not None:
        return decoded(found)
    payload = layers.payload
    beside = [name for name in payload if name not in _OF_A_CALL and not _is_volatile(name)]
    return {name: payload[name] for name in beside} if beside else None


def arguments_of(layers: Layers) -> bytes:
    return key_of(asked_of(layers))


def result_of(layers: Layers) -> Any:
    """What a tool answered; UNSET where that was not recorded."""
    for place, name in layers.shape[_RESULT]:
        if place == 0 or name in ("content", "output", "result"):
            return _plain(layers.each[place][name])
    return UNSET


def inline_result_of(layers: Layers) -> Any:
    """What a call itself says that it was answered; UNSET where it does not."""
    for name in ("result", "output", "observation"):
        if layers.payload.get(name) is not None:
            return _plain(layers.payload[name])
    return UNSET


def _plain(value: Any) -> Any:
    """MCP's and Anthropic's lists of parts as their text; JSON in a text, read."""
    if isinstance(value, list) and value and all(isinstance(part, dict) and "text" in part for part in value):
        value = _text(value)
    return decoded(value)


def decoded(value: Any) -> Any:
    """OpenAI's arguments are JSON in a text: read, so that its spaces count for nothing."""
    if isinstance(value, str) and value[:1] in ("{", "["):
        try:
            return decode(value.encode())
        except BadBodyError:
            return value
    return value


def is_empty(value: Any) -> bool:
    """Whether an answer says that there is nothing: no text, no rows, "no results", `{"results": [], "count": 0}`."""
    if isinstance(value, str):
        return _EMPTY_TEXT.fullmatch(value[:_MOST_SAID]) is not None
    if isinstance(value, dict):
        held = [item for item in value.values() if isinstance(item, list | dict)]
        counted = [value[name] for name in _COUNTS if value.get(name)]
        return not value or (bool(held) and not any(held) and not counted)
    return value is None or value == []


def own_error_of(layers: Layers) -> str | None:
    """What is named as an error, in words; None where nothing is."""
    for place, name in layers.shape[_ERROR]:
        value = layers.each[place][name]
        if value and value is not True and not _is_none(value):
            return _words(value)
    return None


def error_of(layers: Layers, result: Any = UNSET) -> str | None:
    """What is said to have gone wrong, in words; "" where it only says that it did; None where nothing did."""
    named = own_error_of(layers)
    if named is not None:
        return named
    if isinstance(result, dict) and (
        (result.get("error") and not _is_none(result["error"]))
        or result.get("isError") is True
        or any(result.get(name) is False for name in _NO_FAILED)
        or (result.get("status") == "error" and _OF_AN_ERROR.issuperset(result) and not result.get("data"))
    ):
        return _words(result["error"] if result.get("error") not in (None, True) else result)
    if layers.lack(_OUTCOMES) or not any(says_failed(layer) for layer in layers.each[:3]):
        return None
    said = _words(layers.first(_ALSO_SAID)) or _words("" if result is UNSET else result)
    status = layers.first(_HTTP_STATUS)
    if isinstance(status, int) and status >= _HTTP_FAILED and str(status) not in said:
        return f"HTTP {status}: {said}" if said else f"HTTP {status}"
    return None if not said and _only_says_no(layers) else said


def _only_says_no(layers: Layers) -> bool:
    """`exit_code: 1` and not a word: so grep, diff and test say that there is no match, a difference, a no."""
    told = {name: value for layer in layers.each[:3] for name in _OUTCOMES if (value := layer.get(name)) is not None}
    codes = [told.pop(name) for name in _EXIT if name in told]
    return codes == [1] and not says_failed(told)


def guessed_error_of(result: Any) -> str | None:
    """An answer that looks like an error, though nothing says that it is one."""
    return result[:_MOST_SAID] if isinstance(result, str) and _LOOKS_FAILED.match(result) else None


def _is_none(value: Any) -> bool:
    return isinstance(value, str) and value.strip().rstrip(".").lower() in _NO_ERROR


def says_failed(layer: dict[str, Any]) -> bool:
    """`is_error: true`, `ok: false`, `exit_code: 1`, `status: "failed"`."""
    if _OUTCOMES.known.isdisjoint(layer):
        return False
    if any(layer.get(name) is True for name in _YES_FAILED) or any(layer.get(name) is False for name in _NO_FAILED):
        return True
    if any(layer.get(name) not in (None, 0, "0") for name in _EXIT):
        return True
    if any(isinstance(found := layer.get(name), int) and found >= _HTTP_FAILED for name in _HTTP_STATUS):
        return True
    status = layer.get("status")
    return isinstance(status, str) and status.lower() in _FAILED


def _words(value: Any) -> str:
    """A text, or what an object says of itself: its type and its message."""
    if isinstance(value, str):
        return value[:_MOST_SAID]
    if isinstance(value, dict):
        told = [value.get(name) for name in ("type", "code", "name", "message", "msg", "detail", "error", "content")]
        parts = [part for part in told if isinstance(part, str) and part]
        if parts:
            return ": ".join(parts)[:_MOST_SAID]
    return "" if value is None else _encode(value)[:_MOST_SAID].decode(errors="replace")


def words_of_error(layers: Layers) -> str:
    """What an event of type error says."""
    found = error_of(layers)
    if found:
        told, message = own(layers.payload, _ERROR_KIND), own(layers.payload, _MESSAGE)
        parts = [part for part in (told, found, message) if isinstance(part, str) and part]
        return ": ".join(dict.fromkeys(parts))[:_MOST_SAID]
    return _words(layers.payload) if layers.each else ""


def said_in(layers: Layers) -> str:
    """The agent's words, or the person's: a text, or Anthropic's, Gemini's and OpenAI's lists of parts."""
    for place, name in layers.shape[_SAID]:
        text = _text(layers.each[place][name])
        if text:
            return text
    return ""


def _text(value: Any, deep: int = 2) -> str:
    """`deep`: how often a part may have parts itself (OpenAI's `output: [{"content": [{"text": …}]}]`)."""
    if isinstance(value, str):
        return value
    if isinstance(value, dict):
        held = own(value, _PARTS)
        return held if isinstance(held, str) else _text(held, deep) if isinstance(held, list) and deep else ""
    if isinstance(value, list):
        parts = [part if isinstance(part, str) else _text(part, deep - 1) for part in value]
        return "\n".join(part for part in parts if part)
    return ""


def role_of(layers: Layers) -> str:
    found = own(layers.payload, _ROLE)
    return found.lower()[:40] if isinstance(found, str) else ""


def reason_of(layers: Layers) -> str:
    """Why a generation, or a run, ended."""
    found = layers.first(_REASON)
    if found is None:
        found = layers.first(_FINISH_REASONS)
        found = found[0] if isinstance(found, list) and found else None
    return found.lower()[:100] if isinstance(found, str) else ""


def tokens_of(layers: Layers) -> tuple[int, int]:
    """(what went in, all)"""
    place, sent = _whole(layers, _INPUT_TOKENS)
    if sent:
        counted = layers.each[place]
        sent += sum(held for name in _BESIDE if isinstance(held := counted.get(name), int) and 0 < held < _MOST_WHOLE)
    _, got = _whole(layers, _OUTPUT_TOKENS)
    return sent, sent + got or _whole(layers, _TOTAL_TOKENS)[1]


def limit_of(layers: Layers) -> int:
    """How many tokens the model takes, where the trace says so; else 0."""
    return _whole(layers, _LIMIT)[1]


def cost_of(layers: Layers) -> float:
    """US dollars; 0 where it is not said."""
    for place, name in layers.shape[_COST]:
        value = layers.each[place][name]
        if isinstance(value, dict):
            value = value.get("total", value.get("usd"))
        if isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < 1e9:
            return float(value)
    return 0.0


def offered_in(layers: Layers) -> tuple[str, ...]:
    """The names of the tools that an agent is given."""
    found = layers.first(_OFFERED)
    if isinstance(found, dict):
        return tuple(list(found)[:_MOST_NAMES])
    if not isinstance(found, list):
        return ()
    names = [item if isinstance(item, str) else tool_of(layers_of(item)) for item in found[:_MOST_NAMES]]
    return tuple(name.removeprefix("functions.") for name in names if name)


def state_of(payload: Any) -> bytes:
    """A state without what differs each time: counters, clocks, ids."""
    if isinstance(payload, dict):
        payload = {name: value for name, value in payload.items() if not _is_volatile(name)}
    return key_of(payload)


@lru_cache(maxsize=10_000)
def _is_volatile(name: str) -> bool:
    return _VOLATILE.fullmatch(name) is not None


def _whole(layers: Layers, names: Names) -> tuple[int, int]:
    """(the layer in which it stands, the number); 0 where it is not said."""
    for place, name in layers.shape[names]:
        value = layers.each[place][name]
        if isinstance(value, int) and not isinstance(value, bool) and 0 < value < _MOST_WHOLE:
            return place, value
    return 0, 0
