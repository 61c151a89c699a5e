"""/v1/variables: values that every journey of the organization may use as `{{NAME}}`. Write-only."""

from __future__ import annotations

from typing import Annotated, Any

from flask import Response
from pydantic import Field
from sqlalchemy.orm import Session

from api.access import Scope, caller
from api.envelope import success
from api.errors import Conflict, Invalid, NotFound
from api.kept_secrets import NOTHING_KEPT
from api.paging import Page, page_meta
from api.routes import PathModel, Routes
from api.schemas.envelope import DeletedAnswer
from api.schemas.variables import VariableAnswer, VariableChange, VariableList, VariableRequest
from api.services import services
from model.secrets import MASK
from model.times import iso
from store import variables as stored
from store.journey_tables import OrganizationVariable
from store.write_lock import Urgency

routes = Routes("Variables", "Secrets that all journeys of the organization may use by name, and nobody can read.")


class VariablePath(PathModel):
    variable: Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,63}$", description="Its name or its id")]


@routes.get("/v1/variables", needs=Scope.READ, answers=VariableList)
def list_variables(query: Page) -> Response:
    """List variables, newest first. Their values are not told."""
    with services().database.read(caller().organization_id) as session:
        found, total = stored.list_variables(session, page=(query.offset, query.per_page))
    return success([_shape(row) for row in found], meta=page_meta(query, total))


@routes.post("/v1/variables", needs=Scope.WRITE, answers=VariableAnswer, status=201, errors=(409,))
def create_variable(body: VariableRequest) -> Response:
    """Make a variable. A journey's own variable of the same name comes before it."""
    state, organization_id = services(), caller().organization_id
    _refuse_mask(body.value)
    named = (body.name, body.value)
    try:
        with state.database.write(organization_id, Urgency.PEOPLE) as session:
            now_ms = state.database.now_ms(session)
            row = stored.add_variable(session, state.keyring, organization_id, named, now_ms)
    except stored.NameTakenError:
        raise Conflict(f"There is a variable {body.name} already: PUT /v1/variables/{body.name} changes it") from None
    return success(_shape(row), 201)


@routes.get("/v1/variables/<variable>", needs=Scope.READ, answers=VariableAnswer)
def show_variable(path: VariablePath) -> Response:
    """Get a variable. Its value is not told."""
    with services().database.read(caller().organization_id) as session:
        return success(_shape(_variable(session, path.variable)))


@routes.put("/v1/variables/<variable>", needs=Scope.WRITE, answers=VariableAnswer)
def change_variable(path: VariablePath, body: VariableChange) -> Response:
    """Give a variable another value: it counts for every run that a probe takes from now on."""
    state = services()
    with state.database.write(caller().organization_id, Urgency.PEOPLE) as session:
        row = _variable(session, path.variable, lock=True)
        if body.value != MASK:
            stored.set_value(session, state.keyring, row, body.value, state.database.now_ms(session))
        shown = _shape(row)
    return success(shown)


@routes.delete("/v1/variables/<variable>", needs=Scope.WRITE, answers=DeletedAnswer)
def delete_variable(path: VariablePath) -> Response:
    """Delete a variable. Steps that use it and have no variable of their own fail from now on."""
    with services().database.write(caller().organization_id, Urgency.PEOPLE) as session:
        row = _variable(session, path.variable, lock=True)
        stored.delete_variable(session, row)
    return success({"id": row.id, "deleted": True})


def _variable(session: Session, id_or_name: str, *, lock: bool = False) -> OrganizationVariable:
    row = stored.get_variable(session, id_or_name, lock=lock)
    if row is None:
        raise NotFound("There is no such variable")
    return row


def _refuse_mask(value: str) -> None:
    if value == MASK:
        raise Invalid({"value": [NOTHING_KEPT]})


def _shape(row: OrganizationVariable) -> dict[str, Any]:
    return {
        "id": row.id,
        "name": row.name,
        "value": MASK,
        "created_at": iso(row.created_ms),
        "updated_at": iso(row.updated_ms),
    }
