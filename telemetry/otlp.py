"""OTLP traces, as protobuf or JSON -> spans, and an event for each exception that a span recorded."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence
from hashlib import blake2b
from typing import Any

from google.protobuf.json_format import ParseDict, ParseError
from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span as Sent

from telemetry.frames import written
from telemetry.sdk_json import BadBodyError

_KINDS = ("internal", "internal", "server", "client", "producer", "consumer")
_STATUSES = ("unset", "ok", "error")
_IDS = ("traceId", "spanId", "parentSpanId", "trace_id", "span_id", "parent_span_id")
_MOST_DEPTH = 20
_NS = 1_000_000_000


def from_protobuf(body: bytes) -> ExportTraceServiceRequest:
    """BadBodyError when it is none."""
    request = ExportTraceServiceRequest()
    try:
        request.ParseFromString(body)
    except DecodeError:
        raise BadBodyError("The body is not an ExportTraceServiceRequest") from None
    return request


def from_json(value: Any) -> ExportTraceServiceRequest:
    """`value`: the decoded JSON, in which ids are hexadecimal. BadBodyError."""
    request = ExportTraceServiceRequest()
    if not isinstance(value, dict):
        raise BadBodyError("The body must be a JSON object")
    try:
        ParseDict(_with_bytes(value), request, ignore_unknown_fields=True)
    except (ParseError, ValueError, TypeError, AttributeError, RecursionError):
        raise BadBodyError("The body is not an ExportTraceServiceRequest in OTLP's JSON") from None
    return request


def read_request(request: ExportTraceServiceRequest) -> Iterator[tuple[dict[str, Any], list[dict[str, Any]]]]:
    """Each span as seed 000 has spans, with the events of the exceptions in it."""
    for of_resource in request.resource_spans:
        resource = attributes(of_resource.resource.attributes)
        about = _about(resource)
        for of_scope in of_resource.scope_spans:
            for span in of_scope.spans:
                shown = _span(span, resource, about)
                yield shown, _exceptions(span, shown, about)


def attributes(pairs: Sequence[KeyValue]) -> dict[str, Any]:
    """Attributes as plain values."""
    return {pair.key: _value(pair.value) for pair in pairs}


def _value(value: AnyValue, depth: int = 0) -> Any:
    kind = value.WhichOneof("value")
    if kind is None or depth > _MOST_DEPTH:
        return None
    if kind == "array_value":
        return [_value(item, depth + 1) for item in value.array_value.values]
    if kind == "kvlist_value":
        return {pair.key: _value(pair.value, depth + 1) for pair in value.kvlist_value.values}
    if kind == "bytes_value":
        return base64.b64encode(value.bytes_value).decode()
    found = getattr(value, kind)
    return str(found) if isinstance(found, float) and (found != found or abs(found) == float("inf")) else found


def _about(resource: dict[str, Any]) -> dict[str, str]:
    """What the resource says of everything in it."""
    named = {
        "release": resource.get("service.version"),
        "environment": resource.get("deployment.environment.name") or resource.get("deployment.environment"),
        "service": resource.get("service.name"),
    }
    return {name: value for name, value in named.items() if isinstance(value, str) and value}


def _span(span: Sent, resource: dict[str, Any], about: dict[str, str]) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "trace_id": span.trace_id.hex(),
        "span_id": span.span_id.hex(),
        "parent_span_id": span.parent_span_id.hex() or None,
        "name": span.name.replace("\0", "") or "(no name)",
        "op": _KINDS[span.kind] if 0 <= span.kind < len(_KINDS) else "internal",
        "status": _STATUSES[span.status.code] if 0 <= span.status.code < len(_STATUSES) else "unset",
        "start_timestamp": span.start_time_unix_nano / _NS,
        "end_timestamp": max(span.end_time_unix_nano, span.start_time_unix_nano) / _NS,
        "attributes": attributes(span.attributes),
        "resource": resource,
        **{name: about[name] for name in ("release", "environment", "service") if name in about},
    }
    if span.status.message:
        shown["status_message"] = span.status.message
    if span.links:
        shown["links"] = [{"trace_id": link.trace_id.hex(), "span_id": link.span_id.hex()} for link in span.links]
    if span.events:
        shown["events"] = [
            {"name": event.name, "timestamp": event.time_unix_nano / _NS, "attributes": attributes(event.attributes)}
            for event in span.events
        ]
    return shown


def _exceptions(span: Sent, shown: dict[str, Any], about: dict[str, str]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for number, event in enumerate(span.events):
        if event.name != "exception":
            continue
        told = attributes(event.attributes)
        kind, value, trace = (
            str(told.get(f"exception.{name}") or "").replace("\0", "") for name in ("type", "message", "stacktrace")
        )
        exception: dict[str, Any] = {"type": kind[:1000], "value": value}
        frames = written(trace)
        if frames:
            exception["stacktrace"] = {"frames": frames}
        digest = _same_exception(span, number, kind, value, frames)
        tags: dict[str, str] = {"service": about["service"]} if "service" in about else {}
        found.append(
            {
                "event_id": f"otel_{digest}",
                "timestamp": event.time_unix_nano / _NS if event.time_unix_nano else None,
                "level": "error",
                "exception": exception,
                "transaction": shown["name"],
                "trace_id": shown["trace_id"],
                "span_id": shown["span_id"],
                "tags": tags,
                **{name: about[name] for name in ("release", "environment") if name in about},
            }
        )
        if trace and not frames:
            found[-1]["stacktrace"] = trace
    return found


def _same_exception(span: Sent, number: int, kind: str, value: str, frames: Sequence[dict[str, Any]]) -> str:
    """An exception is recorded anew by each span that it passes on its way up, with as many calls as it has passed by
    then: it is one by what it says and where it was raised in a trace."""
    if not frames:
        return blake2b(span.trace_id + span.span_id + number.to_bytes(4), digest_size=12).hexdigest()
    raised = frames[-1]
    where = [kind, value, *(str(raised.get(name)) for name in ("filename", "function", "lineno"))]
    return blake2b(span.trace_id + "\0".join(where).encode(errors="replace"), digest_size=12).hexdigest()


def _with_bytes(value: Any) -> Any:
    """OTLP's JSON writes ids in hexadecimal, where protobuf's JSON has base64."""
    if isinstance(value, dict):
        return {key: _base64(item) if key in _IDS else _with_bytes(item) for key, item in value.items()}
    return [_with_bytes(item) for item in value] if isinstance(value, list) else value


def _base64(text: Any) -> str:
    return base64.b64encode(bytes.fromhex(text)).decode() if isinstance(text, str) else ""
