"""What people do with a monitor or a journey from its page: run, pause, mute, clone, delete it. Each is the REST API's
own deed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from flask import Blueprint, Response, g, request

from api import check_requests as checks
from api.access import Scope
from api.errors import Invalid, NotFound
from api.families import JOURNEY, MONITOR, Family
from api.pages.forms import local_path
from api.pages.gate import page, visitor
from api.pages.rendering import go_to
from api.services import services
from model.ids import looks_like_id
from model.times import HOUR_MS, iso, parse_iso

pages = Blueprint("check_deeds", __name__)
MUTES = {"1h": HOUR_MS, "8h": 8 * HOUR_MS, "24h": 24 * HOUR_MS}
"""How long it can be muted for; beside these until it is unmuted by hand."""
FOR_EVER_MS = parse_iso("9999-12-31T00:00:00Z")
DONE = {
    "paused": "It is paused: nothing is run, and nobody is told, until it is resumed.",
    "resumed": "It runs again.",
    "muted": "It is muted: it runs, and nobody is told.",
    "unmuted": "It is not muted any more.",
    "made": "It is made, and runs from now on.",
    "saved": "It is saved. Runs from now on go by it.",
    "cloned": "This is the copy. It is paused, so that you can change it first.",
    "deleted": "It is deleted. Its runs can be read by their links until their time is over.",
}
"""What a page says after a deed, by `done` of its address."""


class Room(NamedTuple):
    """The pages of one family. `copied`: where a copy is looked at first."""

    family: Family
    path: str
    prefix: str
    copied: str


_ROOMS = (Room(MONITOR, "/monitors", "mon", "/edit"), Room(JOURNEY, "/journeys", "jny", "?done=cloned"))


@pages.post("/monitors/<check_id>/run")
@pages.post("/journeys/<check_id>/run")
@page(Scope.RUN)
def run_now(check_id: str) -> Response:
    """Ask for a run at each of its locations; to the page of the first, which follows it."""
    answered: Any = checks.run_by_hand(_room_of(check_id).family, check_id, None).get_json()
    return go_to(f"/runs/{answered['data']['run_id']}")


@pages.post("/monitors/<check_id>/pause")
@pages.post("/journeys/<check_id>/pause")
@page(Scope.WRITE)
def pause(check_id: str) -> Response:
    """Nothing is measured until it is resumed."""
    return _changed(check_id, {"status": "paused"}, "paused")


@pages.post("/monitors/<check_id>/resume")
@pages.post("/journeys/<check_id>/resume")
@page(Scope.WRITE)
def resume(check_id: str) -> Response:
    """Measure again."""
    return _changed(check_id, {"status": "active"}, "resumed")


@pages.post("/monitors/<check_id>/mute")
@pages.post("/journeys/<check_id>/mute")
@page(Scope.WRITE)
def mute(check_id: str) -> Response:
    """Nobody is told for a while: `for` is 1h, 8h, 24h, `ever`; `no` ends it."""
    room = _room_of(check_id)
    wanted = request.form.get("for", "")
    if wanted == "no":
        return _changed(check_id, {"muted_until": None}, "unmuted")
    if wanted == "ever":
        return _changed(check_id, {"muted_until": iso(FOR_EVER_MS)}, "muted")
    state = services()
    with state.database.read(visitor().caller.organization_id) as session:
        checks.find(room.family, session, check_id)
        now_ms = state.database.now_ms(session)
    if wanted not in MUTES:
        raise Invalid({"for": [f"must be one of {', '.join((*MUTES, 'ever', 'no'))}"]})
    return _changed(check_id, {"muted_until": iso(now_ms + MUTES[wanted])}, "muted")


@pages.post("/monitors/<check_id>/clone")
@pages.post("/journeys/<check_id>/clone")
@page(Scope.WRITE)
def clone(check_id: str) -> Response:
    """A copy, paused, with its secrets."""
    room = _room_of(check_id)
    made = checks.cloned(room.family, check_id)
    return go_to(f"{room.path}/{made['id']}{room.copied}")


@pages.post("/monitors/<check_id>/delete")
@pages.post("/journeys/<check_id>/delete")
@page(Scope.WRITE)
def delete(check_id: str) -> Response:
    """Gone from lists; its runs can be read until their retention ends."""
    room = _room_of(check_id)
    checks.deleted(room.family, check_id)
    return go_to(f"{room.path}?done=deleted")


def _changed(check_id: str, change: Mapping[str, Any], done: str) -> Response:
    room = _room_of(check_id)
    checks.changed(room.family, check_id, dict(change))
    return go_to(local_path(request.form.get("back"), f"{room.path}/{check_id}?done={done}"))


def _room_of(check_id: str) -> Room:
    """Whose deed it is. The REST API's deeds are done for the caller of the request: here, for who is signed in."""
    g.caller = visitor().caller
    for room in _ROOMS:
        if looks_like_id(check_id, room.prefix) and request.path.startswith(f"{room.path}/"):
            return room
    noun = next(room.family.noun for room in _ROOMS if request.path.startswith(f"{room.path}/"))
    raise NotFound(f"There is no such {noun}")
