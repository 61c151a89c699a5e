"""How a refusal is said, and how large a body may be, by where it is sent: each seed has words of its own.

Seed 003's paths answer in an envelope. Those of seeds 000 and 002, with `/artifacts`, say `{"error": {code, message,
request_id}}`; seed 001's says `{"error": "Invalid payload"}`; OTLP's exporters read a google.rpc.Status. What is wrong
others decide.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from api.envelope import JSON, error_body

ITEMS, EVENTS, TRACES = "/v1/ingest", "/v1/events", "/v1/traces"
STREAM = "/v1/stream"
OTLP = "/v1/otlp/"
SOURCE_MAPS = "/v1/sourcemaps"
AGENTS = "/api/"
PROBE_RESULTS = "/v1/probe/results"
PROTOBUF = "application/x-protobuf"
_BARE = (
    EVENTS, TRACES, OTLP.rstrip("/"), SOURCE_MAPS, "/v1/releases", "/v1/query", "/v1/issues", "/v1/projects",
    "/v1/generations", "/v1/alerts/rules", "/v1/alerts/firings", "/api", "/artifacts",
)  # fmt: skip
FROM_BROWSERS = (ITEMS, EVENTS, TRACES)
"""Where scripts of any origin may send to (api/cors.py)."""
FROM_SDKS = (ITEMS, EVENTS, TRACES, f"{OTLP}traces", f"{OTLP}v1/traces")
_FROM_AGENTS = re.compile(r"/api/traces(?:/[^/]+/events)?")
MAX_BODY_BYTES = 1 << 20
_LIMITS: Mapping[str, int] = {
    ITEMS: 256 << 10, TRACES: 5 << 20, OTLP: 5 << 20, SOURCE_MAPS: 51 << 20, AGENTS: 5 << 20, PROBE_RESULTS: 8 << 20,
}  # fmt: skip
"""A source map may have 50 MiB; around it stand the form's fields."""
_FILE_BYTES = (100 << 20) + (512 << 10)
"""The same of an agent's artifact, which may have 100 MiB, and less around it: who is refused is told 100 MiB."""
_FILES = re.compile(r"/api/traces/[^/]+/artifacts")
_TOO_LARGE = 413
_RPC_CODES = {400: 3, 401: 16, 403: 7, 404: 5, 413: 8, 429: 8, 503: 14}
CORS: Mapping[str, str] = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "POST, OPTIONS",
    "Access-Control-Allow-Headers": (
        "Authorization, Content-Encoding, Content-Type, X-CodeRadar-Auth, X-Open-Sentry-Key, X-Sentry-Clone-Key"
    ),
    "Access-Control-Expose-Headers": "Retry-After, X-Request-Id",
    "Access-Control-Max-Age": "86400",
    "Access-Control-Allow-Private-Network": "true",
    "Cross-Origin-Resource-Policy": "cross-origin",
}
"""A public key is all that counts, and it is in the page; no cookie is looked at."""


class Refusal(NamedTuple):
    """What is wrong. `more` stands beside the message, where there is a place for it."""

    status: int
    code: str
    message: str
    request_id: str
    fields: Mapping[str, Sequence[str]] | None = None
    more: Mapping[str, Any] | None = None


class Said(NamedTuple):
    status: int
    body: bytes
    content_type: str
    headers: Mapping[str, str]


def say(path: str, refusal: Refusal, content_type: str = "", *, of_a_project: bool = False) -> Said:
    """The answer. `content_type`: of the request; `of_a_project`: whether it names one: a stream of its events is seed
    000's, any other the organization's own."""
    bare = is_bare(path) or (path == STREAM and of_a_project)
    status = 400 if refusal.status == 422 and bare and not path.startswith(AGENTS) else refusal.status
    refusal = refusal._replace(status=status, code="malformed" if status != refusal.status else refusal.code)
    headers = CORS if path in FROM_BROWSERS else {}
    if path == ITEMS:
        return Said(status, msgspec.json.encode({"error": _word(refusal)}), JSON, headers)
    if path.startswith(OTLP):
        return _as_status(refusal, content_type)
    if bare:
        return Said(status, _bare(refusal), JSON, headers)
    return Said(status, error_body(*refusal[1:5]), JSON, headers)


def is_bare(path: str) -> bool:
    """Whether a path's answers stand in no envelope."""
    return path == ITEMS or any(path == known or path.startswith(f"{known}/") for known in _BARE)


def comes_in_storms(path: str) -> bool:
    """Whether what is sent to a path comes by the thousand when something goes wrong."""
    return path in FROM_SDKS or _FROM_AGENTS.fullmatch(path) is not None


def takes_files(path: str) -> bool:
    """Whether what is sent to a path is read while it arrives, and never in memory as a whole."""
    return _FILES.fullmatch(path) is not None


def body_limit(path: str) -> int:
    """How many bytes the body of a request to this path may have."""
    if takes_files(path):
        return _FILE_BYTES
    for family in (OTLP, AGENTS):
        if path.startswith(family):
            return _LIMITS[family]
    return _LIMITS.get(path, MAX_BODY_BYTES)


def _word(refusal: Refusal) -> str:
    return "Payload too large" if refusal.status == _TOO_LARGE else refusal.message


def _bare(refusal: Refusal) -> bytes:
    error: dict[str, Any] = {"code": refusal.code, "message": refusal.message, **(refusal.more or {})}
    if refusal.fields:
        error["fields"] = {name: list(messages) for name, messages in refusal.fields.items()}
    return msgspec.json.encode({"error": {**error, "request_id": refusal.request_id}})


def _as_status(refusal: Refusal, content_type: str) -> Said:
    code = _RPC_CODES.get(refusal.status, 13)
    if content_type.partition(";")[0].strip().lower() == PROTOBUF:
        from google.rpc.status_pb2 import Status  # protobuf takes a while to load, and most need none of it

        body = Status(code=code, message=refusal.message).SerializeToString()
        return Said(refusal.status, body, PROTOBUF, {})
    body = msgspec.json.encode({"code": code, "message": refusal.message})
    return Said(refusal.status, body, JSON, {})
