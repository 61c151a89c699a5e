"""/login and sign-out: a session in exchange for an API key."""

from __future__ import annotations

import re
import secrets
from typing import cast

from flask import Blueprint, Flask, Response, current_app, g, request

from api.access import Scope, whole
from api.actors import act_as_key
from api.errors import RateLimited
from api.pages.forms import form_token, local_path, refuse_forged
from api.pages.gate import cookie_name, page, secure, session_token, set_cookie
from api.pages.rendering import go_to, render
from api.pings import Rate
from api.services import services
from store.api_keys import authenticate
from store.key_addresses import neighbourhood
from store.sessions import EVERY_ORGANIZATION
from store.sign_ins import note_refused
from store.web_sessions import begin_web_session, end_web_session
from store.write_lock import Urgency

pages = Blueprint("sign_in", __name__)
HOME = "/alerts"
PER_MINUTE = 10
"""Sign-ins that one address may try. Keys can't be guessed; this keeps those who try from costing anything."""
NOTED_PER_MINUTE = 60
"""Refused sign-ins that a process writes into the audit log, from wherever they come."""
_ATTEMPTS = "tracer.sign_in_attempts"
_NOTED = "tracer.refused_sign_ins_noted"
_FORM_COOKIE = "tracer_form"
_FORM_S = 3_600
_SECRET = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)
_MAX_KEY = 500


@pages.get("/")
@page(None)
def home() -> Response:
    """Until there is an overview: the alerts."""
    return go_to(HOME if g.visitor is not None else "/login")


@pages.get("/login")
@page(None)
def show_login() -> Response:
    """The form, or on to where the visitor wanted if already signed in."""
    wanted = local_path(request.args.get("next"), HOME)
    return go_to(wanted) if g.visitor is not None else _form(wanted)


@pages.post("/login")
@page(None)
def login() -> Response:
    """Try a key. RateLimited, Forbidden (a forged form)."""
    refuse_forged(request.cookies.get(_FORM_COOKIE, ""))
    wait_s = _attempts().take(neighbourhood(request.remote_addr or ""))
    if wait_s:
        raise RateLimited(f"More than {PER_MINUTE} sign-ins a minute from your address: wait {wait_s} s", wait_s)
    wanted = local_path(request.form.get("next"), HOME)
    given = request.form.get("api_key", "").strip()
    if not given:
        return _form(wanted, "Type or paste an API key", 422)
    state = services()
    with state.database.read(EVERY_ORGANIZATION) as session:
        now_ms = state.database.now_ms(session)
        key = authenticate(session, state.keyring, given, now_ms) if len(given) <= _MAX_KEY else None
    if key is None:
        _note_refusal(given, "unknown, revoked or expired")
        return _form(wanted, "This API key is unknown, revoked or expired", 401)
    act_as_key(key.id, key.name)
    if Scope.READ not in whole(key.scopes):
        _note_refusal(given, "may not read")
        return _form(wanted, f"The key {key.name!r} may not read anything: use one with the scope 'read'", 403)
    with state.database.write(EVERY_ORGANIZATION, Urgency.PEOPLE) as session:
        former = session_token()
        if former is not None:
            end_web_session(session, state.keyring, former)
        token = begin_web_session(session, state.keyring, key, now_ms)
    response = go_to(wanted)
    set_cookie(response, cookie_name(), token)
    response.delete_cookie(_FORM_COOKIE, path="/")
    return response


@pages.post("/logout")
@page(Scope.READ)
def logout() -> Response:
    """The session is over on the server, not only in this browser."""
    state = services()
    with state.database.write(EVERY_ORGANIZATION, Urgency.PEOPLE) as session:
        end_web_session(session, state.keyring, session_token() or "")
    response = go_to("/login")
    response.delete_cookie(cookie_name(), path="/", secure=secure(), httponly=True, samesite="Lax")
    return response


def install(app: Flask) -> None:
    """What the app remembers of attempts to sign in."""
    app.extensions[_ATTEMPTS] = Rate(per_minute=PER_MINUTE)
    app.extensions[_NOTED] = Rate(per_minute=NOTED_PER_MINUTE)


def _note_refusal(given: str, reason: str) -> None:
    """For the audit log, which nobody can fill from outside: what comes in thicker than that is on our log lines."""
    state = services()
    if cast(Rate, current_app.extensions[_NOTED]).take(""):
        return
    with state.database.write(EVERY_ORGANIZATION, Urgency.PEOPLE) as session:
        note_refused(session, state.keyring, given[:_MAX_KEY], reason)


def _attempts() -> Rate:
    return cast(Rate, current_app.extensions[_ATTEMPTS])


def _form(wanted: str, wrong: str | None = None, status: int = 200) -> Response:
    """The page, with a cookie that its form's token belongs to: nobody can be signed in by another site's form."""
    held = request.cookies.get(_FORM_COOKIE, "")
    secret = held if _SECRET.fullmatch(held) else secrets.token_urlsafe(32)
    response = render("login.html", status, no_store=True, wanted=wanted, wrong=wrong, form_token=form_token(secret))
    set_cookie(response, _FORM_COOKIE, secret, _FORM_S)
    return response
