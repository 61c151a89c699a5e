"""What the OpenAPI says of what Flask does not serve, or not as JSON: pings, the probe protocol, metrics."""

from __future__ import annotations

from typing import Any

import msgspec

from api.dialects import body_limit
from api.envelope import JSON
from api.errors import too_large
from api.routes import refusal
from model.protocol import LeaseAnswer, LeaseRequest, ResultAnswer, ResultBatch

_REF = "#/components/schemas/{name}"
_PREFIX = "Probe"
TAGS = (
    {"name": "Heartbeats", "description": "What a job calls when it is done. The address is the whole key."},
    {"name": "Probe protocol", "description": "What probes say; its reference is docs/reference/probe-protocol.md."},
)
SECURITY = {
    "probe_key": {"type": "http", "scheme": "bearer", "description": "A probe's key (`tprb_…`)."},
    "metrics_token": {"type": "http", "scheme": "bearer", "description": "TRACER_METRICS_TOKEN."},
    "internal_token": {
        "type": "http",
        "scheme": "bearer",
        "description": "TRACER_INTERNAL_TOKEN: of your own servers, never of a browser.",
    },
}


def paths() -> dict[str, Any]:
    """Path items by path."""
    return {
        "/ping/{token}": _ping("Say that a job is done", "ping", []),
        "/ping/{token}/{signal}": _ping(
            "Say that a job starts, failed, or what it wrote",
            "ping_signal",
            [
                {
                    "name": "signal",
                    "in": "path",
                    "required": True,
                    "description": "`start`, `fail`, `log`, or the exit code of the job: 0 is done, any other failed",
                    "schema": {"type": "string", "pattern": "^(start|fail|log|[0-9]{1,3})$"},
                }
            ],
        ),
        "/v1/probe/lease": _protocol("lease", "Ask for work, and wait for it", LeaseRequest, LeaseAnswer),
        "/v1/probe/results": _protocol("results", "Hand in results", ResultBatch, ResultAnswer),
        "/metrics": {"get": _METRICS},
    }


def schemas() -> dict[str, Any]:
    """The protocol's messages, made from the structs that are decoded."""
    messages = (LeaseRequest, LeaseAnswer, ResultBatch, ResultAnswer)
    _, components = msgspec.json.schema_components(
        messages, schema_hook=lambda _kind: {"description": "any JSON"}, ref_template=_REF
    )
    return {_PREFIX + name: _renamed(schema) for name, schema in components.items()}


def _renamed(value: Any) -> Any:
    """Names of their own: a run's assertion is another thing to a probe than to a person."""
    if isinstance(value, dict):
        return {key: _renamed(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_renamed(inner) for inner in value]
    start = _REF.format(name="")
    return start + _PREFIX + value.removeprefix(start) if isinstance(value, str) and value.startswith(start) else value


def _ping(summary: str, operation_id: str, more: list[dict[str, Any]]) -> dict[str, Any]:
    token = {"name": "token", "in": "path", "required": True, "schema": {"type": "string"}}
    about = "GET, HEAD and POST do the same. The first 10 kB posted are kept with the run."
    common: dict[str, Any] = {
        "tags": ["Heartbeats"],
        "summary": summary,
        "description": about,
        "parameters": [token, *more],
        "responses": {
            "200": {
                "description": "It is written down",
                "content": {"text/plain": {"schema": {"const": "OK"}, "example": "OK"}},
            },
            **{str(status): refusal(status) for status in (404, 429, 503)},
        },
        "security": [],
    }
    body = {"content": {"*/*": {"schema": {"type": "string"}}}}
    return {
        "get": {**common, "operationId": operation_id},
        "post": {**common, "operationId": f"post_{operation_id}", "requestBody": body},
    }


def _protocol(name: str, summary: str, asks: type[msgspec.Struct], answers: type[msgspec.Struct]) -> dict[str, Any]:
    def content(message: type[msgspec.Struct]) -> dict[str, Any]:
        return {JSON: {"schema": {"$ref": _REF.format(name=_PREFIX + message.__name__)}}}

    operation = {
        "tags": ["Probe protocol"],
        "summary": summary,
        "operationId": f"probe_{name}",
        "security": [{"probe_key": []}],
        "requestBody": {"required": True, "content": content(asks)},
        "responses": {
            "200": {"description": "Without the envelope", "content": content(answers)},
            **{str(status): refusal(status) for status in (400, 401, 426, 429, 503)},
            "413": refusal(413, phrase=too_large(body_limit(f"/v1/probe/{name}")).message),
        },
    }
    return {"post": operation}


_METRICS = {
    "tags": ["Service"],
    "summary": "Get figures for Prometheus",
    "description": "With a key of scope `read`: the checks of its organization. With TRACER_METRICS_TOKEN, or from the "
    "same host: the service's own.",
    "operationId": "metrics",
    "security": [{"key": []}, {"metrics_token": []}, {}],
    "responses": {
        "200": {
            "description": "Prometheus text format",
            "content": {
                "text/plain": {
                    "schema": {"type": "string"},
                    "example": 'tracer_check_up{id="mon_abc123",name="API",type="url",location="us-east"} 1.0',
                }
            },
        },
        **{str(status): refusal(status) for status in (401, 403, 429, 503)},
    },
}
