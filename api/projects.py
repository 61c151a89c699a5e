"""/v1/projects: what SDKs report to, with its public keys, quota and retention."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any
from urllib.parse import urlsplit

from flask import Response
from pydantic import Field
from sqlalchemy.orm import Session

from api.access import Scope, caller
from api.envelope import json_response
from api.errors import Conflict, Forbidden, Invalid, no_such
from api.event_rules import end_event_rule
from api.project_access import may_see, queried
from api.routes import PathModel, Routes
from api.schemas.bare import BareDeleted, BareError
from api.schemas.projects import Project as ProjectAnswer
from api.schemas.projects import ProjectChange, ProjectKeyRequest, ProjectList, ProjectRequest
from api.schemas.projects import ProjectKey as ProjectKeyAnswer
from api.services import services
from model.secrets import MASK
from model.times import iso
from store import projects as stored
from store.alert_rules import list_event_rules
from store.project_tables import Project, ProjectKey
from store.sessions import EVERY_ORGANIZATION
from store.write_lock import Urgency
from telemetry.agents.fixing.repositories import judge_address
from telemetry.stored.storing import EVENTS, GENERATIONS, TRACES
from telemetry.stored.usage import Usage, usage_of

routes = Routes("Projects", "What SDKs report to: one for each application.", BareError)
_TAKEN = "There is a project with the slug {slug} already"


class ProjectPath(PathModel):
    project_id: Annotated[str, Field(pattern=r"^[a-z0-9_-]{1,64}$", description="Its number, slug or id")]


class ProjectKeyPath(ProjectPath):
    public_key: Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]


@routes.get("/v1/projects", needs=Scope.READ, answers=ProjectList, pages=True)
def list_of_projects() -> Response:
    """List the projects that this token may see, with what they stored and dropped this month.

    One of the 60 questions a minute that each token may ask, as `/v1/query` has it.
    """
    projects = list(queried().projects.values())
    with services().database.read(caller().organization_id) as session:
        keys = stored.keys_of(session, projects)
    return json_response(_shapes(projects, keys))


@routes.post("/v1/projects", needs=Scope.WRITE, answers=ProjectAnswer, status=201, errors=(409,))
def create_project(body: ProjectRequest) -> Response:
    """Make a project, with a first public key."""
    state, who = services(), caller()
    if who.projects is not None:
        raise Forbidden("This key is for certain projects only: it can't make others")
    wanted = stored.NewProject(body.name, body.slug, body.quota.events, body.quota.traces, body.retention_days)
    try:
        with state.database.write(who.organization_id, Urgency.PEOPLE) as session:
            project = stored.create_project(session, who.organization_id, wanted, state.database.now_ms(session))
            keys = stored.keys_of(session, [project])
    except stored.SlugTakenError:
        raise Conflict(_TAKEN.format(slug=body.slug)) from None
    return json_response(_shapes([project], keys)[0], 201)


@routes.get("/v1/projects/<project_id>", needs=Scope.READ, answers=ProjectAnswer)
def show_project(path: ProjectPath) -> Response:
    """Get a project."""
    with services().database.read(caller().organization_id) as session:
        project = _project(session, path.project_id)
        keys = stored.keys_of(session, [project])
    return json_response(_shapes([project], keys)[0])


@routes.put("/v1/projects/<project_id>", needs=Scope.WRITE, answers=ProjectAnswer, errors=(409,))
def change_project(path: ProjectPath, body: ProjectChange) -> Response:
    """Change a project. A quota counts for what arrives from the next second on."""
    try:
        with services().database.write(caller().organization_id, Urgency.PEOPLE) as session:
            project = _project(session, path.project_id, lock=True)
            project.name = body.name or project.name
            project.retention_days = body.retention_days or project.retention_days
            if body.slug is not None:
                stored.rename_slug(session, project, body.slug)
            if body.quota is not None:
                project.quota_events, project.quota_traces = body.quota.events, body.quota.traces
            _set_repository(project, body)
            session.flush()
            keys = stored.keys_of(session, [project])
    except stored.SlugTakenError:
        raise Conflict(_TAKEN.format(slug=body.slug)) from None
    services().public_keys.forget()
    return json_response(_shapes([project], keys)[0])


@routes.delete("/v1/projects/<project_id>", needs=Scope.WRITE, answers=BareDeleted)
def delete_project(path: ProjectPath) -> Response:
    """Delete a project: its keys open nothing any more, and what was sent to it is gone with the next retention."""
    state = services()
    with state.database.write(caller().organization_id, Urgency.PEOPLE) as session:
        project, now_ms = _project(session, path.project_id, lock=True), state.database.now_ms(session)
        for rule in list_event_rules(session, [project.id]):
            end_event_rule(session, rule, now_ms, f"the project {project.name} was deleted")
        stored.delete_project(session, project, now_ms)
    state.public_keys.forget()
    return json_response({"id": path.project_id, "deleted": True})


@routes.post("/v1/projects/<project_id>/keys", needs=Scope.WRITE, answers=ProjectKeyAnswer, status=201)
def create_project_key(path: ProjectPath, body: ProjectKeyRequest) -> Response:
    """Make a further public key, so that one can be replaced without a gap."""
    state = services()
    with state.database.write(caller().organization_id, Urgency.PEOPLE) as session:
        project = _project(session, path.project_id, lock=True)
        now_ms = state.database.now_ms(session)
        key = stored.add_key(session, project, server_only=body.server_only, now_ms=now_ms)
    return json_response(_key_shape(key), 201)


@routes.delete("/v1/projects/<project_id>/keys/<public_key>", needs=Scope.WRITE, answers=BareDeleted)
def delete_project_key(path: ProjectKeyPath) -> Response:
    """Revoke a public key: within a second it opens nothing any more."""
    state = services()
    with state.database.write(caller().organization_id, Urgency.PEOPLE) as session:
        project = _project(session, path.project_id, lock=True)
        keys = stored.keys_of(session, [project]).get(project.id, [])
        found = next((key for key in keys if key.public_key == path.public_key), None)
        if found is None:
            raise no_such("public key", path.public_key)
        found.revoked_ms = state.database.now_ms(session)
    state.public_keys.forget()
    return json_response({"id": path.public_key, "deleted": True})


def _project(session: Session, named: str, *, lock: bool = False) -> Project:
    return may_see(stored.get_project(session, named, lock=lock), named)


def _set_repository(project: Project, body: ProjectChange) -> None:
    """Invalid."""
    state, given = services(), body.model_fields_set
    if "repository" in given:
        if body.repository is not None:
            try:
                judge_address(body.repository, state.settings.fix_repositories)
            except ValueError as error:
                raise Invalid({"repository": [str(error)]}) from None
        stored.set_repository(project, body.repository)
    if "repository_token" in given and body.repository_token != MASK:
        if body.repository_token is not None and not (project.repository or "").lower().startswith("https://"):
            raise Invalid({"repository_token": ["is for a repository with an https:// address"]})
        stored.set_repository_token(state.keyring, project, body.repository_token)


def _shapes(projects: Sequence[Project], keys: dict[str, list[ProjectKey]]) -> list[dict[str, Any]]:
    store = services().database.telemetry
    with store.read(EVERY_ORGANIZATION) as session:
        usage = usage_of(session, [project.number for project in projects], store.now_ms(session))
    return [_shape(project, keys.get(project.id, []), usage[project.number]) for project in projects]


def _shape(project: Project, keys: Sequence[ProjectKey], usage: Usage) -> dict[str, Any]:
    return {
        "id": project.number,
        "project_id": project.id,
        "slug": project.slug,
        "name": project.name,
        "quota": {"events": project.quota_events, "traces": project.quota_traces},
        "usage": {
            kind: {
                "stored": usage.get(kind, {}).get("", 0),
                "dropped": {reason: count for reason, count in usage.get(kind, {}).items() if reason},
            }
            for kind in (EVENTS, TRACES, GENERATIONS)
        },
        "retention_days": project.retention_days,
        "repository": project.repository,
        "repository_token": None if project.repository_token is None else MASK,
        "keys": [_key_shape(key) for key in keys],
        "created_at": iso(project.created_ms),
    }


def _key_shape(key: ProjectKey) -> dict[str, Any]:
    at = urlsplit(services().public_url)
    return {
        "public_key": key.public_key,
        "dsn": f"{at.scheme}://{key.public_key}@{at.netloc}{at.path}/v1/ingest",
        "server_only": key.server_only,
        "created_at": iso(key.created_ms),
    }
