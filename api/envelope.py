"""The envelope of every answer (seed 003): {"success", "data", "meta"?} or {"success": false, "error"}."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from flask import Response

JSON = "application/json"
_encoder = msgspec.json.Encoder()


def json_response(body: Any, status: int = 200, *, no_store: bool = False) -> Response:
    """`no_store` for answers that hold a secret: no cache on the way keeps them."""
    response = Response(_encoder.encode(body), status, content_type=JSON)
    if no_store:
        response.headers["Cache-Control"] = "no-store"
    return response


def success(
    data: Any,
    status: int = 200,
    *,
    meta: Mapping[str, Any] | None = None,
    warnings: Sequence[str] = (),
    no_store: bool = False,
) -> Response:
    """What worked. `warnings`: accepted, but deserves a look; they stand in `meta.warnings`."""
    body: dict[str, Any] = {"success": True, "data": data}
    told = {**(meta or {}), **({"warnings": list(warnings)} if warnings else {})}
    if told:
        body["meta"] = told
    return json_response(body, status, no_store=no_store)


def error_body(code: str, message: str, request_id: str, fields: Mapping[str, Sequence[str]] | None = None) -> bytes:
    """The error envelope as bytes: also for what answers before Flask is reached."""
    error: dict[str, Any] = {"code": code, "message": message}
    if fields:
        error["fields"] = {name: list(messages) for name, messages in fields.items()}
    error["request_id"] = request_id
    return _encoder.encode({"success": False, "error": error})
