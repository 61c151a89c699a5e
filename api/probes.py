"""/v1/probes: the fleet. A probe's key is answered once, when it is registered, and kept only as a hash."""

from __future__ import annotations

from typing import Annotated, Any

from flask import Response
from pydantic import Field

from api.access import Scope, caller
from api.envelope import success
from api.errors import NotFound
from api.paging import Page, page_meta
from api.routes import PathModel, Routes
from api.schemas.envelope import DeletedAnswer
from api.schemas.fleet import NewProbeAnswer, ProbeAnswer, ProbeList, ProbeRequest
from api.services import services
from model.times import iso
from store import probes as stored
from store.probes import ProbeState
from store.write_lock import Urgency

routes = Routes("Probes", "Who runs the checks: processes tagged with a location, any number of them at each.")


class ProbePath(PathModel):
    probe_id: Annotated[str, Field(pattern=r"^prb_[0-9a-z]{6,40}$", description="The probe's id")]


@routes.get("/v1/probes", needs=Scope.READ, answers=ProbeList)
def list_probes(query: Page) -> Response:
    """List probes, newest first, with what each said last."""
    state = services()
    with state.database.read(caller().organization_id) as session:
        now_ms = state.database.now_ms(session)
        found, total = stored.list_probes(session, now_ms, offset=query.offset, limit=query.per_page)
        shown = [_shape(probe, now_ms) for probe in found]
    return success(shown, meta=page_meta(query, total))


@routes.post("/v1/probes", needs=Scope.ADMIN, answers=NewProbeAnswer, status=201)
def create_probe(body: ProbeRequest) -> Response:
    """Register a probe. Its key is in this answer and nowhere else.

    The key belongs to this name and location; every process of a pool runs under the same key.
    """
    state, organization_id = services(), caller().organization_id
    with state.database.write(organization_id, Urgency.PEOPLE) as session:
        now_ms = state.database.now_ms(session)
        row, key = stored.register_probe(session, state.keyring, organization_id, (body.name, body.location), now_ms)
    return success({**_shape(ProbeState(row, (), False), now_ms), "key": key}, 201, no_store=True)


@routes.get("/v1/probes/<probe_id>", needs=Scope.READ, answers=ProbeAnswer)
def show_probe(path: ProbePath) -> Response:
    """Get a probe."""
    state = services()
    with state.database.read(caller().organization_id) as session:
        now_ms = state.database.now_ms(session)
        probe = stored.get_probe(session, path.probe_id)
        if probe is None:
            raise NotFound("There is no such probe")
        shown = _shape(stored.states_of(session, [probe], now_ms)[0], now_ms)
    return success(shown)


@routes.delete("/v1/probes/<probe_id>", needs=Scope.ADMIN, answers=DeletedAnswer)
def delete_probe(path: ProbePath) -> Response:
    """Delete a probe: its key opens nothing from now on, and what it holds goes to others."""
    state = services()
    with state.database.write(caller().organization_id, Urgency.PEOPLE) as session:
        if not stored.delete_probe(session, path.probe_id, state.database.now_ms(session)):
            raise NotFound("There is no such probe")
    return success({"id": path.probe_id, "deleted": True})


def _shape(state: ProbeState, now_ms: int) -> dict[str, Any]:
    """Figures of several processes under one key are added up; version and self-check are the newest one's."""
    newest, live = state.newest, state.live(now_ms)
    return {
        "id": state.probe.id,
        "name": state.probe.name,
        "location": state.probe.location,
        "hint": state.probe.hint,
        "status": "online" if state.online else "offline",
        "instances": len(live),
        "version": newest.version if newest is not None else None,
        "last_seen_at": iso(newest.seen_ms) if newest is not None else None,
        "capabilities": sorted({name for instance in live or state.instances[:1] for name in instance.capabilities}),
        "running": sum(instance.running for instance in live),
        "spool": sum(instance.spool for instance in live),
        "self_check": newest.self_check if newest is not None else "off",
        "created_at": iso(state.probe.created_ms),
    }
