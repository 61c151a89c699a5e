"""An event of an agent's run as seed 002 sends it, read into what is stored of it."""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from typing import Any, Final

import msgspec

from model.times import parse_iso
from telemetry.agents.endings import COMPLETED, FAILED
from telemetry.agents.facts import read_fact
from telemetry.payloads import pack

TYPES: Final = (
    "message", "llm_call", "tool_call", "tool_result", "error", "screenshot", "state", "log", "end",
)  # fmt: skip
MOST_EVENTS = 1_000
"""Of one request."""
MOST_BYTES = 256 << 10
"""Of one event."""
_LARGEST_SEQ = 2**53 - 1
_MOST_KEY = 200
_LARGEST_STEP = 2**31 - 1
_LONGEST_TIME = 40
_QUOTE = b'"'
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_FIELDS = ("seq", "type", "timestamp", "idempotency_key", "step", "payload")


class RefusedError(ValueError):
    """An event that is not stored; the text says why. `field`: that is wrong, "" where it is none, and `reason` what is
    wrong with it. `conflict`: it fits by itself, but not to what is there."""

    def __init__(self, reason: str, *, field: str = "", conflict: bool = False) -> None:
        super().__init__(f"{field} {reason}".lstrip())
        self.field, self.reason = field, reason
        self.conflict = conflict


class AgentEvent(msgspec.Struct):
    """`at_ms`: by its sender's clock, which orders nothing. `digest`: of all that it says, so that the same event sent
    again is known. `kept`: its payload (telemetry/payloads.py). `ends`: the state that its session has from then on."""

    seq: int
    type: str
    timestamp: str
    at_ms: int
    idempotency_key: str
    step: int | None
    digest: bytes
    kept: bytes
    ends: str | None


def read_agent_event(item: Any, sent: bytes) -> AgentEvent:
    """`item`: as decoded, `sent`: as it came. RefusedError names the field."""
    if not isinstance(item, dict):
        raise RefusedError("an event must be an object")
    if len(sent) > MOST_BYTES:
        raise RefusedError(f"is too large: an event must not be larger than {MOST_BYTES >> 10} KiB", field="payload")
    unknown = sorted(set(item) - set(_FIELDS))
    if unknown:
        raise RefusedError("is not a field of an event: put it into payload", field=unknown[0][:60])
    kind = item.get("type")
    if kind not in TYPES:
        raise RefusedError(f"must be one of {', '.join(TYPES)}", field="type")
    timestamp, at_ms = _instant(item.get("timestamp"))
    payload = item.get("payload")
    if payload is None:
        payload = {}
    if not isinstance(payload, dict):
        raise RefusedError("must be an object", field="payload")
    event = AgentEvent(
        seq=_integer(item, "seq", 1, _LARGEST_SEQ),
        type=str(kind),
        timestamp=timestamp,
        at_ms=at_ms,
        idempotency_key=_key(item.get("idempotency_key")),
        step=None if item.get("step") is None else _integer(item, "step", 0, _LARGEST_STEP),
        digest=b"",
        kept=pack(payload),
        ends=_ended_as(payload) if kind == "end" else None,
    )
    whole = msgspec.json.encode(
        [event.seq, event.type, event.timestamp, event.idempotency_key, event.step, payload], order="deterministic"
    )
    if sent.count(_QUOTE) != whole.count(_QUOTE) + 2 * len(item):
        _refuse_doubled_keys(sent)  # some key, or an escaped quote, is not in what was read
    event.digest = hashlib.sha256(whole).digest()[:16]
    return event


def _ended_as(payload: dict[str, Any]) -> str:
    return FAILED if read_fact(0, None, "end", 0, payload).failed else COMPLETED


def _refuse_doubled_keys(sent: bytes) -> None:
    doubled: list[str] = []

    def look(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) != len(pairs):
            doubled.extend(name for name, count in Counter(name for name, _ in pairs).items() if count > 1)
        return found

    found = json.loads(sent, object_pairs_hook=look)
    if doubled:
        field = doubled[-1] if doubled[-1] in found else "payload"
        raise RefusedError(f"can't be read: the key {doubled[-1][:60]!r} stands there twice", field=field)


def _integer(item: dict[str, Any], name: str, least: int, most: int) -> int:
    value = item.get(name)
    if isinstance(value, float):
        raise RefusedError("must be an integer, written without a point and without an exponent", field=name)
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise RefusedError(f"must be an integer from {least} to {most}", field=name)
    return value


def _key(value: Any) -> str:
    if not isinstance(value, str) or not value or len(value) > _MOST_KEY or _CONTROL.search(value):
        raise RefusedError(f"must be a text of 1 to {_MOST_KEY} characters, in one line", field="idempotency_key")
    return value


def _instant(value: Any) -> tuple[str, int]:
    """As it was sent, and in ms."""
    try:
        if isinstance(value, str) and len(value) <= _LONGEST_TIME:
            return value, parse_iso(value)
    except ValueError:
        pass
    raise RefusedError("must be a time such as 2026-04-26T14:22:08.500Z", field="timestamp")
