"""/v1/status-pages/:id/updates: what is known of an incident now, for strangers to read. Pages call the same functions
(api/pages/status_settings.py)."""

from __future__ import annotations

from typing import Annotated, Any

from flask import Response
from pydantic import Field
from sqlalchemy.orm import Session

from api.access import Caller, Scope, caller
from api.envelope import success
from api.errors import Invalid, NotFound
from api.paging import Page, page_meta
from api.routes import PathModel
from api.schemas.envelope import DeletedAnswer
from api.schemas.status import NewUpdate, UpdateAnswer, UpdateChange, UpdateList
from api.services import services
from api.status_pages import PagePath, page_or_404
from api.status_pages import routes as routes
from api.typed_document import each_once
from model.times import iso
from store import status_updates as stored
from store.status_mails import tell_subscribers
from store.status_tables import StatusIncident, StatusPage, StatusUpdate
from store.write_lock import Urgency

_LONGEST_TITLE = 100


class UpdatePath(PathModel):
    page_id: Annotated[str, Field(pattern=r"^page_[0-9a-z]{6,40}$", description="The status page's id")]
    update_id: Annotated[str, Field(pattern=r"^upd_[0-9a-z]{6,40}$", description="The update's id")]


@routes.get("/v1/status-pages/<page_id>/updates", needs=Scope.READ, answers=UpdateList)
def list_status_updates(path: PagePath, query: Page) -> Response:
    """List a page's updates, newest first."""
    with services().database.read(caller().organization_id) as session:
        page_or_404(session, path.page_id)
        found, total = stored.list_updates(session, path.page_id, page=(query.offset, query.per_page))
        shown = [_shape(update, incident) for update, incident in found]
    return success(shown, meta=page_meta(query, total))


@routes.post("/v1/status-pages/<page_id>/updates", needs=Scope.WRITE, answers=UpdateAnswer, status=201)
def post_status_update(path: PagePath, body: NewUpdate) -> Response:
    """Post an update. It is on the page at once, and on its way to who subscribed.

    With no `incident` it goes on with the one that is open; with none open, or with a title or components, it begins
    one.
    """
    return success(post(caller(), path.page_id, body), 201)


@routes.get("/v1/status-pages/<page_id>/updates/<update_id>", needs=Scope.READ, answers=UpdateAnswer)
def show_status_update(path: UpdatePath) -> Response:
    """Get an update."""
    with services().database.read(caller().organization_id) as session:
        shown = _shape(*_found(session, path.page_id, path.update_id))
    return success(shown)


@routes.put("/v1/status-pages/<page_id>/updates/<update_id>", needs=Scope.WRITE, answers=UpdateAnswer)
def change_status_update(path: UpdatePath, body: UpdateChange) -> Response:
    """Put an update in other words."""
    return success(reword(caller(), path.page_id, path.update_id, body.message))


@routes.delete("/v1/status-pages/<page_id>/updates/<update_id>", needs=Scope.WRITE, answers=DeletedAnswer)
def delete_status_update(path: UpdatePath) -> Response:
    """Take an update from the page, and its incident with its last one."""
    take_back(caller(), path.page_id, path.update_id)
    return success({"id": path.update_id, "deleted": True})


def post(who: Caller, page_id: str, given: NewUpdate) -> dict[str, Any]:
    """Invalid, NotFound."""
    state = services()
    with state.database.write(who.organization_id, Urgency.PEOPLE) as session:
        now_ms = state.database.now_ms(session)
        page = page_or_404(session, page_id, lock=True)
        said = stored.Post(status=given.status, message=given.message, by=who.name)
        incident = _goes_on(session, page, given)
        if incident is None:
            title = given.title or given.message.splitlines()[0][:_LONGEST_TITLE]
            update = stored.begin_incident(session, page, title, each_once(given.components), said, now_ms)
        else:
            update = stored.post_update(session, incident, said, now_ms)
        tell_subscribers(session, page, update, now_ms)
        shown = _shape(*_found(session, page_id, update.id))
    state.public_pages.forget()
    return shown


def reword(who: Caller, page_id: str, update_id: str, message: str) -> dict[str, Any]:
    """NotFound."""
    state = services()
    with state.database.write(who.organization_id, Urgency.PEOPLE) as session:
        update, incident = _found(session, page_id, update_id, lock=True)
        stored.edit_update(session, update, message, state.database.now_ms(session))
        shown = _shape(update, incident)
    state.public_pages.forget()
    return shown


def take_back(who: Caller, page_id: str, update_id: str) -> None:
    """NotFound."""
    state = services()
    with state.database.write(who.organization_id, Urgency.PEOPLE) as session:
        stored.delete_update(session, *_found(session, page_id, update_id, lock=True))
    state.public_pages.forget()


def _goes_on(session: Session, page: StatusPage, given: NewUpdate) -> StatusIncident | None:
    """The incident that an update goes on with; None: it begins one. Invalid."""
    found: StatusIncident | None = None
    opened = stored.open_incidents(session, page.id)
    if given.incident is None and not (given.title or given.components):
        if len(opened) > 1:
            names = ", ".join(f"{one.id} ({one.title[:40]})" for one in opened[:5])
            raise Invalid({"incident": [f"several are open: name one, or say new. They are {names}"]})
        found = opened[0] if opened else None
    elif given.incident not in (None, "new"):
        found = stored.get_incident(session, page.id, given.incident or "")
        if found is None:
            raise Invalid({"incident": [f"there is no incident {given.incident} on this page"]})
    if found is not None:
        fixed = {name: ["is given when an incident begins: say incident: new"] for name in ("title", "components")
                 if getattr(given, name)}  # fmt: skip
        if fixed:
            raise Invalid(fixed)
        return found
    on_page = {check["id"] for group in page.groups for check in group["checks"]}
    wrong = {
        f"components.{place}": [f"{check_id} is not on this page"]
        for place, check_id in enumerate(given.components)
        if check_id not in on_page
    }
    if len(opened) >= stored.MOST_OPEN:
        wrong["incident"] = [f"{stored.MOST_OPEN} are open already: resolve some first"]
    if wrong:
        raise Invalid(wrong)
    return None


def _found(
    session: Session, page_id: str, update_id: str, *, lock: bool = False
) -> tuple[StatusUpdate, StatusIncident]:
    page_or_404(session, page_id, lock=lock)
    update = stored.get_update(session, page_id, update_id)
    incident = stored.get_incident(session, page_id, update.incident_id) if update is not None else None
    if update is None or incident is None:
        raise NotFound("There is no such update on this page")
    return update, incident


def _shape(update: StatusUpdate, incident: StatusIncident) -> dict[str, Any]:
    return {
        "id": update.id,
        "page_id": update.page_id,
        "status": update.status,
        "message": update.message,
        "at": iso(update.at_ms),
        "edited_at": iso(update.edited_ms),
        "by": update.by,
        "incident_id": incident.id,
        "title": incident.title,
        "components": list(incident.components),
        "incident_status": incident.status,
        "began_at": iso(incident.began_ms),
        "resolved_at": iso(incident.resolved_ms),
    }
