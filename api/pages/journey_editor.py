"""/journeys/new and /journeys/:id/edit: a journey's steps as a form. Rows come and go by buttons that send the form, so
that it needs no script; what was typed comes back with every answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from flask import Blueprint, Response, g, request

from api import check_requests as checks
from api.access import Scope
from api.check_reading import shown_checks
from api.errors import Conflict, Forbidden, Invalid, NotFound, PlanLimit, RateLimited
from api.families import JOURNEY
from api.pages import typed_secrets
from api.pages.as_code import equals, judged
from api.pages.both_edits import both, shown_by
from api.pages.found import start_at
from api.pages.gate import page, visitor
from api.pages.gone import said_gone
from api.pages.journey_draft import FIELDS, MORE, SHOWN, Draft
from api.pages.journey_found import found_in
from api.pages.meanwhile import Meanwhile, meanwhile, seen
from api.pages.parents import with_ids, with_names
from api.pages.rendering import go_to, render
from api.pages.schedule_choice import FIELDS as SCHEDULE
from api.pages.schedule_choice import when_of
from api.pages.schema_fields import step_fields, time_zones
from api.pages.typed_secrets import hide, put_back
from api.pages.unknown_places import refuse_unknown_places, told_of
from api.services import services
from api.trying import try_out
from journeys.recording.script import Line, NoScriptError, read_script
from journeys.registry import STEP_TYPES
from store.drafts import get_draft
from store.probes import online_locations, served_locations
from store.tables import Check

pages = Blueprint("journey_editor", __name__)
_NEW = "/journeys/new"
_MOST_SCRIPT = 400_000


@pages.get(_NEW)
@page(Scope.WRITE)
def new_journey() -> Response:
    """An empty form: one step, which opens a page."""
    return _form(None, Draft.blank())


@pages.post(_NEW)
@page(Scope.WRITE)
def make_journey() -> Response:
    """A button of the form: of a row, or the one that makes the journey."""
    return _pressed(None)


@pages.get("/journeys/<journey_id>/edit")
@page(Scope.WRITE)
def edit_journey(journey_id: str) -> Response:
    """The form with what is stored."""
    with services().database.read(visitor().caller.organization_id) as session:
        [shape] = shown_checks(session, [checks.find(JOURNEY, session, journey_id)])
    return _form(journey_id, Draft.of_document(shape))


@pages.post("/journeys/<journey_id>/edit")
@page(Scope.WRITE)
def change_journey(journey_id: str) -> Response:
    """A button of the form: of a row, or the one that saves."""
    try:
        with services().database.read(visitor().caller.organization_id) as session:
            stored = checks.find(JOURNEY, session, journey_id)
    except NotFound:
        return _gone(journey_id)
    return _pressed(stored)


def _pressed(stored: Check | None) -> Response:
    journey_id = None if stored is None else stored.id
    draft, button = Draft.of_form(request.form), request.form.get("do", "save")
    put_back(draft, request.form.get(typed_secrets.FIELD, ""))
    with services().database.read(visitor().caller.organization_id) as session:
        draft.said = with_ids(session, draft.fields)
    if button == "try":
        return _tried(journey_id, draft)
    if button == "import":
        return _imported(journey_id, draft)
    if button == "yaml":
        return _checked(journey_id, draft)
    if button != "save":
        return _form(journey_id, draft, touched=draft.change(button))
    if stored is not None and (told := meanwhile(stored.id)):
        return _beside(stored.id, draft, told)
    try:
        document = _sent(draft, journey_id)
        if journey_id is None:
            refuse_unknown_places(document.get("locations") or ())
            made = checks.made(JOURNEY, document).get_json()["data"]
            return go_to(f"/journeys/{made['id']}?done=made")
        checks.changed(JOURNEY, journey_id, document)
    except Invalid as error:
        return _form(journey_id, draft, error.fields or {"": [error.message]}, error.status)
    except (Conflict, Forbidden, PlanLimit) as error:
        return _form(journey_id, draft, {"": [error.message]}, error.status)
    return go_to(f"/journeys/{journey_id}?done=saved")


def _gone(journey_id: str) -> Response:
    """It was deleted while its form was open: what was typed makes another. NotFound, of one that never was."""
    said = said_gone(journey_id)
    draft = Draft.of_form(request.form)
    put_back(draft, request.form.get(typed_secrets.FIELD, ""))
    return _form(None, draft, {"": [said]}, Conflict.status)


def _beside(journey_id: str, draft: Draft, told: Meanwhile) -> Response:
    """The form again, with what others changed in every field that was left as it was."""
    mine = both(JOURNEY, draft.document, told)
    shown = draft if mine is None else Draft.of_document(mine)
    return _form(journey_id, shown, {"": [told.said(shown_by(FIELDS), mine=mine)]}, Conflict.status)


def _sent(draft: Draft, journey_id: str | None) -> dict[str, Any]:
    """What REST would be sent: a null clears what is stored, and has no place in what is new. Invalid."""
    document = draft.document()
    return document if journey_id else {name: value for name, value in document.items() if value is not None}


def _tried(journey_id: str | None, draft: Draft) -> Response:
    """Have a probe walk what is typed; how far it is, the page asks again."""
    try:
        begun = try_out(JOURNEY, _sent(draft, journey_id), request.form.get("from") or None, journey_id)
    except Invalid as error:
        return _form(journey_id, draft, error.fields or {"": [error.message]}, error.status)
    except (NotFound, Conflict, Forbidden, PlanLimit, RateLimited) as error:
        return _form(journey_id, draft, {"": [error.message]}, error.status)
    return _form(journey_id, draft, draft_id=begun.id)


def _checked(journey_id: str | None, draft: Draft) -> Response:
    """The equal YAML, or what keeps the form from having one."""
    try:
        judged(JOURNEY, draft.document())
    except Invalid as error:
        return _form(journey_id, draft, error.fields, error.status)
    return _form(journey_id, draft)


def _imported(journey_id: str | None, draft: Draft) -> Response:
    """The steps of a script that `playwright codegen` wrote; it is read, never run."""
    text = request.form.get("script", "")
    try:
        if not text.strip():
            raise NoScriptError("nothing was pasted")
        if len(text) > _MOST_SCRIPT:
            raise NoScriptError(f"it is longer than {_MOST_SCRIPT} characters")
        recording = read_script(text)
    except NoScriptError as error:
        return _form(journey_id, draft, {"script": [f"can't be taken: {error}"]}, Invalid.status)
    draft.take(recording)
    return _form(journey_id, draft, left=recording.left, notes=recording.notes, imported=len(recording.steps))


def _form(
    journey_id: str | None,
    draft: Draft,
    wrong: Mapping[str, Sequence[str]] | None = None,
    status: int = 200,
    *,
    touched: int | None = None,
    left: Sequence[Line] = (),
    notes: Sequence[Line] = (),
    imported: int | None = None,
    draft_id: str | None = None,
) -> Response:
    state = services()
    with state.database.read(visitor().caller.organization_id) as session:
        now_ms = state.database.now_ms(session)
        online = online_locations(session, now_ms, capability="browser")
        known_locations = sorted({*served_locations(session), *online})
        defaults = checks.default_locations(session, visitor().caller.organization_id)
        stored = None if journey_id is None else checks.find(JOURNEY, session, journey_id)
        yaml, curl = equals(JOURNEY, draft.document, stored, state.public_url)
        tried_out = get_draft(session, (draft_id or request.form.get("draft", ""))[:40], now_ms)
        with_names(session, draft.fields)
        found = found_in(session, tried_out, draft.steps, now_ms) if tried_out is not None else None
    places, typed = draft.places(wrong or {}), hide(draft)
    known = {*FIELDS, "script"}
    return render(
        "journey_edit.html",
        status,
        no_store=True,
        here_path=_NEW if journey_id is None else f"/journeys/{journey_id}/edit",
        seen=seen(journey_id),
        told_of_change=g.get("told_of_change", False),
        new=journey_id is None,
        draft=draft,
        typed=typed,
        types=list(STEP_TYPES),
        fields=FIELDS,
        shown=SHOWN,
        more=MORE,
        step_fields=step_fields,
        wrong=places,
        elsewhere={
            name: said
            for name, said in places.items()
            if name not in known and not name.startswith(("steps.", "variables."))
        },
        yaml=yaml,
        curl=curl,
        when=when_of(draft.fields),
        schedule_fields=SCHEDULE,
        show_yaml=request.form.get("do") == "yaml",
        locations=known_locations,
        online=online,
        time_zones=time_zones(),
        script=request.form.get("script", "") if "script" in places else "",
        touched=touched,
        left=left,
        notes=notes,
        imported=imported,
        found=found,
        sure=told_of(),
        start_at=start_at(draft.fields.get("locations", ""), online, defaults),
    )
