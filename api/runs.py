"""/v1/runs/:id, and the runs of a check: newest first, with the stretches that nobody ran in their place."""

from __future__ import annotations

from typing import Annotated, Any

from flask import Response
from pydantic import AfterValidator, Field, StringConstraints
from sqlalchemy.orm import Session

from api.access import Scope, caller
from api.check_requests import find
from api.envelope import success
from api.errors import Invalid, no_such
from api.families import JOURNEY, MONITOR, Family
from api.journeys import JourneyPath
from api.monitors import MonitorPath
from api.paging import Page
from api.routes import PathModel, Routes
from api.run_behind import trace_of_run
from api.run_shape import gap_entry, run_detail, run_summary
from api.schemas.runs import RunAnswer, RunList
from api.services import services
from api.walk_shape import walk_detail
from model.fields import Instant, LocationName
from model.outcome import RunStatus
from model.times import parse_iso
from store.alert_reading import checks_by_ids
from store.runs import RunFilter, RunPage, list_runs, list_runs_after, run_by_id
from store.tables import Gap, Run
from store.walk_progress import progress_of_run

routes = Routes("Runs", "What each run found: phases, assertions, attempts, and why it failed.")


class RunPath(PathModel):
    run_id: Annotated[str, Field(pattern=r"^run_[0-9a-z]{6,40}$", description="The run's id")]


def _statuses(text: str) -> str:
    known = [status.value for status in RunStatus]
    unknown = [name for name in text.split(",") if name not in known]
    if unknown:
        raise ValueError(f"{unknown[0][:40]!r} is not a status: they are {', '.join(known)}")
    return text


Statuses = Annotated[str, StringConstraints(max_length=80), AfterValidator(_statuses)]


class RunsQuery(Page):
    """Which runs. `from` and `to` are about when they were due or asked for."""

    status: Annotated[Statuses | None, Field(description="Only with one of these statuses, comma-separated")] = None
    from_: Annotated[Instant | None, Field(alias="from", description="From then on, ISO 8601")] = None
    to: Annotated[Instant | None, Field(description="Before then, ISO 8601")] = None
    location: Annotated[LocationName | None, Field(description="Only there")] = None
    cursor: Annotated[
        str | None, Field(max_length=200, description="`meta.next` of the page before, in place of `page`")
    ] = None


@routes.get("/v1/runs/<run_id>", needs=Scope.READ, answers=RunAnswer)
def show_run(path: RunPath) -> Response:
    """Get a run with all it found. Runs of deleted checks stay readable until their retention ends."""
    with services().database.read(caller().organization_id) as session:
        run = run_by_id(session, path.run_id)
        if run is None:
            raise no_such("run", path.run_id)
        check = checks_by_ids(session, [run.check_id]).get(run.check_id)
        shown = run_detail(run) | _progress(session, run)
    return success(shown | {"trace": trace_of_run(run, None if check is None else check.type)})


@routes.get("/v1/monitors/<monitor_id>/runs", needs=Scope.READ, answers=RunList)
def list_monitor_runs(path: MonitorPath, query: RunsQuery) -> Response:
    """List the runs of a monitor, newest first.

    A stretch of slots that nobody ran is one entry with `slots`, `from` and `to`, and counts 1.
    """
    return _runs_of(MONITOR, path.monitor_id, query)


@routes.get("/v1/journeys/<journey_id>/runs", needs=Scope.READ, answers=RunList)
def list_journey_runs(path: JourneyPath, query: RunsQuery) -> Response:
    """List the runs of a journey, newest first.

    A stretch of slots that nobody ran is one entry with `slots`, `from` and `to`, and counts 1.
    """
    return _runs_of(JOURNEY, path.journey_id, query)


def _runs_of(family: Family, check_id: str, query: RunsQuery) -> Response:
    wanted = RunFilter(
        statuses=[RunStatus(name) for name in query.status.split(",")] if query.status else (),
        locations=[query.location] if query.location is not None else (),
        from_ms=parse_iso(query.from_) if query.from_ is not None else None,
        to_ms=parse_iso(query.to) if query.to is not None else None,
    )
    with services().database.read(caller().organization_id) as session:
        found = _page(session, find(family, session, check_id).id, wanted, query)
    shown = [gap_entry(entry) if isinstance(entry, Gap) else run_summary(entry) for entry in found.entries]
    meta = {"total": found.total, "page": query.page, "per_page": query.per_page, "next": found.next}
    return success(shown, meta={**meta, "total_is_minimum": True} if found.total_is_minimum else meta)


def _progress(session: Session, run: Run) -> dict[str, Any]:
    """Of a journey: how far it has come while it is walked, null before and after."""
    if run.check_id.startswith("jny_"):
        return {"progress": None if RunStatus(run.status).terminal else walk_detail(progress_of_run(session, run.id))}
    return {}


def _page(session: Session, check_id: str, wanted: RunFilter, query: RunsQuery) -> RunPage:
    if query.cursor is None:
        return list_runs(session, check_id, wanted, page=query.page, per_page=query.per_page)
    try:
        return list_runs_after(session, check_id, wanted, cursor=query.cursor, per_page=query.per_page)
    except ValueError as error:
        raise Invalid({"cursor": [str(error)]}) from None
