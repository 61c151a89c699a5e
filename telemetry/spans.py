"""A span as seed 000 sends it, read into what is stored of it."""

from __future__ import annotations

from typing import Any

import msgspec

from telemetry.aging import OLDEST_MS, precise
from telemetry.events import MOST_BYTES, DroppedError, named
from telemetry.payloads import pack


class Span(msgspec.Struct):
    """What is stored of one. Times are ms with fractions, as its sender's clock had them: what counts is how they lie
    to one another."""

    project: int
    trace_id: str
    span_id: str
    parent_span_id: str | None
    name: str
    op: str
    status: str
    start_ms: float
    end_ms: float
    environment: str | None
    release: str | None
    payload: bytes


def read_span(item: Any, project: int, received_ms: int, *, raw: bytes | None = None) -> Span:
    """`item`: as decoded; `raw`: its JSON, where that is at hand. DroppedError."""
    if not isinstance(item, dict):
        raise DroppedError("invalid: span")
    if raw is not None and len(raw) > MOST_BYTES:
        raise DroppedError("too_large")
    start_ms = _time(item, "start_timestamp")
    if start_ms is None:
        raise DroppedError("invalid: start_timestamp")
    end_ms = _time(item, "end_timestamp")
    if end_ms is not None and end_ms < start_ms:
        raise DroppedError("invalid: end_timestamp")
    if start_ms < received_ms - OLDEST_MS:
        raise DroppedError("too_old")
    attributes = item.get("attributes")
    if attributes is not None and not isinstance(attributes, dict):
        raise DroppedError("invalid: attributes")
    return Span(
        project=project,
        trace_id=_id(item, "trace_id"),
        span_id=_id(item, "span_id"),
        parent_span_id=named(item, "parent_span_id", 128),
        name=_short(item, "name", 300) or _short(item, "op", 300) or "(no name)",
        op=_short(item, "op", 100),
        status=_short(item, "status", 40) or "ok",
        start_ms=start_ms,
        end_ms=start_ms if end_ms is None else end_ms,
        environment=named(item, "environment", 200),
        release=named(item, "release", 200),
        payload=pack(item if raw is None else raw),
    )


def _id(item: dict[str, Any], name: str) -> str:
    found = named(item, name, 128)
    if found is None:
        raise DroppedError(f"invalid: {name}")
    return found


def _short(item: dict[str, Any], name: str, most: int) -> str:
    value = item.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise DroppedError(f"invalid: {name}")
    return value[:most]


def _time(item: dict[str, Any], name: str) -> float | None:
    value = item.get(name)
    if value is None:
        return None
    try:
        return precise(value)
    except ValueError:
        raise DroppedError(f"invalid: {name}") from None
