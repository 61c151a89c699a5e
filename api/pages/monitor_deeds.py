"""What people do with a monitor from its page: run, pause, mute, delete it. Each is the REST API's own deed."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, g, request

from api import check_requests as checks
from api.access import Scope
from api.errors import Invalid, NotFound
from api.families import MONITOR
from api.pages.forms import local_path
from api.pages.gate import page, visitor
from api.pages.monitors import FOR_EVER_MS
from api.pages.rendering import go_to
from api.services import services
from model.ids import looks_like_id
from model.times import HOUR_MS, iso

pages = Blueprint("monitor_deeds", __name__)
MUTES = {"1h": HOUR_MS, "8h": 8 * HOUR_MS, "24h": 24 * HOUR_MS}
"""How long it can be muted for; beside these until it is unmuted by hand."""


@pages.post("/monitors/<monitor_id>/run")
@page(Scope.RUN)
def run_now(monitor_id: str) -> Response:
    """Ask for a run at each of its locations; to the page of the first, which follows it."""
    _as_over_rest(monitor_id)
    answered: Any = checks.run_by_hand(MONITOR, monitor_id, None).get_json()
    return go_to(f"/runs/{answered['data']['run_id']}")


@pages.post("/monitors/<monitor_id>/pause")
@page(Scope.WRITE)
def pause(monitor_id: str) -> Response:
    """Nothing is measured until it is resumed."""
    return _changed(monitor_id, {"status": "paused"})


@pages.post("/monitors/<monitor_id>/resume")
@page(Scope.WRITE)
def resume(monitor_id: str) -> Response:
    """Measure again."""
    return _changed(monitor_id, {"status": "active"})


@pages.post("/monitors/<monitor_id>/mute")
@page(Scope.WRITE)
def mute(monitor_id: str) -> Response:
    """Nobody is told for a while: `for` is 1h, 8h, 24h, `ever`; `no` ends it."""
    _as_over_rest(monitor_id)
    wanted = request.form.get("for", "")
    if wanted == "no":
        return _changed(monitor_id, {"muted_until": None})
    if wanted == "ever":
        return _changed(monitor_id, {"muted_until": iso(FOR_EVER_MS)})
    state = services()
    with state.database.read(visitor().caller.organization_id) as session:
        checks.find(MONITOR, session, monitor_id)
        now_ms = state.database.now_ms(session)
    if wanted not in MUTES:
        raise Invalid({"for": [f"must be one of {', '.join((*MUTES, 'ever', 'no'))}"]})
    return _changed(monitor_id, {"muted_until": iso(now_ms + MUTES[wanted])})


@pages.post("/monitors/<monitor_id>/clone")
@page(Scope.WRITE)
def clone(monitor_id: str) -> Response:
    """A copy, paused, with its secrets; to its form."""
    _as_over_rest(monitor_id)
    made = checks.cloned(MONITOR, monitor_id)
    return go_to(f"/monitors/{made['id']}/edit")


@pages.post("/monitors/<monitor_id>/delete")
@page(Scope.WRITE)
def delete(monitor_id: str) -> Response:
    """Gone from lists; its runs can be read until their retention ends."""
    _as_over_rest(monitor_id)
    checks.deleted(MONITOR, monitor_id)
    return go_to("/monitors")


def _changed(monitor_id: str, change: dict[str, Any]) -> Response:
    _as_over_rest(monitor_id)
    checks.changed(MONITOR, monitor_id, change)
    return go_to(local_path(request.form.get("back"), f"/monitors/{monitor_id}"))


def _as_over_rest(monitor_id: str) -> None:
    """The REST API's deeds are done for the caller of the request: here, for who is signed in."""
    if not looks_like_id(monitor_id, "mon"):
        raise NotFound("There is no such monitor")
    g.caller = visitor().caller
