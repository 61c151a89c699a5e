"""An event of an agent's run as seed 002 sends it, read into what is stored of it."""

from __future__ import annotations

import hashlib
import re
from typing import Any, Final

import msgspec

from model.times import parse_iso
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
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_FIELDS = ("seq", "type", "timestamp", "idempotency_key", "step", "payload")
_ENDED = {"failed": "failed", "error": "failed", "failure": "failed", "completed": "completed"}


class RefusedError(ValueError):
    """An event that is not stored; the text says why. `conflict`: it fits by itself, but not to what is there."""

    def __init__(self, reason: str, *, conflict: bool = False) -> None:
        super().__init__(reason)
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


def read_agent_event(item: Any, size_bytes: int) -> AgentEvent:
    """`item`: as decoded, of so many bytes. RefusedError names the field."""
    if not isinstance(item, dict):
        raise RefusedError("an event must be an object")
    if size_bytes > MOST_BYTES:
        raise RefusedError(f"an event must not be larger than {MOST_BYTES >> 10} KiB")
    unknown = sorted(set(item) - set(_FIELDS))
    if unknown:
        raise RefusedError(f"{unknown[0][:60]} is not a field of an event: put it into payload")
    kind = item.get("type")
    if kind not in TYPES:
        raise RefusedError(f"type must be one of {', '.join(TYPES)}")
    timestamp, at_ms = _instant(item.get("timestamp"))
    payload = item.get("payload")
    if payload is None:
        payload = {}
    if not isinstance(payload, dict):
        raise RefusedError("payload must be an object")
    event = AgentEvent(
        seq=_integer(item, "seq", 1, _LARGEST_SEQ),
        type=str(kind),
        timestamp=timestamp,
        at_ms=at_ms,
        idempotency_key=_key(item.get("idempotency_key")),
        step=None if item.get("step") is None else _integer(item, "step", 0, _LARGEST_STEP),
        digest=b"",
        kept=pack(payload),
        ends=_ENDED.get(str(payload.get("status", "completed")).lower(), "completed") if kind == "end" else None,
    )
    whole = msgspec.json.encode(
        [event.seq, event.type, event.timestamp, event.idempotency_key, event.step, payload], order="deterministic"
    )
    event.digest = hashlib.sha256(whole).digest()[:16]
    return event


def _integer(item: dict[str, Any], name: str, least: int, most: int) -> int:
    value = item.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise RefusedError(f"{name} must be an integer of {least} or more")
    return value


def _key(value: Any) -> str:
    if not isinstance(value, str) or not value or len(value) > _MOST_KEY or _CONTROL.search(value):
        raise RefusedError(f"idempotency_key must be a text of 1 to {_MOST_KEY} characters, in one line")
    return value


def _instant(value: Any) -> tuple[str, int]:
    """As it was sent, and in ms."""
    if not isinstance(value, str) or len(value) > 40:
        raise RefusedError("timestamp must be a time such as 2026-04-26T14:22:08.500Z")
    try:
        return value, parse_iso(value)
    except ValueError:
        raise RefusedError("timestamp must be a time such as 2026-04-26T14:22:08.500Z") from None
