"""Every way a request is refused, as one exception tree, turned into the error envelope in one place (DESIGN §7).

Refused (status, code, message, fields?)
├── Malformed 400          ├── Conflict 409             ├── RateLimited 429 + Retry-After
├── Unauthorized 401       ├── TooLarge 413             └── Unavailable 503 + Retry-After
├── PlanLimit 402          ├── UnsupportedMedia 415
├── Forbidden 403          └── Invalid 422 + fields
└── NotFound 404
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import structlog
from flask import Flask, Response, g, request
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from werkzeug.exceptions import HTTPException

from api.dialects import Refusal, body_limit, say

_log = structlog.get_logger(__name__)

CODES: Mapping[int, str] = {
    400: "malformed",
    401: "unauthorized",
    402: "plan_limit",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    409: "conflict",
    413: "too_large",
    415: "unsupported_media_type",
    422: "invalid",
    426: "upgrade_required",
    429: "rate_limited",
    500: "internal",
    503: "unavailable",
    507: "storage_full",
}
"""The code that goes with each status (CONTRACT, "Common")."""

_FROM_FLASK: Mapping[int, str] = {
    404: "There is nothing at this address; /docs lists what there is",
    405: "This address does not take this method; the Allow header lists those it takes",
}


class Refused(Exception):
    """A request that is answered with an error. `fields` maps a path such as assertions.0.value to its messages."""

    status = 400

    def __init__(
        self,
        message: str,
        *,
        fields: Mapping[str, Sequence[str]] | None = None,
        headers: Mapping[str, str] | None = None,
        more: Mapping[str, object] | None = None,
    ) -> None:
        """`more`: for programs, where an answer has room for it (api/dialects.py)."""
        super().__init__(message)
        self.message = message
        self.fields = fields
        self.headers = headers or {}
        self.more = more


class Malformed(Refused):
    """The request can't be read at all."""


class Unauthorized(Refused):
    status = 401

    def __init__(self, message: str) -> None:
        super().__init__(message, headers={"WWW-Authenticate": 'Bearer realm="tracer"'})


class PlanLimit(Refused):
    """The organization's plan allows no more."""

    status = 402


class Forbidden(Refused):
    status = 403


class NotFound(Refused):
    """No such thing, or one that belongs to another organization: the two can't be told apart from outside."""

    status = 404


def no_such(noun: str, named: str) -> NotFound:
    """With what was asked for: a mistyped id shows."""
    return NotFound(f"There is no {noun} {named[:100] if named.isprintable() else repr(named[:100])}")


class Conflict(Refused):
    status = 409


class TooLarge(Refused):
    status = 413


def too_large(most_bytes: int) -> TooLarge:
    """With how large it may be."""
    shown = f"{most_bytes >> 20} MiB" if most_bytes >= 1 << 20 else f"{most_bytes >> 10} KiB"
    return TooLarge(f"The body is larger than {shown}")


class UnsupportedMedia(Refused):
    status = 415


class Invalid(Refused):
    """Readable, but not acceptable: says what is wrong with which field."""

    status = 422

    def __init__(self, fields: Mapping[str, Sequence[str]], message: str | None = None) -> None:
        super().__init__(message or _summary(fields), fields=fields)


class RateLimited(Refused):
    status = 429

    def __init__(self, message: str, retry_after_s: int) -> None:
        super().__init__(message, headers={"Retry-After": str(retry_after_s)})


class Unavailable(Refused):
    status = 503

    def __init__(self, message: str, retry_after_s: int = 1) -> None:
        super().__init__(message, headers={"Retry-After": str(retry_after_s)})


def _summary(fields: Mapping[str, Sequence[str]]) -> str:
    name, messages = next(iter(fields.items()))
    rest = f" (and {len(fields) - 1} more)" if len(fields) > 1 else ""
    return f"{name}: {messages[0]}{rest}" if name else f"{messages[0]}{rest}"


STORE_AWAY = "The database can't be reached, or another process has locked it; try again shortly"

Page = Callable[[int, str, Mapping[str, str]], Response | None]
"""(status, message, headers) -> the error as a page, or None when it is a program that asks."""


def _respond(
    page: Page,
    status: int,
    message: str,
    *,
    fields: Mapping[str, Sequence[str]] | None = None,
    headers: Mapping[str, str] | None = None,
    more: Mapping[str, object] | None = None,
) -> Response:
    shown = page(status, message, headers or {})
    if shown is not None:
        return shown
    code = CODES.get(status, "malformed" if status < 500 else "internal")
    refusal = Refusal(status, code, message, g.get("request_id", ""), fields, more)
    said = say(request.path, refusal, request.content_type or "", of_a_project="project" in request.args)
    response = Response(said.body, said.status, content_type=said.content_type)
    response.headers["Cache-Control"] = "no-store"
    for name, value in {**said.headers, **(headers or {})}.items():
        response.headers[name] = value
    return response


def install(app: Flask, page: Page) -> None:
    """Answer every error of the app, in the envelope or as a page; a traceback goes to the log, never to the caller."""

    @app.errorhandler(Refused)
    def refused(error: Refused) -> Response:
        return _respond(page, error.status, error.message, fields=error.fields, headers=error.headers, more=error.more)

    @app.errorhandler(HTTPException)
    def from_flask(error: HTTPException) -> Response:
        status = error.code or 500
        headers = {name: value for name, value in error.get_headers() if name in ("Allow", "Location", "Retry-After")}
        message = _FROM_FLASK.get(status) or str(error.description)
        if status == TooLarge.status:
            message = too_large(body_limit(request.path)).message
        return _respond(page, status, message, headers=headers)

    @app.errorhandler(OperationalError)
    @app.errorhandler(PoolTimeoutError)
    def store_away(error: Exception) -> Response:
        _log.error("api.store_unavailable", error=str(error.__cause__ or error))
        return _respond(page, 503, STORE_AWAY, headers={"Retry-After": "1"})

    @app.errorhandler(Exception)
    def unexpected(error: Exception) -> Response:
        _log.error("api.internal_error", exc_info=error)
        return _respond(page, 500, "Something went wrong on our side; the log has more under this request id")
