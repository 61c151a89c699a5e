"""/v1/silences: nobody is told for a while. They end by themselves."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from flask import Response
from pydantic import Field
from sqlalchemy.orm import Session

from alerts.coverage import ground_of, quiets_nothing
from alerts.quieted import Quieted
from api.access import Caller, Scope, caller
from api.envelope import success
from api.errors import NotFound
from api.paging import Page, page_meta
from api.routes import PathModel, Routes
from api.schemas.envelope import DeletedAnswer
from api.schemas.quiet import SilenceAnswer, SilenceList, SilenceRequest
from api.services import services
from api.targets import refuse, refuse_none, tidied, unknown_checks, with_project_ids
from model.fields import STORED
from model.times import iso
from store import silences as stored
from store.alert_tables import Silence
from store.write_lock import Urgency

routes = Routes("Silences", "Nobody is told for a while: alerts open and resolve as ever.")


class SilencePath(PathModel):
    silence_id: Annotated[str, Field(pattern=r"^sil_[0-9a-z]{6,40}$", description="The silence's id")]


class SilencePage(Page):
    """Which silences."""

    status: Annotated[Literal["active", "over"] | None, Field(description="Only those that hold, or are over")] = None


@routes.get("/v1/silences", needs=Scope.READ, answers=SilenceList)
def list_silences(query: SilencePage) -> Response:
    """List silences, newest first, those that are over too."""
    state = services()
    with state.database.read(caller().organization_id) as session:
        now_ms = state.database.now_ms(session)
        found, total = stored.list_silences(session, now_ms, status=query.status, page=(query.offset, query.per_page))
    return success([_shape(silence, now_ms) for silence in found], meta=page_meta(query, total))


@routes.post("/v1/silences", needs=Scope.WRITE, answers=SilenceAnswer, status=201)
def create_silence(body: SilenceRequest) -> Response:
    """Tell nobody of these checks and projects for so many seconds from now on.

    An alert that is still open when it ends is told then.
    """
    shown, warnings = silence(caller(), body)
    return success(shown, 201, warnings=warnings)


@routes.get("/v1/silences/<silence_id>", needs=Scope.READ, answers=SilenceAnswer)
def show_silence(path: SilencePath) -> Response:
    """Get a silence, also one that is over."""
    state = services()
    with state.database.read(caller().organization_id) as session:
        shown = _shape(_silence(session, path.silence_id), state.database.now_ms(session))
    return success(shown)


@routes.delete("/v1/silences/<silence_id>", needs=Scope.WRITE, answers=DeletedAnswer)
def end_silence(path: SilencePath) -> Response:
    """End a silence at once. It stays listed as one that is over: people may ask why they were not told."""
    end(caller(), path.silence_id)
    return success({"id": path.silence_id, "deleted": True})


def silence(who: Caller, body: SilenceRequest) -> tuple[dict[str, Any], list[str]]:
    """A new silence as the API shows it, and warnings. Invalid."""
    state = services()
    match = tidied(body.match)
    refuse_none(match, "match")
    with state.database.write(who.organization_id, Urgency.PEOPLE) as session:
        now_ms = state.database.now_ms(session)
        refuse(unknown_checks(session, match, "match"))
        match = with_project_ids(session, match, "match")
        made = stored.create_silence(
            session,
            who.organization_id,
            match.model_dump(mode="json"),
            now_ms + body.for_ * 1000,
            (who.name, body.reason),
            now_ms,
        )
        nothing = quiets_nothing(ground_of(session, ()), match)
    return _shape(made, now_ms), [] if nothing is None else [nothing]


def end(who: Caller, silence_id: str) -> None:
    """End a silence. NotFound."""
    state = services()
    with state.database.write(who.organization_id, Urgency.PEOPLE) as session:
        stored.end_silence(session, _silence(session, silence_id, lock=True), state.database.now_ms(session))


def _shape(row: Silence, now_ms: int) -> dict[str, Any]:
    return {
        "id": row.id,
        "status": "active" if row.ends_ms > now_ms else "over",
        "match": Quieted.model_validate(row.match, context=STORED).model_dump(mode="json"),
        "reason": row.reason,
        "created_by": row.created_by,
        "starts_at": iso(row.starts_ms),
        "ends_at": iso(row.ends_ms),
    }


def _silence(session: Session, silence_id: str, *, lock: bool = False) -> Silence:
    found = stored.get_silence(session, silence_id, lock=lock)
    if found is None:
        raise NotFound("There is no such silence")
    return found
