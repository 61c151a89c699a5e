"""/settings/organization: its name, where checks run that name no locations, who hears what Tracer says of itself."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from flask import Blueprint, Response, request
from pydantic import ValidationError

from api.access import Scope
from api.errors import Invalid
from api.organization import change_organization, show_organization
from api.pages.forms import typed
from api.pages.gate import page, visitor
from api.pages.rendering import go_to, render
from api.schemas.people import OrganizationChange
from api.services import services
from model.validation import field_errors
from store.alert_channels import list_channels

pages = Blueprint("organization_settings", __name__)
_HERE = "/settings/organization"
_MOST_CHANNELS = 100
_FIELDS = ("name", "default_locations")


@pages.get(_HERE)
@page(Scope.ADMIN)
def organization_page() -> Response:
    """The form."""
    return _page(done="Saved." if request.args.get("done") == "saved" else None)


@pages.post(_HERE)
@page(Scope.ADMIN)
def change_organization_here() -> Response:
    """Change it by the form."""
    given = {
        "name": request.form.get("name", "").strip(),
        "default_locations": [
            place for place in re.split(r"[\s,]+", request.form.get("default_locations", "")) if place
        ],
        "notice_channels": None if _all_channels() else request.form.getlist("notice_channels"),
    }
    try:
        change_organization(OrganizationChange.model_validate(_sent(given)))
    except ValidationError as error:
        return _page(field_errors(error), Invalid.status)
    except Invalid as error:
        return _page(error.fields, error.status)
    return go_to(f"{_HERE}?done=saved")


def _sent(given: Mapping[str, object]) -> dict[str, object]:
    """What the form had fields for: one that lacks some clears nothing."""
    fields = {"notice_channels": "hear"}
    return {name: value for name, value in given.items() if fields.get(name, name) in request.form}


def _all_channels() -> bool:
    return request.form.get("hear", "all") == "all"


def _page(wrong: Mapping[str, Sequence[str]] | None = None, status: int = 200, *, done: str | None = None) -> Response:
    with services().database.read(visitor().caller.organization_id) as session:
        channels, _ = list_channels(session, limit=_MOST_CHANNELS)
        named = [(channel.id, channel.name, channel.type) for channel in channels]
    stored = show_organization().get_json()["data"]
    shown = {"name": stored["name"], "default_locations": ", ".join(stored["default_locations"])}
    chosen = stored["notice_channels"]
    if wrong:
        shown = typed(_FIELDS, again=True)
        chosen = None if _all_channels() else request.form.getlist("notice_channels")
    return render(
        "organization.html",
        status,
        no_store=True,
        id=stored["id"],
        shown=shown,
        chosen=chosen,
        channels=named,
        wrong={name.partition(".")[0]: messages[0] for name, messages in (wrong or {}).items()},
        done=done,
    )
