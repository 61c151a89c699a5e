"""/account: one's name and password, where one is signed in, and which organization one is in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from flask import Blueprint, Response, request

from api.access import Scope
from api.account_shape import account, places, sessions_of
from api.accounts import end_session, rename, switch
from api.errors import Forbidden, Invalid
from api.pages.forms import read_form, refuse_typing_error, secret
from api.pages.gate import page, visitor
from api.pages.rendering import go_to, render
from api.pages.sign_in import HOME, signed_out
from api.schemas.accounts import AccountChange, PasswordChange
from api.services import services
from api.signing_in import change_password
from model.times import parse_iso

pages = Blueprint("account", __name__)
_DONE = {
    "name": "Your name is changed.",
    "password": "Your password is changed. You are signed out everywhere but here.",
    "session": "That session is over.",
}


@pages.get("/account")
@page(Scope.READ)
def show_account_page() -> Response:
    """Who one is."""
    return _page(done=_DONE.get(request.args.get("done", "")))


@pages.post("/account/name")
@page(Scope.READ)
def change_name() -> Response:
    """What others call one."""
    try:
        rename(visitor().caller, read_form(AccountChange).name)
    except Invalid as error:
        return _page(error.fields, error.status)
    return go_to("/account?done=name")


@pages.post("/account/password")
@page(Scope.READ)
def change_password_here() -> Response:
    """Another password, typed twice."""
    who = visitor().caller
    if who.person_id is None:
        raise Forbidden("An API key has no password")
    try:
        refuse_typing_error("new_password")
        given = {name: secret(name) for name in ("current_password", "new_password")}
        asked = read_form(PasswordChange, **given)
    except Invalid as error:
        return _page(error.fields, error.status)
    try:
        change_password(who.person_id, who.session_id, asked.current_password, asked.new_password)
    except Forbidden as error:
        return _page({"current_password": [error.message]}, error.status)
    except Invalid as error:
        return _page(error.fields, error.status)
    return go_to("/account?done=password")


@pages.post("/account/sessions/<session_id>/end")
@page(Scope.READ)
def end_one_session(session_id: str) -> Response:
    """Sign out somewhere else, or here."""
    who = visitor().caller
    end_session(who, session_id)
    return signed_out() if session_id == who.session_id else go_to("/account?done=session")


@pages.post("/account/organization")
@page(Scope.READ)
def change_organization_here() -> Response:
    """Look at another organization from now on."""
    switch(visitor().caller, request.form.get("organization_id", ""))
    return go_to(HOME)


def _page(wrong: Mapping[str, Sequence[str]] | None = None, status: int = 200, done: str | None = None) -> Response:
    who, state = visitor().caller, services()
    with state.database.read(who.organization_id) as session:
        now_ms = state.database.now_ms(session)
    sessions = [{**shown, "seen_ms": parse_iso(str(shown["seen_at"]))} for shown in sessions_of(who)]
    return render(
        "account.html",
        status,
        no_store=True,
        account=account(who),
        places=places(who),
        sessions=sessions,
        wrong={name: messages[0] for name, messages in (wrong or {}).items()},
        done=done,
        now_ms=now_ms,
    )
