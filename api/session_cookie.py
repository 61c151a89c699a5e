"""The cookie of a browser that signed in."""

from __future__ import annotations

from flask import request

from api.services import services


def session_token() -> str | None:
    """What this request's cookie says."""
    return request.cookies.get(cookie_name())


def cookie_name() -> str:
    """With https, a name that browsers take from this host over https alone (RFC 6265bis, `__Host-`)."""
    return "__Host-tracer_session" if secure() else "tracer_session"


def secure() -> bool:
    return services().public_url.startswith("https://")
