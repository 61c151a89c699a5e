"""/v1/runs/:id/steps and /v1/runs/:id/artifacts: how each step of a journey went, and the files that show it."""

from __future__ import annotations

from typing import Any

from flask import Response
from sqlalchemy.orm import Session

from api.access import Scope, caller
from api.artifact_links import LASTS_MS, artifact_path
from api.envelope import success
from api.errors import no_such
from api.routes import Routes
from api.run_shape import detail_of, step_shapes
from api.runs import RunPath
from api.schemas.artifacts import ArtifactList, StepList
from api.services import services
from model.times import iso
from store.artifact_tables import Artifact
from store.artifacts import artifacts_of_run
from store.runs import run_by_id
from store.tables import Run

routes = Routes("Evidence", "How each step of a journey went, and the files that show it.")


@routes.get("/v1/runs/<run_id>/steps", needs=Scope.READ, answers=StepList)
def list_steps(path: RunPath) -> Response:
    """List the steps of a journey's run, in their order; none for the run of a monitor."""
    with services().database.read(caller().organization_id) as session:
        run = _run(session, path.run_id)
        return success(step_shapes(detail_of(run).steps, artifacts_of_run(session, run.id)))


@routes.get("/v1/runs/<run_id>/artifacts", needs=Scope.READ, answers=ArtifactList)
def list_artifacts(path: RunPath) -> Response:
    """List the artifacts of a run that are still there.

    Each `url` opens its file with no key for 300 seconds; ask again for a fresh one. The evidence of passed runs makes
    room for newer ones first; that of failures is kept for a day at least.
    """
    state = services()
    with state.database.read(caller().organization_id) as session:
        found = artifacts_of_run(session, _run(session, path.run_id).id)
        until_ms = state.database.now_ms(session) + LASTS_MS
    return success([artifact_shape(artifact, until_ms) for artifact in found], no_store=True)


def _run(session: Session, run_id: str) -> Run:
    run = run_by_id(session, run_id)
    if run is None:
        raise no_such("run", run_id)
    return run


def artifact_shape(artifact: Artifact, until_ms: int) -> dict[str, Any]:
    """A file of a run, with a link that opens it until then."""
    state = services()
    return {
        "id": artifact.id,
        "type": artifact.type,
        "content_type": artifact.content_type,
        "size_bytes": artifact.size_bytes,
        "step_index": artifact.step_index,
        "url": f"{state.public_url}{artifact_path(state.keyring, artifact.id, until_ms)}",
        "expires_at": iso(until_ms),
    }
