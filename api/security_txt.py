"""/.well-known/security.txt: whom to tell of a weakness (RFC 9116). Who runs Tracer says who that is
(TRACER_SECURITY_CONTACT); until then there is no such file."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from flask import Blueprint, Response

from api.access import OPEN, needs
from api.errors import NotFound
from api.services import services
from store.sessions import EVERY_ORGANIZATION

pages = Blueprint("security_txt", __name__)
PATH = "/.well-known/security.txt"
GOOD_FOR = timedelta(days=90)
"""`Expires` is always so far ahead: the setting is as current as the process."""


@pages.get(PATH)
@needs(OPEN)
def security_txt() -> Response:
    """The contacts, the preferred first."""
    state = services()
    contacts = state.settings.security_contact
    if not contacts:
        raise NotFound("Whoever runs this Tracer has not said whom to tell (TRACER_SECURITY_CONTACT)")
    with state.database.read(EVERY_ORGANIZATION) as session:
        now = datetime.fromtimestamp(state.database.now_ms(session) / 1000, UTC)
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    lines = [f"Contact: {contact}" for contact in contacts]
    lines += [f"Expires: {(midnight + GOOD_FOR).strftime('%Y-%m-%dT%H:%M:%SZ')}", "Preferred-Languages: en"]
    if state.public_url.startswith("https://"):
        lines.append(f"Canonical: {state.public_url}{PATH}")
    return Response("\n".join([*lines, ""]), content_type="text/plain; charset=utf-8")
