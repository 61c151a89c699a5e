"""/settings/status-pages: pages for strangers are made, changed and deleted here, and updates posted on them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from flask import Blueprint, Response, request
from sqlalchemy.orm import Session

from alerts.book import windows_at
from api.access import Scope
from api.errors import Conflict, Invalid
from api.pages.check_picker import told_apart
from api.pages.forms import page_number, read_form
from api.pages.gate import page, visitor
from api.pages.meanwhile import meanwhile, seen
from api.pages.rendering import go_to, render
from api.pages.status_form import MOST_ROWS, Draft
from api.schemas.status import NewUpdate, PageDefinition, UpdateChange
from api.services import services
from api.status_pages import change_page, make_page, page_or_404, remove_page
from api.status_updates import post, reword, take_back
from api.typed_document import judged
from model.health import Health
from store import status_pages as stored
from store.status_subscribers import count_subscribers
from store.status_tables import StatusPage
from store.status_updates import STATUSES, list_updates, open_incidents

pages = Blueprint("status_settings", __name__)
PER_PAGE = 50
_HERE = "/settings/status-pages"
_DONE = {
    "saved": "The page is saved. Visitors see it within ten seconds.",
    "deleted": "The page is deleted.",
    "posted": "Posted. It is on the page, and on its way to who subscribed.",
    "reworded": "The update is in other words. Mails that were sent stay as they are.",
    "taken": "The update is taken back. Mails that were sent stay sent.",
}


@pages.get(_HERE)
@page(Scope.WRITE)
def status_pages_page() -> Response:
    """The list."""
    state, number = services(), page_number()
    with state.database.read(visitor().caller.organization_id) as session:
        found, total = stored.list_pages(session, page=((number - 1) * PER_PAGE, PER_PAGE))
        counts = count_subscribers(session, [one.id for one in found])
    return render(
        "status_pages.html",
        pages=[(one, sum(len(group["checks"]) for group in one.groups), counts.get(one.id, 0)) for one in found],
        done=_DONE.get(request.args.get("done", "")),
        number=number,
        more=total > number * PER_PAGE,
        mail=state.settings.smtp_url is not None,
    )


@pages.get(f"{_HERE}/new")
@page(Scope.WRITE)
def new_status_page() -> Response:
    """The empty form."""
    return _form(Draft.blank(), None)


@pages.post(f"{_HERE}/new")
@page(Scope.WRITE)
def make_status_page_here() -> Response:
    """Make it, or rearrange its rows."""
    return _saved(None)


@pages.get(f"{_HERE}/<page_id>")
@page(Scope.WRITE)
def edit_status_page(page_id: str) -> Response:
    """The form as it is stored."""
    with services().database.read(visitor().caller.organization_id) as session:
        shown = page_or_404(session, page_id)
        draft = Draft.of_page(session, shown)
    return _form(draft, shown, done=_DONE.get(request.args.get("done", "")))


@pages.post(f"{_HERE}/<page_id>")
@page(Scope.WRITE)
def change_status_page_here(page_id: str) -> Response:
    """Change it, or rearrange its rows."""
    return _saved(page_id)


@pages.post(f"{_HERE}/<page_id>/delete")
@page(Scope.WRITE)
def delete_status_page_here(page_id: str) -> Response:
    """Delete it."""
    remove_page(visitor().caller, page_id)
    return go_to(f"{_HERE}?done=deleted")


@pages.get(f"{_HERE}/<page_id>/updates")
@page(Scope.WRITE)
def status_updates_page(page_id: str) -> Response:
    """What is open, what can be said, what was said."""
    return _updates(page_id, done=_DONE.get(request.args.get("done", "")))


@pages.post(f"{_HERE}/<page_id>/updates")
@page(Scope.WRITE)
def post_update_here(page_id: str) -> Response:
    """Say it."""
    try:
        given = read_form(NewUpdate, components=request.form.getlist("components"))
        post(visitor().caller, page_id, given)
    except Invalid as error:
        return _updates(page_id, error.fields, error.status)
    return go_to(f"{_HERE}/{page_id}/updates?done=posted")


@pages.post(f"{_HERE}/<page_id>/updates/<update_id>")
@page(Scope.WRITE)
def change_update_here(page_id: str, update_id: str) -> Response:
    """Say it in other words."""
    try:
        reword(visitor().caller, page_id, update_id, read_form(UpdateChange).message)
    except Invalid as error:
        said = (error.fields or {"": [error.message]}).values()
        return _updates(page_id, {"": [f"The changed message {next(iter(said))[0]}: it is as it was"]}, error.status)
    return go_to(f"{_HERE}/{page_id}/updates?done=reworded")


@pages.post(f"{_HERE}/<page_id>/updates/<update_id>/delete")
@page(Scope.WRITE)
def take_update_back(page_id: str, update_id: str) -> Response:
    """Unsay it."""
    take_back(visitor().caller, page_id, update_id)
    return go_to(f"{_HERE}/{page_id}/updates?done=taken")


def _saved(page_id: str | None) -> Response:
    who, draft, deed = visitor().caller, Draft.typed(), request.form.get("do", "save")
    with services().database.read(who.organization_id) as session:
        shown = page_or_404(session, page_id) if page_id is not None else None
        document = draft.document(session) if deed == "save" else {}
    if deed != "save":
        draft.rearrange(deed)
        return _form(draft, shown, added=deed == "add")
    if shown is not None and (told := meanwhile(shown.id)):
        draft.wrong[""] = told.said()
        return _form(draft, shown, status=Conflict.status)
    try:
        if draft.unread:
            judged(PageDefinition, document)
            return _form(draft, shown, status=Invalid.status)
        made = make_page(who, document) if page_id is None else change_page(who, page_id, document)
    except Invalid as error:
        wrong = error.fields or {}
        draft.refused({path: said for path, said in wrong.items() if not (draft.unread and path.startswith("groups"))})
        return _form(draft, shown, status=error.status)
    return go_to(f"{_HERE}/{made['id']}?done=saved")


def _form(
    draft: Draft, shown: StatusPage | None, *, done: str | None = None, status: int = 200, added: bool = False
) -> Response:
    with services().database.read(visitor().caller.organization_id) as session:
        offered = stored.offered_checks(session)
        apart = told_apart(session, offered)
    return render(
        "status_page_form.html",
        status,
        no_store=True,
        draft=draft,
        shown=shown,
        seen=seen(None if shown is None else shown.id),
        action=_HERE + (f"/{shown.id}" if shown is not None else "/new"),
        offered=[(check_id, name, apart.get(check_id)) for check_id, name in offered],
        groups=list(dict.fromkeys(row.group for row in draft.rows if row.group)),
        added=added,
        full=len(draft.rows) >= MOST_ROWS,
        mail=services().settings.smtp_url is not None,
        done=done,
    )


def _updates(
    page_id: str, wrong: Mapping[str, Sequence[str]] | None = None, status: int = 200, *, done: str | None = None
) -> Response:
    state, number = services(), page_number()
    with state.database.read(visitor().caller.organization_id) as session:
        now_ms = state.database.now_ms(session)
        shown = page_or_404(session, page_id)
        opened = open_incidents(session, page_id)
        told, total = list_updates(session, page_id, page=((number - 1) * PER_PAGE, PER_PAGE))
        components = _components(session, shown, now_ms)
        subscribers = count_subscribers(session, [page_id]).get(page_id, 0)
    again = wrong is not None
    return render(
        "status_updates.html",
        status,
        no_store=True,
        shown=shown,
        opened=opened,
        told=told,
        components=components,
        called={check_id: name for check_id, name, _ in components},
        chosen=request.form.getlist("components") if again else [one for one, _, down in components if down],
        statuses=STATUSES,
        subscribers=subscribers,
        number=number,
        more=total > number * PER_PAGE,
        wrong={name.partition(".")[0]: messages[0] for name, messages in (wrong or {}).items()},
        form=request.form.get("incident", "new") if again else None,
        typed=request.form if again else {},
        done=done,
        now_ms=now_ms,
    )


def _components(session: Session, shown: StatusPage, now_ms: int) -> list[tuple[str, str, bool]]:
    """(id, name on the page, whether it is down) of what is on it."""
    names = {check["id"]: check["name"] for group in shown.groups for check in group["checks"]}
    windows = windows_at(session, shown.organization_id, now_ms)
    checks = stored.shown_checks(
        session, list(names), now_ms, lambda one, tags: any(window.apply_to.covers(one, tags) for window in windows)
    )
    return [
        (check_id, names[check_id] or checks[check_id].name, checks[check_id].health == Health.DOWN)
        for check_id in names
        if check_id in checks
    ]
