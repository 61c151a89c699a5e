"""/v1/releases: which commit of what went live when."""

from __future__ import annotations

from typing import Any

from flask import Response

from api.access import Scope
from api.checks_behind import checks_around
from api.envelope import json_response
from api.errors import no_such
from api.project_access import Visible, visible
from api.routes import Routes
from api.schemas.bare import BareError
from api.schemas.releases import ImpactQuery, ReleaseImpact, ReleaseList, ReleaseQuery, ReleaseRequest
from api.schemas.releases import Release as ReleaseAnswer
from api.services import services
from api.telemetry_shapes import issue_shape
from model.times import iso, parse_iso
from store.sessions import EVERY_ORGANIZATION
from store.write_lock import Urgency
from telemetry.stored.issues import issues_first_in
from telemetry.stored.releases import Release, get_release, keep_release, list_releases, met_release

routes = Routes("Releases", "What went live when, as the build says it.", BareError)


@routes.post("/v1/releases", needs=Scope.INGEST, answers=ReleaseAnswer, status=201)
def tell_release(body: ReleaseRequest) -> Response:
    """Tell of a release. Told again, it says anew what it says, and nothing else."""
    projects, store = visible(body.project), services().database.telemetry
    [number] = projects.numbers
    deployed_ms = None if body.deployed_at is None else parse_iso(body.deployed_at)
    with store.write(EVERY_ORGANIZATION, Urgency.PEOPLE) as session:
        told = Release(number, body.release, body.commit, body.url, deployed_ms, store.now_ms(session))
        kept = keep_release(session, told)
    return json_response(_shape(kept, projects), 201)


@routes.get("/v1/releases", needs=Scope.READ, answers=ReleaseList)
def list_of_releases(query: ReleaseQuery) -> Response:
    """List releases, the newest first."""
    projects = visible(query.project)
    with services().database.telemetry.read(EVERY_ORGANIZATION) as session:
        found = list_releases(session, projects.numbers, query.limit)
    return json_response({"releases": [_shape(release, projects) for release in found]})


@routes.get("/v1/releases/impact", needs=Scope.READ, answers=ReleaseImpact)
def release_impact(query: ImpactQuery) -> Response:
    """What a release changed: uptime and response times of the checks before and after `deployed_at` (a release that
    says none: when it was told of; one that no build told of: when an error first named it), and the issues first seen
    in it."""
    projects = visible(query.project)
    [number] = projects.numbers
    with services().database.telemetry.read(EVERY_ORGANIZATION) as session:
        release = get_release(session, number, query.release) or met_release(session, number, query.release)
        issues = [] if release is None else issues_first_in(session, number, query.release)
    if release is None:
        raise no_such("release", query.release)
    met, checks = checks_around(number, release.deployed_ms or release.created_ms, query.hours)
    return json_response(
        {
            "release": _shape(release, projects),
            "hours": query.hours,
            "met": met,
            "checks": checks,
            "new_issues": [issue_shape(issue, projects) for issue in issues],
        }
    )


def _shape(release: Release, projects: Visible) -> dict[str, Any]:
    return {
        "project": projects.slug(release.project),
        "release": release.release,
        "commit": release.commit,
        "deployed_at": iso(release.deployed_ms),
        "url": release.url,
        "created_at": iso(release.created_ms),
    }
