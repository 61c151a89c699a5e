"""Forms for who is not signed in yet: a cookie of their own, which the form's token belongs to, so that nobody can be
signed in by another site's form; and the way in, once they proved who they are."""

from __future__ import annotations

import re
import secrets
from typing import Any

from flask import Response, request

from api.pages.forms import form_token, refuse_forged
from api.pages.gate import set_cookie
from api.pages.rendering import go_to, render
from api.session_cookie import cookie_name

_COOKIE = "tracer_form"
_LASTS_S = 3_600
_SECRET = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)


def open_form(template: str, status: int = 200, **shown: Any) -> Response:
    """A page with such a form."""
    held = request.cookies.get(_COOKIE, "")
    secret = held if _SECRET.fullmatch(held) else secrets.token_urlsafe(32)
    response = render(template, status, no_store=True, form_token=form_token(secret), **shown)
    set_cookie(response, _COOKIE, secret, _LASTS_S)
    return response


def refuse_forged_open() -> None:
    """Forbidden unless such a page of ours sent this."""
    refuse_forged(request.cookies.get(_COOKIE, ""))


def let_in(token: str | None, wanted: str) -> Response:
    """On to there, signed in by this session; None: by the one there is."""
    response = go_to(wanted)
    if token is not None:
        set_cookie(response, cookie_name(), token)
    response.delete_cookie(_COOKIE, path="/")
    return response
