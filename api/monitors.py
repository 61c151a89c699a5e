"""/v1/monitors: make, list, show, change, delete; ask for a run by hand; the runs of one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from flask import Response
from pydantic import Field
from sqlalchemy.orm import Session

from alerts.edits import after_check_delete, after_check_edit
from api.access import Scope, caller
from api.definitions import definition_of, merged
from api.dependencies import refuse_bad_dependencies
from api.envelope import success
from api.errors import Conflict, Invalid, NotFound
from api.monitor_reading import shown_monitors
from api.paging import Page, page_meta
from api.routes import PathModel, Routes
from api.schemas.envelope import DeletedAnswer
from api.schemas.monitors import MonitorAnswer, MonitorChange, MonitorList, NewMonitor, RunRequest
from api.schemas.runs import QueuedAnswer
from api.services import services
from api.warnings import warnings_for
from model.fields import Name, Tag
from model.outcome import Trigger
from probes.registry import MONITORS
from store.by_hand import ask_for_runs, lock_check_of
from store.check_secrets import SecretWouldShowError, secrets_of
from store.checks import create_check, delete_check, get_check, list_checks, update_check
from store.organizations import get_organization
from store.sessions import EVERY_ORGANIZATION
from store.tables import Check
from store.write_lock import Urgency

routes = Routes("Monitors", "Checks of URLs, APIs, TCP ports, DNS records, and heartbeats of jobs.")
if TYPE_CHECKING:
    MonitorType = str
else:
    MonitorType = Literal[tuple(MONITORS)]


class MonitorPath(PathModel):
    monitor_id: Annotated[str, Field(pattern=r"^mon_[0-9a-z]{6,40}$", description="The monitor's id")]


class MonitorFilter(Page):
    """Which monitors."""

    type: Annotated[MonitorType | None, Field(description="Only of this type")] = None
    status: Annotated[Literal["active", "paused"] | None, Field(description="Only active or paused ones")] = None
    tag: Annotated[Tag | None, Field(description="Only with this tag")] = None
    name: Annotated[Name | None, Field(description="Only those whose name contains this, in any case")] = None


@routes.get("/v1/monitors", needs=Scope.READ, answers=MonitorList)
def list_monitors(query: MonitorFilter) -> Response:
    """List monitors, newest first."""
    with services().database.read(caller().organization_id) as session:
        found, total = list_checks(
            session,
            check_type=query.type,
            status=query.status,
            tag=query.tag,
            name=query.name,
            page=(query.offset, query.per_page),
        )
        shown = shown_monitors(session, found)
    return success(shown, meta=page_meta(query, total))


@routes.post("/v1/monitors", needs=Scope.WRITE, answers=MonitorAnswer, accepts=NewMonitor, status=201)
def create_monitor(body: dict[str, Any]) -> Response:
    """Make a monitor. It is due from two seconds later on.

    `type` decides the fields. Left out, `locations` are the organization's `default_locations`.
    """
    state, organization_id = services(), caller().organization_id
    with state.database.read(organization_id) as session:
        defaults = _default_locations(session, organization_id)
    definition = definition_of(body, defaults)
    with state.database.write(organization_id, Urgency.PEOPLE) as session:
        refuse_bad_dependencies(session, None, definition)
        check = create_check(session, state.keyring, organization_id, definition, state.database.now_ms(session))
        [shown] = shown_monitors(session, [check])
        warnings = warnings_for(session, check)
    return success(shown, 201, warnings=warnings)


@routes.get("/v1/monitors/<monitor_id>", needs=Scope.READ, answers=MonitorAnswer)
def show_monitor(path: MonitorPath) -> Response:
    """Get a monitor, with its health and figures."""
    with services().database.read(caller().organization_id) as session:
        check = _monitor(session, path.monitor_id)
        [shown] = shown_monitors(session, [check])
        warnings = warnings_for(session, check)
    return success(shown, warnings=warnings)


@routes.put("/v1/monitors/<monitor_id>", needs=Scope.WRITE, answers=MonitorAnswer, accepts=MonitorChange)
def change_monitor(path: MonitorPath, body: dict[str, Any]) -> Response:
    """Change a monitor, pause it (`status: paused`) or resume it.

    Fields given replace what is stored, null clears an optional one. `cron` takes the place of `interval`, and
    `interval` that of `cron`. A pause, and a change of what is checked, resolve its open alerts with that reason.
    """
    state, organization_id = services(), caller().organization_id
    with state.database.write(organization_id, Urgency.PEOPLE) as session:
        now_ms = state.database.now_ms(session)
        check = _monitor(session, path.monitor_id, lock=True)
        old = check.definition
        definition = merged(old, secrets_of(state.keyring, check), body, _default_locations(session, organization_id))
        refuse_bad_dependencies(session, check.id, definition, old.get("depends_on") or ())
        try:
            if update_check(session, state.keyring, check, definition, now_ms):
                after_check_edit(session, check, old, now_ms)
        except SecretWouldShowError as error:
            raise Invalid({path: ["is stored as a secret: give a new value"] for path in error.paths}) from None
        [shown] = shown_monitors(session, [check])
        warnings = warnings_for(session, check)
    return success(shown, warnings=warnings)


@routes.delete("/v1/monitors/<monitor_id>", needs=Scope.WRITE, answers=DeletedAnswer)
def delete_monitor(path: MonitorPath) -> Response:
    """Delete a monitor. Its runs can be read by id until their retention ends; its open alerts are resolved."""
    state = services()
    with state.database.write(caller().organization_id, Urgency.PEOPLE) as session:
        now_ms = state.database.now_ms(session)
        check = _monitor(session, path.monitor_id, lock=True)
        delete_check(session, check, now_ms)
        after_check_delete(session, check, now_ms)
    return success({"id": path.monitor_id, "deleted": True})


@routes.post("/v1/monitors/<monitor_id>/run", needs=Scope.RUN, answers=QueuedAnswer, status=202, errors=(409,))
def run_monitor(path: MonitorPath, body: RunRequest) -> Response:
    """Ask for a run now, at each of the monitor's locations or at some of them.

    Allowed while it is paused. Such runs are stored and shown, and count toward no uptime and no alert.
    """
    state, organization_id = services(), caller().organization_id
    with state.database.write(EVERY_ORGANIZATION, Urgency.PEOPLE) as session:
        check = lock_check_of(session, organization_id, path.monitor_id)
        if check is None or check.kind == "browser":
            raise NotFound("There is no such monitor")
        if check.kind == "heartbeat":
            raise Conflict("A heartbeat is not run: it waits for a ping")
        locations = list(dict.fromkeys(body.locations or check.locations))
        elsewhere = [location for location in locations if location not in check.locations]
        if elsewhere:
            raise Invalid({"locations": [f"{elsewhere[0]!r} is not a location of this monitor"]})
        asked = ask_for_runs(session, check, locations, Trigger.MANUAL, state.database.now_ms(session))
    data = {
        "run_id": asked[0].run_id,
        "status": "queued",
        "locations": locations,
        "runs": [{"run_id": run.run_id, "location": run.location} for run in asked],
    }
    return success(data, 202)


def _monitor(session: Session, monitor_id: str, *, lock: bool = False) -> Check:
    check = get_check(session, monitor_id, lock=lock)
    if check is None or check.kind == "browser":
        raise NotFound("There is no such monitor")
    return check


def _default_locations(session: Session, organization_id: str) -> list[str]:
    organization = get_organization(session, organization_id)
    return list(organization.default_locations) if organization is not None else []
