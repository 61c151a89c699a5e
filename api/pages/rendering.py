"""A template as an answer, under the headers every page has."""

from __future__ import annotations

from typing import Any

from flask import Flask, Response, g, render_template

from api.pages import menu, words
from api.services import services
from model.times import iso
from model.verdict import wished

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
HTML = "text/html; charset=utf-8"


def install(app: Flask) -> None:
    """What templates say of instants, durations and values; and no text of theirs that would mislead the eye."""
    app.jinja_options = {**app.jinja_options, "finalize": words.inert}
    app.jinja_env.globals.update(
        main_menu=menu.main_menu,
        settings_menu=menu.settings_menu,
        alerts_menu=menu.alerts_menu,
        errors_menu=menu.errors_menu,
        agents_menu=menu.agents_menu,
        wished=wished,
    )
    app.jinja_env.filters.update(
        iso=iso,
        clock=words.clock,
        moment=words.moment,
        duration=words.duration,
        milliseconds=words.milliseconds,
        offset=words.offset,
        file_size=words.file_size,
        text_of=words.text_of,
        coded=words.coded,
        program=words.program,
    )


def render(template: str, http_status: int = 200, *, no_store: bool = False, **shown: Any) -> Response:
    """A page. `visitor` (who is signed in, or None) is there for every template. `no_store`: it holds what is to be
    used once, or by one."""
    page = render_template(f"pages/{template}", visitor=g.get("visitor"), public_url=services().public_url, **shown)
    response = Response(page, http_status, content_type=HTML)
    if no_store or http_status >= 400:
        response.headers["Cache-Control"] = "no-store"
    return secured(response)


def go_to(path: str) -> Response:
    """After a POST, or to where a visitor has to be first. `path` is one of ours."""
    response = Response(status=303)
    response.headers["Location"] = path
    response.headers["Cache-Control"] = "no-store"
    return secured(response)


def secured(response: Response) -> Response:
    """Nothing inline, nothing from elsewhere, in nobody's frame. The referrer stays on this site, and is sent there:
    without it browsers send `Origin: null` with our own forms."""
    headers = response.headers
    headers["Content-Security-Policy"] = CONTENT_SECURITY_POLICY
    headers["X-Content-Type-Options"] = "nosniff"
    headers["X-Frame-Options"] = "DENY"
    headers["Referrer-Policy"] = "same-origin"
    headers["Cross-Origin-Opener-Policy"] = "same-origin"
    response.vary.add("Cookie")
    return response
