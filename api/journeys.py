"""/v1/journeys: make, list, show, change, delete; ask for a run by hand. Runs by tag: api/batches.py."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from flask import Response
from pydantic import Field

from api import check_requests as checks
from api.access import Scope
from api.families import JOURNEY
from api.paging import Page
from api.routes import PathModel, Routes
from api.schemas.envelope import DeletedAnswer
from api.schemas.journeys import JourneyAnswer, JourneyChange, JourneyList, NewJourney
from api.schemas.monitors import RunRequest
from api.schemas.runs import QueuedAnswer
from api.schemas.tries import JourneyDraftPath, JourneyTryAnswer, JourneyTryQuery, JourneyTryWaits
from api.trying import answer_draft, tried, try_out
from model.fields import Name, Tag

routes = Routes("Journeys", "A real browser walks the user's path: steps as data, evidence of how they went.")


class JourneyPath(PathModel):
    journey_id: Annotated[str, Field(pattern=r"^jny_[0-9a-z]{6,40}$", description="The journey's id")]


class JourneyFilter(Page):
    """Which journeys."""

    status: Annotated[Literal["active", "paused"] | None, Field(description="Only active or paused ones")] = None
    tag: Annotated[Tag | None, Field(description="Only with this tag")] = None
    name: Annotated[Name | None, Field(description="Only those whose name contains this, in any case")] = None


@routes.get("/v1/journeys", needs=Scope.READ, answers=JourneyList)
def list_journeys(query: JourneyFilter) -> Response:
    """List journeys, newest first."""
    return checks.listed(JOURNEY, query, status=query.status, tag=query.tag, name=query.name)


@routes.post("/v1/journeys", needs=Scope.WRITE, answers=JourneyAnswer, accepts=NewJourney, status=201)
def create_journey(body: dict[str, Any]) -> Response:
    """Make a journey. It is due from two seconds later on.

    `{{NAME}}` in any string of a step is replaced from `variables`, which are write-only, or from the organization's.
    One that nothing defines is a warning. Left out, `locations` are the organization's `default_locations`.
    """
    return checks.made(JOURNEY, body)


@routes.post(
    "/v1/journeys/try",
    needs=Scope.WRITE,
    answers=JourneyTryAnswer,
    accepts=NewJourney,
    errors=(404, 409),
    also={202: JourneyTryWaits},
)
def try_journey(query: JourneyTryQuery, body: dict[str, Any]) -> Response:
    """Try out a journey before it is made or changed.

    It takes what making one takes, and has a probe walk it once, in one attempt, with a picture of each step: nothing
    is saved, no uptime counts it and nobody is told. It counts as used like a run asked for by hand. 409 when no probe
    of the location has a browser.
    """
    draft = tried(try_out(JOURNEY, body, query.location, query.journey).id, query.wait)
    return answer_draft(draft, unfinished=202)


@routes.get("/v1/journeys/try/<journey_draft_id>", needs=Scope.WRITE, answers=JourneyTryAnswer)
def show_journey_try(path: JourneyDraftPath) -> Response:
    """Get a draft of a journey that was tried out, for an hour."""
    return answer_draft(tried(path.journey_draft_id, of=JOURNEY))


@routes.get("/v1/journeys/<journey_id>", needs=Scope.READ, answers=JourneyAnswer)
def show_journey(path: JourneyPath) -> Response:
    """Get a journey, with its health and figures."""
    return checks.shown(JOURNEY, path.journey_id)


@routes.put("/v1/journeys/<journey_id>", needs=Scope.WRITE, answers=JourneyAnswer, accepts=JourneyChange)
def change_journey(path: JourneyPath, body: dict[str, Any]) -> Response:
    """Change a journey, pause it (`status: paused`) or resume it.

    Fields given replace what is stored, `steps` and `variables` whole; `********` keeps a stored secret, in a step for
    as long as it goes to the same origin. A pause, and a change of what is checked, resolve its open alerts.
    """
    return checks.changed(JOURNEY, path.journey_id, body)


@routes.delete("/v1/journeys/<journey_id>", needs=Scope.WRITE, answers=DeletedAnswer)
def delete_journey(path: JourneyPath) -> Response:
    """Delete a journey. Its runs can be read by id until their retention ends; its open alerts are resolved."""
    return checks.deleted(JOURNEY, path.journey_id)


@routes.post("/v1/journeys/<journey_id>/run", needs=Scope.RUN, answers=QueuedAnswer, status=202)
def run_journey(path: JourneyPath, body: RunRequest) -> Response:
    """Ask for a run now, at each of the journey's locations or at some of them.

    Allowed while it is paused. Such runs are stored and shown, and count toward no uptime and no alert.
    """
    return checks.run_by_hand(JOURNEY, path.journey_id, body.locations)
