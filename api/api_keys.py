"""/v1/api-keys: keys of the organization. A key's text is answered once, when it is made, and kept only as a hash."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from flask import Response
from pydantic import Field
from sqlalchemy.orm import Session

from api.access import Caller, Scope, caller
from api.envelope import success
from api.errors import Conflict, Invalid, NotFound
from api.membership import refuse_removal
from api.paging import Page, page_meta
from api.routes import PathModel, Routes
from api.schemas.envelope import DeletedAnswer
from api.schemas.people import ApiKeyAnswer, ApiKeyList, ApiKeyRequest, NewApiKeyAnswer
from api.services import services
from model.times import iso, parse_iso
from store import api_keys as stored
from store.members import hold_owners, ownership_of_key, remove_member
from store.projects import get_project
from store.tables import ApiKey
from store.write_lock import Urgency

routes = Routes("API keys", "Keys for people and programs, each with the scopes it needs and no more.")


class KeyPath(PathModel):
    key_id: Annotated[str, Field(pattern=r"^key_[0-9a-z]{6,40}$", description="The key's id")]


@routes.get("/v1/api-keys", needs=Scope.ADMIN, answers=ApiKeyList)
def list_api_keys(query: Page) -> Response:
    """List keys, newest first."""
    with services().database.read(caller().organization_id) as session:
        keys, total = stored.list_api_keys(session, offset=query.offset, limit=query.per_page)
    return success([_shape(key) for key in keys], meta=page_meta(query, total))


@routes.post("/v1/api-keys", needs=Scope.ADMIN, answers=NewApiKeyAnswer, status=201)
def create_api_key(body: ApiKeyRequest) -> Response:
    """Make a key. Its text is in this answer and nowhere else."""
    key, text = make_key(caller(), body)
    return success({**_shape(key), "key": text}, 201, no_store=True)


@routes.get("/v1/api-keys/<key_id>", needs=Scope.ADMIN, answers=ApiKeyAnswer)
def show_api_key(path: KeyPath) -> Response:
    """Get a key, without its text."""
    with services().database.read(caller().organization_id) as session:
        key = stored.get_api_key(session, path.key_id)
    if key is None:
        raise NotFound("There is no such key")
    return success(_shape(key))


@routes.delete("/v1/api-keys/<key_id>", needs=Scope.ADMIN, answers=DeletedAnswer, errors=(409,))
def delete_api_key(path: KeyPath) -> Response:
    """Delete a key: from now on it opens nothing.

    The key of the first start is an owner: only an owner deletes it, and not before there is another. The last key with
    the scope `admin` and no end stays (409) while no person could make another.
    """
    revoke(caller(), path.key_id)
    return success({"id": path.key_id, "deleted": True})


def make_key(who: Caller, body: ApiKeyRequest) -> tuple[ApiKey, str]:
    """A key as asked for, and its text, to be shown this once. Invalid."""
    state = services()
    scopes = list(dict.fromkeys(body.scopes))
    expires_ms = parse_iso(body.expires_at) if body.expires_at is not None else None
    with state.database.write(who.organization_id, Urgency.PEOPLE) as session:
        now_ms = state.database.now_ms(session)
        if expires_ms is not None and expires_ms <= now_ms:
            raise Invalid({"expires_at": ["must be in the future"]})
        projects = None if body.projects is None else _project_ids(session, body.projects)
        wanted = stored.NewApiKey(who.organization_id, body.name, scopes, expires_ms, projects=projects)
        return stored.create_api_key(session, state.keyring, wanted, now_ms)


def _project_ids(session: Session, named: Sequence[str]) -> list[str]:
    """Invalid when there is no such project."""
    found = [get_project(session, name) for name in named]
    unknown = {f"projects.{index}": ["is no project"] for index, project in enumerate(found) if project is None}
    if unknown:
        raise Invalid(unknown)
    return list(dict.fromkeys(project.id for project in found if project is not None))


def revoke(who: Caller, key_id: str) -> None:
    """End a key. Forbidden (an owner's, by who is none), Conflict (the last), NotFound."""
    state = services()
    with state.database.write(who.organization_id, Urgency.PEOPLE) as session:
        now_ms = state.database.now_ms(session)
        owners = hold_owners(session)
        ownership = ownership_of_key(session, key_id)
        if ownership is not None:
            refuse_removal(session, who, ownership, owners)
        if stored.is_last_admin(session, key_id):
            raise Conflict("This is the last key with the scope admin: make another one first")
        if ownership is not None:
            remove_member(session, ownership, now_ms)
        elif not stored.revoke_api_key(session, key_id, now_ms):
            raise NotFound("There is no such key")


def _shape(key: ApiKey) -> dict[str, Any]:
    return {
        "id": key.id,
        "name": key.name,
        "scopes": list(key.scopes),
        "hint": key.hint,
        "projects": key.projects,
        "created_at": iso(key.created_ms),
        "expires_at": iso(key.expires_ms),
        "last_used_at": iso(services().uses.last_used_ms(key)),
    }
