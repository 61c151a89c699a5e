"""/v1/journeys/run-tag/:tag and /v1/batches: journeys that CI asks for before or after a deploy, and how far they are.

Their runs stand beside the scheduled ones, and page nobody.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Annotated, Any

from flask import Response
from pydantic import Field

from api.access import Scope, caller
from api.definitions import password_in
from api.envelope import success
from api.errors import Invalid, NotFound, no_such
from api.kept_secrets import NOTHING_KEPT
from api.routes import PathModel, Routes
from api.run_shape import run_error, tidy
from api.schemas.journeys import AskedAnswer, BatchAnswer, BatchRequest
from api.services import services
from api.undefined import undefined_in
from api.walk_shape import walk_summary
from api.warnings import without_probe
from model.fields import Tag
from model.outcome import RunStatus
from model.protocol import RunOverrides
from model.secrets import MASK
from model.times import iso
from store.batches import Wanted, add_batch, get_batch, lock_journeys_with_tag, runs_of_batch
from store.journey_tables import BatchRun, WalkProgress
from store.sessions import EVERY_ORGANIZATION
from store.tables import Check, Run
from store.variables import variable_names
from store.walk_progress import progress_of_runs
from store.write_lock import Urgency

MOST_RUNS = 1_000
routes = Routes("Batches", "Journeys that CI asks for by tag: results that turn a pipeline red for the right reason.")


class TagPath(PathModel):
    tag: Annotated[Tag, Field(description="A tag of journeys")]


class BatchPath(PathModel):
    batch_id: Annotated[str, Field(pattern=r"^bat_[0-9a-z]{6,40}$", description="The batch's id")]


@routes.post("/v1/journeys/run-tag/<path:tag>", needs=Scope.RUN, answers=AskedAnswer, status=202)
def run_tag(path: TagPath, body: BatchRequest) -> Response:
    """Run every journey that has a tag, now, on the probes that run it on schedule.

    Paused journeys are left out and named in `meta.warnings`. Such runs are stored and shown beside the scheduled ones,
    and count toward no uptime and no alert. 404 when there is nothing to run.
    """
    state, organization_id = services(), caller().organization_id
    _refuse_unusable(body)
    wanted = Wanted(
        organization_id,
        path.tag,
        body.metadata.model_dump(mode="json"),
        caller().name,
        RunOverrides(dict(body.variables), body.base_url),
        tuple(dict.fromkeys(body.locations or ())),
    )
    with state.database.write(EVERY_ORGANIZATION, Urgency.PEOPLE) as session:
        found = lock_journeys_with_tag(session, organization_id, path.tag)
        journeys = [check for check in found if check.status == "active"]
        _refuse_none_or_too_many(found, journeys, wanted)
        batch, runs = add_batch(session, state.keyring, journeys, wanted, state.database.now_ms(session))
    data = {"batch_id": batch.id, "tag": batch.tag, "runs": [_asked(row) for row in runs]}
    return success(data, 202, warnings=[*_left_out(found), *_worth_a_look(journeys, wanted, runs)])


@routes.get("/v1/batches/<batch_id>", needs=Scope.READ, answers=BatchAnswer)
def show_batch(path: BatchPath) -> Response:
    """Get a batch: how its runs went so far, and what that comes to."""
    with services().database.read(caller().organization_id) as session:
        batch = get_batch(session, path.batch_id)
        if batch is None:
            raise no_such("batch", path.batch_id)
        runs = runs_of_batch(session, batch.id)
        walks = progress_of_runs(session, [run.id for _, run in runs if run and run.status == RunStatus.RUNNING])
    count = Counter(_outcome(run) for _, run in runs)
    return success(
        {
            "batch_id": batch.id,
            "tag": batch.tag,
            "status": _verdict(count),
            "total": len(runs),
            **{status: count[status] for status in ("success", "failed", "unknown")},
            "metadata": batch.about,
            "created_by": batch.created_by,
            "created_at": iso(batch.created_ms),
            "runs": [_run(asked, run, walks.get(asked.run_id)) for asked, run in runs],
        }
    )


def _refuse_unusable(body: BatchRequest) -> None:
    masked = {f"variables.{name}": [NOTHING_KEPT] for name, value in body.variables.items() if value == MASK}
    if masked:
        raise Invalid(masked)
    if body.base_url is not None and password_in(body.base_url):
        raise Invalid({"base_url": ["must not contain a password: give it as one of the variables"]})


def _refuse_none_or_too_many(found: Sequence[Check], journeys: Sequence[Check], wanted: Wanted) -> None:
    if not found:
        raise NotFound(f"No journey has the tag {wanted.tag!r}")
    if not journeys:
        raise NotFound(
            f"Every journey with the tag {wanted.tag!r} is paused: {', '.join(check.name for check in found)}"
        )
    runs = sum(len(wanted.locations or check.locations) for check in journeys)
    if runs > MOST_RUNS:
        raise Invalid({"locations": [f"this would be {runs} runs, and {MOST_RUNS} is the most: name fewer locations"]})


def _left_out(found: Sequence[Check]) -> list[str]:
    return [f"{check.name} is paused and was left out" for check in found if check.status != "active"]


def _worth_a_look(journeys: Sequence[Check], wanted: Wanted, runs: Sequence[BatchRun]) -> list[str]:
    """Where nobody can run them, and what their steps will miss."""
    state = services()
    with state.database.read(wanted.organization_id) as session:
        lines = without_probe(session, list(dict.fromkeys(row.location for row in runs)), browser=True)
        known = {*wanted.overrides.variables, *variable_names(session)}
    for check in journeys:
        lines += [f"{check.name}: {line}" for line in undefined_in(state.keyring, check, known)]
    return lines


def _outcome(run: Run | None) -> str:
    """A run as the batch counts it: what was not measured, for whatever reason, is not known."""
    status = RunStatus.UNKNOWN if run is None else RunStatus(run.status)
    if not status.terminal:
        return "running"
    return status.value if status.measured else "unknown"


def _verdict(count: Counter[str]) -> str:
    return next((status for status in ("running", "failed", "unknown") if count[status]), "success")


def _asked(row: BatchRun) -> dict[str, Any]:
    return {"run_id": row.run_id, "journey_id": row.check_id, "name": row.name, "location": row.location}


def _run(asked: BatchRun, run: Run | None, walk: WalkProgress | None) -> dict[str, Any]:
    return {
        **_asked(asked),
        "status": RunStatus.UNKNOWN.value if run is None else run.status,
        "started_at": None if run is None else iso(run.started_ms),
        "completed_at": None if run is None else iso(run.completed_ms),
        "duration_ms": None if run is None else tidy(run.duration_ms),
        "error": None if run is None else run_error(run),
        "progress": walk_summary(walk),
        "url": f"{services().public_url}/runs/{asked.run_id}",
    }
