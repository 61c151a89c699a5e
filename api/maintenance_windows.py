"""/v1/maintenance-windows: planned times in which alerts don't fire and uptime does not count."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from flask import Response
from pydantic import Field
from sqlalchemy.orm import Session

from alerts.book import window_of
from alerts.coverage import ground_of, quiets_nothing
from alerts.quieted import Quieted
from api.access import Caller, Scope, caller
from api.envelope import success
from api.errors import Conflict, NotFound
from api.paging import Page, page_meta
from api.routes import PathModel, Routes
from api.schemas.envelope import DeletedAnswer
from api.schemas.quiet import NewWindow, WindowAnswer, WindowChange, WindowDefinition, WindowFacts, WindowList
from api.services import services
from api.targets import refuse, refuse_none, tidied, unknown_checks, with_project_ids
from api.typed_document import judged, merged
from model.fields import STORED
from model.times import iso, parse_iso
from store import maintenance_windows as stored
from store.alert_tables import MaintenanceWindow
from store.write_lock import Urgency

routes = Routes("Maintenance windows", "Planned times: runs go on, alerts don't fire, uptime leaves them out.")
READ_ONLY = tuple(WindowFacts.model_fields)


class WindowPath(PathModel):
    window_id: Annotated[str, Field(pattern=r"^mwin_[0-9a-z]{6,40}$", description="The window's id")]


@routes.get("/v1/maintenance-windows", needs=Scope.READ, answers=WindowList)
def list_maintenance_windows(query: Page) -> Response:
    """List windows, newest first, those that are over too."""
    state = services()
    with state.database.read(caller().organization_id) as session:
        now_ms = state.database.now_ms(session)
        found, total = stored.list_windows(session, page=(query.offset, query.per_page))
    return success([_shape(window, now_ms) for window in found], meta=page_meta(query, total))


@routes.post("/v1/maintenance-windows", needs=Scope.WRITE, answers=WindowAnswer, accepts=NewWindow, status=201)
def create_maintenance_window(body: dict[str, Any]) -> Response:
    """Plan a time, once or by cron.

    Runs that are due within it are counted apart. It may begin in the past: what is stored already is left out of
    uptime too, within seconds, and alerts that only such runs had raised are taken back. Of `projects`, events that
    arrive within it raise no alert.
    """
    shown, warnings = plan_window(caller(), body)
    return success(shown, 201, warnings=warnings)


@routes.get("/v1/maintenance-windows/<window_id>", needs=Scope.READ, answers=WindowAnswer)
def show_maintenance_window(path: WindowPath) -> Response:
    """Get a window."""
    state = services()
    with state.database.read(caller().organization_id) as session:
        shown = _shape(found_window(session, path.window_id), state.database.now_ms(session))
    return success(shown)


@routes.put("/v1/maintenance-windows/<window_id>", needs=Scope.WRITE, answers=WindowAnswer, accepts=WindowChange)
def change_maintenance_window(path: WindowPath, body: dict[str, Any]) -> Response:
    """Change a window. Runs that it has left out of uptime stay left out.

    `cron` and `duration` take the place of `starts_at` and `ends_at`, and the other way round.
    """
    shown, warnings = change_window(caller(), path.window_id, body)
    return success(shown, warnings=warnings)


@routes.post("/v1/maintenance-windows/<window_id>/end", needs=Scope.WRITE, answers=WindowAnswer, errors=(409,))
def end_maintenance_window(path: WindowPath) -> Response:
    """End a window that holds now. One that comes again holds at its next time. 409 for one that does not hold."""
    return success(end_window(caller(), path.window_id))


@routes.delete("/v1/maintenance-windows/<window_id>", needs=Scope.WRITE, answers=DeletedAnswer)
def delete_maintenance_window(path: WindowPath) -> Response:
    """Delete a window: it is over at once. Runs that it left out of uptime stay left out."""
    drop_window(caller(), path.window_id)
    return success({"id": path.window_id, "deleted": True})


def plan_window(who: Caller, body: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """A new window as the API shows it, and warnings. Invalid."""
    state = services()
    wanted = _judged(body)
    with state.database.write(who.organization_id, Urgency.PEOPLE) as session:
        now_ms = state.database.now_ms(session)
        wanted = _with_known(session, wanted)
        window = stored.create_window(session, who.organization_id, _fields(wanted), now_ms)
        shown = _shape(window, now_ms), _warnings(session, wanted, now_ms)
    state.public_pages.forget()
    return shown


def change_window(who: Caller, window_id: str, body: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """What a PUT does: the window as the API shows it then, and warnings. Invalid, NotFound."""
    state = services()
    with state.database.write(who.organization_id, Urgency.PEOPLE) as session:
        now_ms = state.database.now_ms(session)
        window = found_window(session, window_id, lock=True)
        old = window_fields(window)
        wanted = _judged(_merged(old, body))
        wanted = _with_known(session, wanted, Quieted.model_validate(old["apply_to"]))
        stored.update_window(session, window, _fields(wanted), now_ms)
        shown = _shape(window, now_ms), _warnings(session, wanted, now_ms)
    state.public_pages.forget()
    return shown


def end_window(who: Caller, window_id: str) -> dict[str, Any]:
    """End it now: the window as the API shows it then. Conflict, NotFound."""
    state = services()
    with state.database.write(who.organization_id, Urgency.PEOPLE) as session:
        now_ms = state.database.now_ms(session)
        window = found_window(session, window_id, lock=True)
        if not window_of(window).holds_at(now_ms):
            raise Conflict("It does not hold now, so there is nothing to end")
        stored.end_window(session, window, now_ms)
        shown = _shape(window, now_ms)
    state.public_pages.forget()
    return shown


def drop_window(who: Caller, window_id: str) -> None:
    """Delete a window. NotFound."""
    state = services()
    with state.database.write(who.organization_id, Urgency.PEOPLE) as session:
        stored.delete_window(session, found_window(session, window_id, lock=True), state.database.now_ms(session))
    state.public_pages.forget()


def _judged(document: Mapping[str, Any]) -> WindowDefinition:
    wanted = judged(WindowDefinition, document, READ_ONLY)
    refuse_none(wanted.apply_to, "apply_to")
    return wanted.model_copy(update={"apply_to": tidied(wanted.apply_to)})


def _with_known(session: Session, wanted: WindowDefinition, old: Quieted | None = None) -> WindowDefinition:
    """With ids, of what there is or was named before. Invalid."""
    refuse(unknown_checks(session, wanted.apply_to, "apply_to", old))
    return wanted.model_copy(update={"apply_to": with_project_ids(session, wanted.apply_to, "apply_to", old)})


def _merged(old: Mapping[str, Any], change: Mapping[str, Any]) -> dict[str, Any]:
    whole = merged(WindowDefinition, old, change, WindowDefinition.forms)
    if whole.get("cron") is None and "timezone" not in change:
        whole.pop("timezone", None)  # that of the cron it had
    return whole


def _fields(wanted: WindowDefinition) -> stored.WindowFields:
    return stored.WindowFields(
        name=wanted.name,
        apply_to=wanted.apply_to.model_dump(mode="json"),
        starts_ms=None if wanted.starts_at is None else parse_iso(wanted.starts_at),
        ends_ms=None if wanted.ends_at is None else parse_iso(wanted.ends_at),
        cron=wanted.cron,
        duration_s=wanted.duration,
        timezone=wanted.timezone,
        message=wanted.message,
    )


def window_fields(window: MaintenanceWindow) -> dict[str, Any]:
    """Its REST fields."""
    return {
        "name": window.name,
        "starts_at": iso(window.starts_ms),
        "ends_at": iso(window.ends_ms),
        "cron": window.cron,
        "duration": window.duration_s,
        "timezone": window.timezone,
        "message": window.message,
        "apply_to": Quieted.model_validate(window.apply_to, context=STORED).model_dump(mode="json"),
    }


def _shape(window: MaintenanceWindow, now_ms: int) -> dict[str, Any]:
    return {
        "id": window.id,
        **window_fields(window),
        "active": window_of(window).holds_at(now_ms),
        "created_at": iso(window.created_ms),
        "updated_at": iso(window.updated_ms),
    }


def _warnings(session: Session, wanted: WindowDefinition, now_ms: int) -> list[str]:
    lines = []
    if wanted.ends_at is not None and parse_iso(wanted.ends_at) <= now_ms:
        lines.append("it is over already: runs due within it are left out of uptime, and nothing that is to come")
    nothing = quiets_nothing(ground_of(session, ()), wanted.apply_to)
    return lines if nothing is None else [*lines, nothing]


def found_window(session: Session, window_id: str, *, lock: bool = False) -> MaintenanceWindow:
    """By id. NotFound."""
    window = stored.get_window(session, window_id, lock=lock)
    if window is None:
        raise NotFound("There is no such maintenance window")
    return window
