"""/v1/monitors: make, list, show, change, delete; ask for a run by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from flask import Response
from pydantic import Field

from api import check_requests as checks
from api.access import Scope
from api.families import MONITOR
from api.paging import Page
from api.routes import PathModel, Routes
from api.schemas.envelope import DeletedAnswer
from api.schemas.monitors import MonitorAnswer, MonitorChange, MonitorList, NewMonitor, RunRequest
from api.schemas.runs import QueuedAnswer
from api.schemas.tries import DraftPath, TryAnswer, TryQuery, TryWaits
from api.trying import answer_draft, tried, try_out
from model.fields import Name, Tag

routes = Routes("Monitors", "Checks of URLs, APIs, TCP ports, DNS records, and heartbeats of jobs.")
if TYPE_CHECKING:
    MonitorType = str
else:
    MonitorType = Literal[tuple(MONITOR.types)]


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
    return checks.listed(MONITOR, query, check_type=query.type, status=query.status, tag=query.tag, name=query.name)


@routes.post("/v1/monitors", needs=Scope.WRITE, answers=MonitorAnswer, accepts=NewMonitor, status=201, errors=(402,))
def create_monitor(body: dict[str, Any]) -> Response:
    """Make a monitor. It is due from two seconds later on.

    `type` decides the fields. Left out, `locations` are the organization's `default_locations`.
    """
    return checks.made(MONITOR, body)


@routes.post(
    "/v1/monitors/try",
    needs=Scope.WRITE,
    answers=TryAnswer,
    accepts=NewMonitor,
    errors=(404, 409),
    also={202: TryWaits},
)
def try_monitor(query: TryQuery, body: dict[str, Any]) -> Response:
    """Try out a monitor before it is made or changed.

    It takes what making one takes, and has a probe run it once, in one attempt: nothing is saved, no uptime counts it
    and nobody is told. It counts as used like a run asked for by hand. 409 when no probe of the location is online.
    """
    draft = tried(try_out(MONITOR, body, query.location, query.monitor).id, query.wait)
    return answer_draft(draft, unfinished=202)


@routes.get("/v1/monitors/try/<draft_id>", needs=Scope.WRITE, answers=TryAnswer)
def show_try(path: DraftPath) -> Response:
    """Get a draft that was tried out, for an hour."""
    return answer_draft(tried(path.draft_id, of=MONITOR))


@routes.get("/v1/monitors/<monitor_id>", needs=Scope.READ, answers=MonitorAnswer)
def show_monitor(path: MonitorPath) -> Response:
    """Get a monitor, with its health and figures."""
    return checks.shown(MONITOR, path.monitor_id)


@routes.put("/v1/monitors/<monitor_id>", needs=Scope.WRITE, answers=MonitorAnswer, accepts=MonitorChange)
def change_monitor(path: MonitorPath, body: dict[str, Any]) -> Response:
    """Change a monitor, pause it (`status: paused`) or resume it.

    Fields given replace what is stored, null clears an optional one. `cron` takes the place of `interval`, and
    `interval` that of `cron`. A pause, and a change of what is checked, resolve its open alerts with that reason.
    """
    return checks.changed(MONITOR, path.monitor_id, body)


@routes.delete("/v1/monitors/<monitor_id>", needs=Scope.WRITE, answers=DeletedAnswer)
def delete_monitor(path: MonitorPath) -> Response:
    """Delete a monitor. Its runs can be read by id until their retention ends; its open alerts are resolved."""
    return checks.deleted(MONITOR, path.monitor_id)


@routes.post("/v1/monitors/<monitor_id>/run", needs=Scope.RUN, answers=QueuedAnswer, status=202, errors=(409,))
def run_monitor(path: MonitorPath, body: RunRequest) -> Response:
    """Ask for a run now, at each of the monitor's locations or at some of them.

    Allowed while it is paused. Such runs are stored and shown, and count toward no uptime and no alert.
    """
    return checks.run_by_hand(MONITOR, path.monitor_id, body.locations)
