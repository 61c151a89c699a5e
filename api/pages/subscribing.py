"""Updates of a status page by mail: asked for by a form, wanted once the link in the first mail was followed, ended by
a link in every other. Opening a link changes nothing: mail scanners open every link; the button acts.

An address learns by mail alone whether it was subscribed: the form says the same to everybody.
"""

from __future__ import annotations

from flask import Blueprint, Response, render_template, request
from pydantic import TypeAdapter, ValidationError

from alerts.status_links import Deed, subscriber_of
from api.attempts import count_subscription
from api.errors import NotFound
from api.pages.forms import refuse_foreign_origin
from api.pages.gate import page
from api.pages.rendering import HTML, go_to, secured
from api.services import services
from api.status.documents import look, page_at
from model.mail import MailAddress
from store.sessions import EVERY_ORGANIZATION
from store.status_mails import ask_to_confirm
from store.status_subscribers import confirm, get_subscriber, subscribe, unsubscribe
from store.status_tables import StatusPage, StatusSubscriber
from store.write_lock import Urgency

pages = Blueprint("subscribing", __name__)
_NOTHING = "There is nothing at this address"
_ASKED = "A mail is on its way, unless this address has the updates already. Follow the link in it, and you get them."
_ADDRESS: TypeAdapter[str] = TypeAdapter(MailAddress)


@pages.get("/status/<slug>/subscribe")
@page(None)
def to_the_form(slug: str) -> Response:
    """The address that stands in the bar after a mail was asked for."""
    return go_to(f"/status/{slug}#subscribe")


@pages.post("/status/<slug>/subscribe")
@page(None)
def subscribe_here(slug: str) -> Response:
    """Ask the address's owner."""
    refuse_foreign_origin()
    state, shown = services(), _public(slug)
    if state.settings.smtp_url is None:
        raise NotFound(_NOTHING)
    typed = request.form.get("email", "").strip()
    try:
        email = _ADDRESS.validate_python(typed)
    except ValidationError:
        said = "must be a mail address such as ann@example.com"
        return _note(shown, "Updates by mail", "That did not work.", 422, wrong=said, typed=typed[:254])
    count_subscription(shown.id)
    with state.database.write(shown.organization_id, Urgency.PEOPLE) as session:
        now_ms = state.database.now_ms(session)
        wanted = subscribe(session, shown, email, now_ms)
        if wanted is not None:
            ask_to_confirm(session, wanted, now_ms)
    return _note(shown, "Look into your mail", _ASKED)


@pages.get("/status/<slug>/confirm/<token>")
@page(None)
def show_confirmation(slug: str, token: str) -> Response:
    """The button."""
    shown, subscriber = _public(slug), _subscriber(slug, token, "confirm")
    if subscriber.confirmed_ms is not None:
        return _note(shown, "You get the updates", f"They are sent to {subscriber.email}.")
    return _note(
        shown, f"Updates of {shown.title}", f"They will be sent to {subscriber.email}.", button="Yes, send me updates",
        action=f"/status/{slug}/confirm/{token}",
    )  # fmt: skip


@pages.post("/status/<slug>/confirm/<token>")
@page(None)
def confirm_address(slug: str, token: str) -> Response:
    """The owner of the address wants them."""
    shown, subscriber, state = _public(slug), _subscriber(slug, token, "confirm"), services()
    with state.database.write(EVERY_ORGANIZATION, Urgency.PEOPLE) as session:
        found = get_subscriber(session, subscriber.id)
        if found is not None:
            confirm(session, found, state.database.now_ms(session))
    return _note(shown, "You get the updates", f"They are sent to {subscriber.email}, from now on.")


@pages.get("/status/<slug>/unsubscribe/<token>")
@page(None)
def show_way_out(slug: str, token: str) -> Response:
    """The button."""
    shown = _page(slug)
    try:
        subscriber = _subscriber(slug, token, "unsubscribe")
    except _GoneError:
        return _gone(shown)
    return _note(
        shown, "No more updates?", f"{subscriber.email} gets no more mails from this page.", button="Unsubscribe",
        action=f"/status/{slug}/unsubscribe/{token}",
    )  # fmt: skip


@pages.post("/status/<slug>/unsubscribe/<token>")
@page(None)
def unsubscribe_here(slug: str, token: str) -> Response:
    """By the button, or by the mail program's own (RFC 8058): the link is the right to."""
    shown, state = _page(slug), services()
    try:
        subscriber = _subscriber(slug, token, "unsubscribe")
    except _GoneError:
        return _gone(shown)
    with state.database.write(EVERY_ORGANIZATION, Urgency.PEOPLE) as session:
        found = get_subscriber(session, subscriber.id)
        if found is not None:
            unsubscribe(session, found)
    return _gone(shown)


class _GoneError(NotFound):
    """A link that Tracer made, for an address that is not kept any more."""


def _page(slug: str) -> StatusPage:
    """Public or not: who subscribed while it was may still leave. NotFound."""
    shown = page_at(services(), slug)
    if shown is None:
        raise NotFound(_NOTHING)
    return shown


def _public(slug: str) -> StatusPage:
    shown = _page(slug)
    if not shown.public:
        raise NotFound(_NOTHING)
    return shown


def _subscriber(slug: str, token: str, deed: Deed) -> StatusSubscriber:
    """NotFound, _GoneError."""
    state = services()
    subscriber_id = subscriber_of(state.keyring, token, deed)
    if subscriber_id is None:
        raise NotFound("This link is not whole: copy it from the mail again")
    with state.database.read(EVERY_ORGANIZATION) as session:
        found = get_subscriber(session, subscriber_id)
    if found is None or found.page_id != _page(slug).id:
        raise _GoneError("This link is over: subscribe again")
    return found


def _gone(shown: StatusPage) -> Response:
    return _note(shown, "No more updates", "This address gets no mails from this page.")


def _note(
    shown: StatusPage, heading: str, message: str, status: int = 200, *, wrong: str = "", typed: str = "",
    button: str = "", action: str = "",
) -> Response:  # fmt: skip
    """A small page in the look of the large one."""
    text = render_template(
        "status/note.html", heading=heading, message=message, wrong=wrong, typed=typed, button=button, action=action,
        **look(shown),
    )  # fmt: skip
    response = Response(text, status, content_type=HTML)
    response.headers["Cache-Control"] = "no-store"
    return secured(response)
