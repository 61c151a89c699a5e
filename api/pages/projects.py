"""/projects: what reports to Tracer, with its public keys, what to type, quota and retention."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from flask import Blueprint, Response, request
from pydantic import BaseModel, ValidationError

from api.access import Scope
from api.errors import Conflict, Forbidden, Invalid
from api.pages.forms import typed
from api.pages.gate import page, visitor
from api.pages.meanwhile import meanwhile, seen
from api.pages.rendering import go_to, render
from api.pages.reported import Pointing
from api.project_access import may_see, visible
from api.projects import (
    ProjectKeyPath,
    ProjectPath,
    change_project,
    create_project,
    create_project_key,
    delete_project,
    delete_project_key,
)
from api.schemas.projects import ProjectChange, ProjectKeyRequest, ProjectRequest, QuotaRequest
from api.services import services
from model.validation import field_errors
from store.project_tables import Project
from store.projects import RETENTION_DAYS, get_project, keys_of
from store.sessions import EVERY_ORGANIZATION
from telemetry.stored.storing import EVENTS, GENERATIONS, TRACES
from telemetry.stored.usage import Usage, usage_of

pages = Blueprint("project_pages", __name__)
_HERE = "/projects"
_FIELDS = ("name", "slug", "events", "traces", "retention_days", "repository")
_KINDS = {EVENTS: "events", TRACES: "spans", GENERATIONS: "AI generations"}
_DONE = {
    "saved": "It is saved: a quota counts for what arrives from the next second on.",
    "made": "The project is made. Point an SDK at it:",
    "key": "There is another key. Both are good until you revoke one.",
    "revoked": "The key is revoked: within a second it opens nothing any more.",
    "deleted": "The project is deleted.",
}


@pages.get(_HERE)
@page(Scope.READ)
def projects() -> Response:
    """The list, and the form for another."""
    return _list(done=_DONE.get(request.args.get("done", "")))


@pages.post(_HERE)
@page(Scope.WRITE)
def make_project() -> Response:
    """By the form."""
    return _sent(
        lambda: create_project(_read(ProjectRequest)),
        f"{_HERE}/{request.form.get('slug', '').strip()}?done=made",
        _list,
    )


@pages.get(f"{_HERE}/<project_id>")
@page(Scope.READ)
def project_page(project_id: str) -> Response:
    """Its keys, what to type, and what it may store."""
    return _one(project_id, done=_DONE.get(request.args.get("done", "")))


@pages.post(f"{_HERE}/<project_id>")
@page(Scope.WRITE)
def save_project(project_id: str) -> Response:
    """Other name, slug, quota, retention or repository."""
    path, slug = _path(project_id), request.form.get("slug", "").strip()
    if told := meanwhile(_id_of(project_id)):
        return _one(project_id, {"": [told.said()]}, Conflict.status)
    return _sent(
        lambda: change_project(path, _read(ProjectChange, **_repository())),
        f"{_HERE}/{slug or project_id}?done=saved",
        lambda wrong, status: _one(project_id, wrong, status),
    )


@pages.post(f"{_HERE}/<project_id>/keys")
@page(Scope.WRITE)
def add_project_key(project_id: str) -> Response:
    """A further public key."""
    path, server_only = _path(project_id), request.form.get("server_only") == "yes"
    create_project_key(path, ProjectKeyRequest(server_only=server_only))
    return go_to(f"{_HERE}/{project_id}?done=key")


@pages.post(f"{_HERE}/<project_id>/keys/<public_key>/revoke")
@page(Scope.WRITE)
def revoke_project_key(project_id: str, public_key: str) -> Response:
    """End one."""
    _path(project_id)
    delete_project_key(ProjectKeyPath.model_construct(project_id=project_id, public_key=public_key))
    return go_to(f"{_HERE}/{project_id}?done=revoked")


@pages.post(f"{_HERE}/<project_id>/delete")
@page(Scope.WRITE)
def delete_project_here(project_id: str) -> Response:
    """End it, and all its keys."""
    delete_project(_path(project_id))
    return go_to(f"{_HERE}?done=deleted")


def _sent(
    act: Callable[[], object],
    done: str,
    again: Callable[[Mapping[str, Sequence[str]], int], Response],
) -> Response:
    """Where it leads, or the page again with what was wrong."""
    try:
        act()
    except ValidationError as error:
        return again(field_errors(error), 422)
    except Invalid as error:
        return again(error.fields or {}, error.status)
    except (Conflict, Forbidden) as error:
        return again({"slug": ["is taken"]} if isinstance(error, Conflict) else {"": [error.message]}, error.status)
    return go_to(done)


def _path(project_id: str) -> ProjectPath:
    """NotFound for one that is not theirs, before anything of the form is read."""
    _id_of(project_id)
    return ProjectPath.model_construct(project_id=project_id)


def _repository() -> dict[str, Any]:
    """Emptied, there is none; a token that is not typed stays as it is."""
    given: dict[str, Any] = {}
    if "repository" in request.form:
        given["repository"] = request.form["repository"].strip() or None
    if request.form.get("repository_token", ""):
        given["repository_token"] = request.form["repository_token"].strip()
    return given


def _read(model: type[BaseModel], **more: Any) -> Any:
    """The form as REST would be sent it. Invalid, ValidationError."""
    given: dict[str, Any] = {name: request.form.get(name, "").strip() for name in ("name", "slug")}
    quota = {kind: _number(kind) for kind in ("events", "traces")}
    days = _number("retention_days")
    if days is not None:
        given["retention_days"] = days
    return model.model_validate({**given, **more, "quota": QuotaRequest.model_validate(quota)})


def _number(name: str) -> int | None:
    text = request.form.get(name, "").strip()
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 16):
        raise Invalid({name: ["must be a whole number, or empty"]})
    return int(text)


def _list(wrong: Mapping[str, Sequence[str]] | None = None, status: int = 200, *, done: str | None = None) -> Response:
    every = list(visible().projects.values())
    usage = _usage(every)
    return render(
        "projects.html",
        status,
        projects=[(project, usage[project.number]) for project in every],
        kinds=_KINDS,
        wrong=_first(wrong),
        typed=typed(_FIELDS, again=bool(wrong)),
        retention_days=RETENTION_DAYS,
        narrow=visitor().caller.projects is not None,
        done=done,
    )


def _id_of(project_id: str) -> str:
    """Of a project that may be named by its slug. NotFound."""
    with services().database.read(visitor().caller.organization_id) as session:
        return may_see(get_project(session, project_id), project_id).id


def _one(
    named: str, wrong: Mapping[str, Sequence[str]] | None = None, status: int = 200, *, done: str | None = None
) -> Response:
    state = services()
    with state.database.read(visitor().caller.organization_id) as session:
        project = may_see(get_project(session, named), named)
        keys = keys_of(session, [project]).get(project.id, [])
        now_ms = state.database.now_ms(session)
    stored = {
        "name": project.name, "slug": project.slug, "events": _text(project.quota_events),
        "traces": _text(project.quota_traces), "retention_days": str(project.retention_days),
        "repository": project.repository or "",
    }  # fmt: skip
    return render(
        "project.html",
        status,
        no_store=True,
        project=project,
        seen=seen(project.id),
        path=f"{_HERE}/{named}",
        keys=[(key, Pointing(project, key)) for key in keys],
        usage=_usage([project])[project.number],
        kinds=_KINDS,
        fields=typed(_FIELDS, again=True) if wrong else stored,
        wrong=_first(wrong),
        done=done,
        now_ms=now_ms,
    )


def _text(number: int | None) -> str:
    return "" if number is None else str(number)


def _first(wrong: Mapping[str, Sequence[str]] | None) -> dict[str, str]:
    """A message for each field of the form: those of the quota stand at its fields."""
    return {path.removeprefix("quota.") if path != "quota" else "": said[0] for path, said in (wrong or {}).items()}


def _usage(projects: Sequence[Project]) -> dict[int, Usage]:
    store = services().database.telemetry
    with store.read(EVERY_ORGANIZATION) as session:
        return usage_of(session, [project.number for project in projects], store.now_ms(session))
