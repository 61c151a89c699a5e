"""/setup/:token and /invite/:token: from a link to a member who is signed in. Opening a link changes nothing: previews
and mail scanners open every link; the button acts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from flask import Blueprint, Response, g

from api.errors import Conflict, Invalid, NotFound, Refused, Unauthorized
from api.joining import Answer, Offer, join, offer_of
from api.pages.forms import read_form, refuse_typing_error, secret, typed
from api.pages.gate import Visitor, page
from api.pages.open_forms import let_in, open_form, refuse_forged_open
from api.pages.rendering import render
from api.pages.sign_in import HOME
from api.schemas.accounts import AcceptRequest
from api.services import services
from api.session_cookie import session_token
from store.people import get_person
from store.sessions import EVERY_ORGANIZATION

pages = Blueprint("joining", __name__)


@pages.get("/setup/<token>")
@pages.get("/invite/<token>")
@page(None)
def show_offer(token: str) -> Response:
    """What the link offers, and the form that takes it."""
    try:
        return _form(offer_of(token))
    except NotFound as error:
        return _dead(error)


@pages.post("/setup/<token>")
@pages.post("/invite/<token>")
@page(None)
def take_offer(token: str) -> Response:
    """Become a member. RateLimited, Forbidden (a forged form)."""
    refuse_forged_open()
    try:
        offer = offer_of(token)
        try:
            return let_in(_join(token, offer), HOME)
        except Invalid as error:
            return _form(offer, error.fields, error.status)
        except Unauthorized as error:
            return _form(offer, {"password": [error.message]}, error.status)
        except Conflict as error:
            return _form(offer, {"": [error.message]}, error.status)
    except NotFound as error:
        return _dead(error)


def _join(token: str, offer: Offer) -> str | None:
    visitor: Visitor | None = g.visitor
    here = _is_invited(visitor, offer)
    if not here and not offer.known:
        refuse_typing_error("password")
    asked = read_form(AcceptRequest, **({} if here else {"password": secret("password")}))
    answer = Answer(asked.name, asked.password, asked.email, asked.organization)
    return join(token, answer, visitor.caller if visitor is not None else None, session_token())


def _is_invited(visitor: Visitor | None, offer: Offer) -> bool:
    """Whether who is signed in here is whom the link is for."""
    person_id = visitor.caller.person_id if visitor is not None else None
    if person_id is None:
        return False
    with services().database.read(EVERY_ORGANIZATION) as session:
        person = get_person(session, person_id)
    return person is not None and person.email == offer.invitation.email


def _form(offer: Offer, wrong: Mapping[str, Sequence[str]] | None = None, status: int = 200) -> Response:
    return open_form(
        "join.html",
        status,
        offer=offer,
        here=_is_invited(g.visitor, offer),
        wrong={name: messages[0] for name, messages in (wrong or {}).items()},
        typed=typed(("name", "email", "organization"), again=bool(wrong)),
    )


def _dead(error: Refused) -> Response:
    return render("dead_link.html", error.status, message=error.message)
