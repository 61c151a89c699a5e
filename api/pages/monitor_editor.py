"""/monitors/new and /monitors/:id/edit: a monitor as a form that is tried out before it is saved. Every button sends
the whole form, so that it needs no script, and what was typed comes back with every answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from flask import Blueprint, Response, g, request
from sqlalchemy.orm import Session

from api import check_requests as checks
from api.access import Scope
from api.check_reading import shown_checks
from api.errors import Conflict, Forbidden, Invalid, NotFound, PlanLimit, RateLimited
from api.families import MONITOR
from api.pages import typed_secrets
from api.pages.as_code import equals, judged
from api.pages.assertion_rows import SUBJECTS, WORDS, operators_of, types_of
from api.pages.both_edits import both, shown_by
from api.pages.found import Found, found, start_at
from api.pages.gate import page, visitor
from api.pages.gone import said_gone
from api.pages.inner_address import refused_here
from api.pages.meanwhile import Meanwhile, meanwhile, seen
from api.pages.monitor_draft import MonitorDraft
from api.pages.monitor_fields import TITLES, asked_fields, form_fields, other_fields, placeholder
from api.pages.parents import with_ids, with_names
from api.pages.rendering import go_to, render
from api.pages.schedule_choice import FIELDS as SCHEDULE
from api.pages.schedule_choice import when_of
from api.pages.schema_fields import time_zones
from api.pages.typed_secrets import hide, put_back
from api.pages.unknown_places import refuse_unknown_places, told_of
from api.services import services
from api.trying import tried, try_out
from store.drafts import get_draft
from store.probes import online_locations, served_locations
from store.tables import Check

pages = Blueprint("monitor_editor", __name__)
_NEW = "/monitors/new"
_WAIT_S = 8.0
"""A page waits so long for a draft's run; then it says that it is under way, and is asked again."""
_REFUSALS = (Conflict, Forbidden, PlanLimit, RateLimited, NotFound)


@pages.get(_NEW)
@page(Scope.WRITE)
def new_monitor() -> Response:
    """An empty form of a type; `url` may be given, as a bookmark does."""
    draft = MonitorDraft.blank(_kind(request.args.get("type", "url")))
    for name in ("url", "host"):
        if name in draft.fields:
            draft.fields[name] = request.args.get(name, "")[:2_000]
    return _form(draft, None)


@pages.post(_NEW)
@page(Scope.WRITE)
def make_monitor() -> Response:
    """A button of the form: it tries the draft out, changes its rows, or makes the monitor."""
    return _pressed(None)


@pages.get("/monitors/<monitor_id>/edit")
@page(Scope.WRITE)
def edit_monitor(monitor_id: str) -> Response:
    """The form with what is stored."""
    with services().database.read(visitor().caller.organization_id) as session:
        [shape] = shown_checks(session, [checks.find(MONITOR, session, monitor_id)])
    return _form(MonitorDraft.of_document(shape), monitor_id)


@pages.post("/monitors/<monitor_id>/edit")
@page(Scope.WRITE)
def change_monitor(monitor_id: str) -> Response:
    """A button of the form: it tries the change out, changes its rows, or saves."""
    return _pressed(monitor_id)


def _kind(text: str) -> str:
    if text not in MONITOR.types:
        raise Invalid({"type": [f"is not a type of monitor: it is one of {', '.join(MONITOR.types)}"]})
    return text


def _pressed(monitor_id: str | None) -> Response:
    button = request.form.get("do", "save")
    try:
        stored = None if monitor_id is None else _stored(monitor_id)
    except NotFound:
        return _gone(str(monitor_id))
    draft = MonitorDraft.of_form(_wanted_kind(button) if stored is None else stored.type, request.form)
    put_back(draft, request.form.get(typed_secrets.FIELD, ""))
    with services().database.read(visitor().caller.organization_id) as session:
        draft.said = with_ids(session, draft.fields)
    try:
        if button == "save":
            if stored is not None and (told := meanwhile(stored.id)):
                return _beside(stored.id, draft, told)
            return _saved(draft, monitor_id)
        if button == "show":
            judged(MONITOR, draft.document())
        if button == "try":
            begun = try_out(MONITOR, _sent(draft, monitor_id), request.form.get("from") or None, monitor_id)
            return _form(draft, monitor_id, draft_id=tried(begun.id, _WAIT_S).id)
    except Invalid as error:
        return _form(draft, monitor_id, error.fields or {"": [error.message]}, error.status)
    except _REFUSALS as error:
        return _form(draft, monitor_id, {"": [error.message]}, error.status)
    draft.press(button)
    return _form(draft, monitor_id, touched=button)


