"""/settings/keys: keys for programs, made with the scopes they need, and revoked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

from flask import Blueprint, Response, request

from api.access import Scope
from api.api_keys import make_key, revoke
from api.errors import Conflict, Forbidden, Invalid
from api.pages.forms import page_number, read_form, typed
from api.pages.gate import page, visitor
from api.pages.rendering import go_to, render
from api.schemas.people import ApiKeyRequest
from api.services import services
from store.api_keys import SCOPES, list_api_keys

pages = Blueprint("keys", __name__)
PER_PAGE = 100
_HERE = "/settings/keys"
_ABOUT = {
    "read": "see everything",
    "run": "ask for runs, as CI does",
    "write": "edit monitors, journeys and all of alerting",
    "ingest": "send telemetry",
    "admin": "all of these but sending telemetry; people, keys, probes, the organization",
}
_DAYS = {"30": "in 30 days", "90": "in 90 days", "365": "in a year", "never": "never"}
_DONE = {"revoked": "The key is revoked: it opens nothing any more."}


@pages.get(_HERE)
@page(Scope.ADMIN)
def keys_page() -> Response:
    """The list."""
    return _page(done=_DONE.get(request.args.get("done", "")))


@pages.post(_HERE)
@page(Scope.ADMIN)
def make_key_here() -> Response:
    """Make a key by the form; the page that follows shows its text, this once."""
    try:
        asked = read_form(ApiKeyRequest, scopes=request.form.getlist("scopes"), expires_at=_expiry())
        key, text = make_key(visitor().caller, asked)
    except Invalid as error:
        return _page(error.fields, error.status)
    return _page(made=(key.name, text))


@pages.post(f"{_HERE}/<key_id>/revoke")
@page(Scope.ADMIN)
def revoke_here(key_id: str) -> Response:
    """End a key."""
    try:
        revoke(visitor().caller, key_id)
    except (Conflict, Forbidden) as error:
        return _page({"": [error.message]}, error.status)
    return go_to(f"{_HERE}?done=revoked")


def _expiry() -> str | None:
    chosen = request.form.get("expires", "never")
    if chosen not in _DAYS:
        raise Invalid({"expires": ["is none of the choices"]})
    if chosen == "never":
        return None
    state = services()
    with state.database.read(visitor().caller.organization_id) as session:
        now = datetime.fromtimestamp(state.database.now_ms(session) / 1000, UTC)
    return (now + timedelta(days=int(chosen))).isoformat()


def _page(
    wrong: Mapping[str, Sequence[str]] | None = None,
    status: int = 200,
    *,
    done: str | None = None,
    made: tuple[str, str] | None = None,
) -> Response:
    who, state, number = visitor().caller, services(), page_number()
    with state.database.read(who.organization_id) as session:
        found, total = list_api_keys(session, offset=(number - 1) * PER_PAGE, limit=PER_PAGE)
        now_ms = state.database.now_ms(session)
    return render(
        "keys.html",
        status,
        no_store=True,
        keys=[(key, state.uses.last_used_ms(key)) for key in found],
        number=number,
        more=total > number * PER_PAGE,
        scopes={scope: _ABOUT[scope] for scope in SCOPES},
        days=_DAYS,
        wrong={name.partition(".")[0]: messages[0] for name, messages in (wrong or {}).items()},
        typed=typed(("name",), again=bool(wrong)),
        chosen=request.form.getlist("scopes"),
        done=done,
        made=made,
        own_id=who.key_id,
        now_ms=now_ms,
    )
