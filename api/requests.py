"""Each request's own marks: an id on the answer and on every log line, and one access line without secrets."""

from __future__ import annotations

import secrets
import time

import structlog
from flask import Flask, Response, g, request

from api.answer_headers import HEADERS
from api.dialects import body_limit

_log = structlog.get_logger("api.access")


def new_request_id() -> str:
    return f"req_{secrets.token_hex(8)}"


def install(app: Flask) -> None:
    @app.before_request
    def begin() -> None:
        g.request_id = request.environ.get("tracer.request_id") or new_request_id()  # the server gives one
        g.began = time.perf_counter()
        request.max_content_length = body_limit(request.path)
        structlog.contextvars.bind_contextvars(request_id=g.request_id)

    @app.after_request
    def mark(response: Response) -> Response:
        response.headers["X-Request-Id"] = g.get("request_id", "")
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)
        response.headers.pop("Date", None)  # the server's own is right and enough
        # The rule, not the path: a path can hold a ping token, a query a search for something private.
        route = request.url_rule.rule if request.url_rule is not None else None
        _log.info(
            "api.request",
            method=request.method,
            route=route,
            status=response.status_code,
            ms=round((time.perf_counter() - g.began) * 1000, 1) if "began" in g else None,
        )
        return response

    @app.teardown_request
    def end(_error: BaseException | None) -> None:
        structlog.contextvars.unbind_contextvars("request_id", "organization_id", "key_id", "person_id")
