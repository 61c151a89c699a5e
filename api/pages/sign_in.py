"""/login and sign-out: a session in exchange for a password, or for an API key."""

from __future__ import annotations

from flask import Blueprint, Response, g, request

from api.access import Scope
from api.errors import Forbidden, Invalid, Unauthorized
from api.pages.forms import local_path, secret
from api.pages.gate import page
from api.pages.open_forms import let_in, open_form, refuse_forged_open
from api.pages.rendering import go_to
from api.services import services
from api.session_cookie import cookie_name, secure, session_token
from api.signing_in import WRONG, sign_in, sign_in_with_key
from model.people import MAX_PASSWORD, email_of
from store.people import anybody
from store.sessions import EVERY_ORGANIZATION
from store.web_sessions import end_web_session
from store.write_lock import Urgency

pages = Blueprint("sign_in", __name__)
HOME = "/"
_LOST = (
    "You had been signed out, so what you sent was not saved. Sign in, and you are back at its form; in many browsers "
    "going back from here shows it with what you typed"
)


@pages.get("/login")
@page(None)
def show_login() -> Response:
    """The form, or on to where the visitor wanted if already signed in."""
    wanted = local_path(request.args.get("next"), HOME)
    lost = _LOST if request.args.get("lost") else None
    return go_to(wanted) if g.visitor is not None else _form(wanted, lost)


@pages.post("/login")
@page(None)
def login() -> Response:
    """Try a password or a key. RateLimited, Forbidden (a forged form)."""
    refuse_forged_open()
    wanted = local_path(request.form.get("next"), HOME)
    try:
        return let_in(_token(), wanted)
    except Invalid as error:
        return _form(wanted, error.message, error.status)
    except (Unauthorized, Forbidden) as error:
        return _form(wanted, error.message, error.status)


@pages.post("/logout")
@page(Scope.READ)
def logout() -> Response:
    """The session is over on the server, not only in this browser."""
    state = services()
    with state.database.write(EVERY_ORGANIZATION, Urgency.PEOPLE) as session:
        end_web_session(session, state.keyring, session_token() or "")
    return signed_out()


def signed_out() -> Response:
    """To the sign-in, without the cookie."""
    response = go_to("/login")
    response.delete_cookie(cookie_name(), path="/", secure=secure(), httponly=True, samesite="Lax")
    return response


def _token() -> str:
    """Of the session that the form's fields open. Invalid, Unauthorized, Forbidden, RateLimited."""
    email, key = (request.form.get(name, "").strip() for name in ("email", "api_key"))
    password = secret("password")
    if key and (email or password):
        raise Invalid({"": ["Use email and password, or an API key: not both"]})
    if key:
        return sign_in_with_key(key, session_token())
    if not email or not password:
        raise Invalid({"": ["Type your email and password, or an API key"]})
    try:
        known_as = email_of(email)
    except ValueError as error:
        raise Invalid({"": [f"The email {error}"]}) from None
    if len(password) > MAX_PASSWORD:
        raise Unauthorized(WRONG)
    return sign_in(known_as, password, session_token())


def _form(wanted: str, wrong: str | None = None, status: int = 200) -> Response:
    with services().database.read(EVERY_ORGANIZATION) as session:
        people = anybody(session)
    email = request.form.get("email", "")[:254] if wrong is not None else ""
    return open_form("login.html", status, wanted=wanted, wrong=wrong, people=people, email=email)
