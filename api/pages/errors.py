"""Errors for people who look at pages; programs get the envelope (api/errors.py)."""

from __future__ import annotations

from collections.abc import Mapping

from flask import Response, current_app, g, request

from api.pages.rendering import render

_PROGRAMS = ("/v1/", "/api/", "/ping/", "/metrics", "/health", "/openapi.json", "/static/")
_HEADINGS = {
    400: "This request can't be read",
    401: "This needs a sign-in",
    403: "This is not allowed",
    404: "There is nothing here",
    405: "This address does not work that way",
    409: "That can't be done any more",
    413: "That is too large",
    422: "Something in it does not fit",
    429: "Too many attempts",
    500: "Something went wrong on our side",
    503: "Tracer can't answer right now",
}


def error_page(status: int, message: str, headers: Mapping[str, str]) -> Response | None:
    """The error as a page, when the request was for one; else None."""
    if not _for_people():
        return None
    heading = _HEADINGS.get(status, "This did not work")
    response = render(
        "error.html", status, heading=heading, message=message, request_id=g.get("request_id", ""), number=status
    )
    for name, value in headers.items():
        if name != "WWW-Authenticate":
            response.headers[name] = value
    return response


def _for_people() -> bool:
    """What a page's view raised; and when a browser asks: a file's, and an address that does not exist."""
    accepted = request.accept_mimetypes
    wants_html = accepted["text/html"] > accepted["application/json"]
    if request.endpoint is None:
        return wants_html and not request.path.startswith(_PROGRAMS)
    view = current_app.view_functions.get(request.endpoint)
    return bool(getattr(view, "is_page", False)) or (wants_html and bool(getattr(view, "is_file", False)))
