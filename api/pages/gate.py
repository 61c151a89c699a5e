"""Who is looking: a browser that signed in sees what its person may see while they are a member, or what its API key
may see while that lives.

    @pages.get("/alerts")
    @page(Scope.READ)
    def alerts() -> Response: …

A page says what it needs as a route of the REST API does; `page(None)` is open, and tells callers apart by itself.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from flask import Response, g, request

from api.access import OWN, Caller, Scope, act_as_caller, bind_to_log, caller_of, needs, sign_in_of
from api.errors import Forbidden
from api.pages.forms import form_token, local_path, own_referrer, refuse_forged
from api.pages.rendering import go_to
from api.services import services
from api.session_cookie import secure, session_token
from store.web_sessions import LASTS_MS

View = Callable[..., Response]
LIVE_HEADER = "X-Live"
"""Sent by the script that keeps a page fresh: a page left open is nobody at the keyboard."""


@dataclass(frozen=True)
class Visitor:
    """A browser that is signed in."""

    caller: Caller
    form_token: str

    @property
    def name(self) -> str:
        """Of the person or key: what it does is done in that name, as over REST."""
        return self.caller.name

    def may(self, scope: str) -> bool:
        return self.caller.may(Scope(scope))


def page(scope: Scope | None) -> Callable[[View], View]:
    """Declare a page and hold its visitors to it: no session leads to /login, a form without its token is refused."""

    def declare(view: View) -> View:
        @functools.wraps(view)
        def guarded(**from_path: Any) -> Response:
            found = signed_in()
            g.visitor = found
            if found is not None:
                act_as_caller(found.caller)
            if scope is None:
                return view(**from_path)
            if found is None:
                lost = "&lost=1" if request.method == "POST" else ""
                return go_to(f"/login?next={quote(_wanted(), safe='/')}{lost}")
            admit(found, scope)
            return view(**from_path)

        guarded.is_page = True  # type: ignore[attr-defined]
        return needs(OWN)(guarded)

    return declare


def admit(found: Visitor, scope: Scope) -> None:
    """Hold who is signed in to what a page needs. Forbidden: their form is not one of ours, or they may not."""
    bind_to_log(found.caller)
    if request.method == "POST":
        refuse_forged(session_token() or "")
    if not found.caller.may(scope):
        raise _lacking(found, scope)
    g.caller = found.caller  # forms change things by what the REST resources call


def signed_in() -> Visitor | None:
    """Who this browser is signed in as, if at all."""
    token = session_token()
    return _visitor(token) if token is not None else None


def visitor() -> Visitor:
    """Who is signed in, on a page that needs it."""
    found = g.visitor
    if not isinstance(found, Visitor):
        raise Forbidden("This needs a sign-in")
    return found


def set_cookie(response: Response, name: str, value: str, max_age_s: int = LASTS_MS // 1000) -> None:
    response.set_cookie(name, value, max_age=max_age_s, path="/", httponly=True, secure=secure(), samesite="Lax")


def _wanted() -> str:
    """Where to go after signing in: the page asked for, or that of the form; what it was to post is not sent again."""
    if request.method != "POST":
        return local_path(request.full_path.rstrip("?"), "/alerts")
    return local_path(request.form.get("back"), local_path(own_referrer(), "/alerts"))


def _visitor(token: str) -> Visitor | None:
    found, now_ms = sign_in_of(token)
    if found is None:
        return None
    if LIVE_HEADER not in request.headers:
        uses = services().uses
        uses.note_web_session(found.row.token_hash, now_ms)
        if found.key is not None:
            uses.note_key(found.key.id, now_ms, request.remote_addr)
    return Visitor(caller_of(found), form_token(token))


def _lacking(found: Visitor, scope: Scope) -> Forbidden:
    if found.caller.role is not None:
        return Forbidden(f"Your role here is {found.caller.role}, which does not allow this. An admin can change that")
    return Forbidden(
        f"The key you signed in with, {found.name!r}, does not have the scope {scope.value!r}. "
        "Sign out, and in again with one that has it"
    )