def _gone(monitor_id: str) -> Response:
    """It was deleted while its form was open: what was typed makes another. NotFound, of one that never was."""
    said = said_gone(monitor_id)
    draft = MonitorDraft.of_form(_wanted_kind("save"), request.form)
    put_back(draft, request.form.get(typed_secrets.FIELD, ""))
    return _form(draft, None, {"": [said]}, Conflict.status)


def _beside(monitor_id: str, draft: MonitorDraft, told: Meanwhile) -> Response:
    """The form again, with what others changed in every field that was left as it was."""
    mine = both(MONITOR, draft.document, told)
    shown = draft if mine is None else MonitorDraft.of_document(mine)
    said = told.said(shown_by(form_fields(draft.kind)), mine=mine)
    return _form(shown, monitor_id, {"": [said]}, Conflict.status)


def _wanted_kind(button: str) -> str:
    """The type of a new monitor's form; that of a stored one can't be changed."""
    return _kind(button.removeprefix("type.") if button.startswith("type.") else request.form.get("type", "url"))


def _stored(monitor_id: str) -> Check:
    with services().database.read(visitor().caller.organization_id) as session:
        return checks.find(MONITOR, session, monitor_id)


def _saved(draft: MonitorDraft, monitor_id: str | None) -> Response:
    document = _sent(draft, monitor_id)
    if monitor_id is None:
        refuse_unknown_places(document.get("locations") or ())
        return go_to(f"/monitors/{checks.made(MONITOR, document).get_json()['data']['id']}?done=made")
    checks.changed(MONITOR, monitor_id, document)
    return go_to(f"/monitors/{monitor_id}?done=saved")


def _sent(draft: MonitorDraft, monitor_id: str | None) -> dict[str, Any]:
    """What REST would be sent: a null clears what is stored, and has no place in what is new. Invalid."""
    document = draft.document()
    return document if monitor_id else {name: value for name, value in document.items() if value is not None}


def _form(
    draft: MonitorDraft,
    monitor_id: str | None,
    wrong: Mapping[str, Sequence[str]] | None = None,
    status: int = 200,
    *,
    draft_id: str | None = None,
    touched: str = "",
) -> Response:
    state = services()
    with state.database.read(visitor().caller.organization_id) as session:
        now_ms = state.database.now_ms(session)
        online = online_locations(session, now_ms)
        known = sorted({*served_locations(session), *online})
        defaults = checks.default_locations(session, visitor().caller.organization_id)
        stored = None if monitor_id is None else checks.find(MONITOR, session, monitor_id)
        shown = _found(session, draft_id or request.form.get("draft", ""), now_ms, draft)
        yaml, curl = equals(MONITOR, draft.document, stored, state.public_url)
        with_names(session, draft.fields)
    places, typed = draft.places(wrong or {}), hide(draft)
    named = {*form_fields(draft.kind)}
    return render(
        "monitor_edit.html",
        status,
        no_store=True,
        here_path=_NEW if monitor_id is None else f"/monitors/{monitor_id}/edit",
        monitor_id=monitor_id,
        seen=seen(monitor_id),
        told_of_change=g.get("told_of_change", False),
        when=when_of(draft.fields),
        inner=refused_here(draft.fields, state.settings.allow_nets),
        schedule_fields=SCHEDULE,
        fields=form_fields(draft.kind),
        draft=draft,
        titles=TITLES,
        asked=asked_fields(draft.kind),
        others=other_fields(draft.kind),
        placeholder=placeholder,
        types=types_of(draft.kind),
        words=WORDS,
        subjects=SUBJECTS,
        operators_of=operators_of,
        wrong=places,
        elsewhere=[
            f"{name} {said}".strip()
            for name, said in places.items()
            if name not in named and not name.startswith("assertions.")
        ],
        locations=known,
        time_zones=time_zones(),
        online=online,
        default_locations=defaults,
        start_at=start_at(draft.fields.get("locations", ""), online, defaults),
        found=shown,
        touched=touched,
        typed=typed,
        sure=told_of(),
        yaml=yaml,
        curl=curl,
    )


def _found(session: Session, draft_id: str, now_ms: int, draft: MonitorDraft) -> Found | None:
    tried_out = get_draft(session, draft_id[:40], now_ms) if draft_id else None
    return found(tried_out, now_ms, secured=draft.secured) if tried_out is not None else None
