"""/alerts/silences: tell nobody of some checks or projects for a while; what is silent now and what was."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from flask import Blueprint, Response, request
from pydantic import ValidationError

from alerts.coverage import ground_of
from api import silences as rest
from api.access import Scope
from api.errors import Invalid
from api.pages.check_picker import finding, looked_for, named_in, picker
from api.pages.forms import beside
from api.pages.gate import page, visitor
from api.pages.project_picker import chosen_things, names_of_projects, project_picker, quiets
from api.pages.rendering import go_to, render
from api.pages.spans import seconds_of
from api.schemas.quiet import SilenceRequest
from api.services import services
from model.ids import looks_like_id
from model.validation import field_errors
from store.check_choices import check_names
from store.silences import list_silences

pages = Blueprint("silence_pages", __name__)
_HERE = "/alerts/silences"
_LASTS = {"3600": "1 h", "28800": "8 h", "86400": "24 h", "other": "as long as I say"}
_MOST = 50
_DONE = {
    "made": "Silent from now on: alerts open and resolve as ever, and nobody is told. What is still open at the end "
    "is told then.",
    "ended": "The silence is over. What is open is told now.",
}
_FIELDS = ("match", "for", "reason")


@pages.get(_HERE)
@page(Scope.READ)
def silences_page() -> Response:
    """The lists, and the form; with the check or project chosen that the address names."""
    check, project = request.args.get("check", ""), request.args.get("project", "")
    chosen: dict[str, Any] = {"all": False}
    if looks_like_id(check, "mon") or looks_like_id(check, "jny"):
        chosen["journeys" if check.startswith("jny_") else "monitors"] = [check]
    if looks_like_id(project, "proj"):
        chosen["projects"] = [project]
    return _page(chosen, done=_DONE.get(request.args.get("done", "")))


@pages.post(_HERE)
@page(Scope.WRITE)
def silence_here() -> Response:
    """Begin a silence."""
    chosen = chosen_things()
    if finding():
        return _page(chosen)
    lasts = request.form.get("lasts", "")
    asked: Any = seconds_of(request.form.get("other", "") if lasts == "other" else lasts)
    body = {"match": chosen, "for": asked, "reason": request.form.get("reason", "").strip()}
    try:
        rest.silence(visitor().caller, SilenceRequest.model_validate(body))
    except ValidationError as error:
        return _page(chosen, field_errors(error), 422)
    except Invalid as error:
        return _page(chosen, error.fields, error.status)
    return go_to(f"{_HERE}?done=made")


@pages.post(f"{_HERE}/<silence_id>/end")
@page(Scope.WRITE)
def end_here(silence_id: str) -> Response:
    """End a silence. Twice changes nothing."""
    rest.end(visitor().caller, silence_id)
    return go_to(f"{_HERE}?done=ended")


def _page(
    chosen: Mapping[str, Any],
    wrong: Mapping[str, Sequence[str]] | None = None,
    status: int = 200,
    *,
    done: str | None = None,
) -> Response:
    state = services()
    with state.database.read(visitor().caller.organization_id) as session:
        now_ms = state.database.now_ms(session)
        active, silent = list_silences(session, now_ms, status="active", page=(0, _MOST))
        over, _ = list_silences(session, now_ms, status="over", page=(0, _MOST))
        ground = ground_of(session, ())
        meant = [row.match for row in (*active, *over)]
        names = check_names(session, named_in(meant)) | names_of_projects(session, meant)
        choice = picker(session, ground, chosen, looked_for())
        projects = project_picker(session, chosen)
    return render(
        "silences.html",
        status,
        no_store=True,
        active=[(row, quiets(ground, row.match, names)) for row in active],
        over=[(row, quiets(ground, row.match, names)) for row in over],
        silent=silent,
        lasts=_LASTS,
        picker=choice,
        projects=projects,
        typed=request.form,
        wrong=beside(wrong, _FIELDS, spans=("for",)),
        done=done,
        now_ms=now_ms,
    )
