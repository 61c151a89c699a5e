"""/settings/secrets: the organization's variables. They are written here and read by probes alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from flask import Blueprint, Response, request
from pydantic import ValidationError

from api.access import Scope
from api.errors import Conflict, Invalid
from api.pages.forms import Model, page_number, secret, typed
from api.pages.gate import page, visitor
from api.pages.rendering import go_to, render
from api.schemas.variables import VariableChange, VariableRequest
from api.services import services
from api.variables import VariablePath, change_variable, create_variable, delete_variable, show_variable
from model.validation import field_errors
from store import variables as stored
from store.variable_uses import journeys_using

pages = Blueprint("secrets", __name__)
PER_PAGE = 100
_HERE = "/settings/secrets"
_DONE = {
    "set": "The value is stored. It counts for every run that a probe takes from now on.",
    "deleted": "The secret is deleted.",
}


@pages.get(_HERE)
@page(Scope.READ)
def secrets_page() -> Response:
    """The names, and which journeys use each."""
    return _page(done=_DONE.get(request.args.get("done", "")))


@pages.post(_HERE)
@page(Scope.WRITE)
def set_secret_here() -> Response:
    """A new one by the form."""
    try:
        create_variable(_read(VariableRequest, name=request.form.get("name", "").strip(), value=secret("value")))
    except Invalid as error:
        return _page(error.fields, error.status)
    except Conflict:
        return _page({"name": ["is taken: change that one below"]}, Conflict.status)
    return go_to(f"{_HERE}?done=set")


@pages.post(f"{_HERE}/<variable>/change")
@page(Scope.WRITE)
def change_secret_here(variable: str) -> Response:
    """Another value."""
    path = VariablePath.model_construct(variable=variable)
    show_variable(path)  # one of another organization is not there, whatever is typed
    try:
        change_variable(path, _read(VariableChange, value=secret("value")))
    except Invalid as error:
        return _page({variable: error.fields.get("value", ["is not acceptable"]) if error.fields else []}, error.status)
    return go_to(f"{_HERE}?done=set")


@pages.post(f"{_HERE}/<variable>/delete")
@page(Scope.WRITE)
def delete_secret_here(variable: str) -> Response:
    """Gone; steps that use it and have none of their own fail."""
    delete_variable(VariablePath.model_construct(variable=variable))
    return go_to(f"{_HERE}?done=deleted")


def _read(model: type[Model], **given: str) -> Model:
    """Blanks at a secret's ends belong to it, and an empty one is a slip of the hand. Invalid."""
    if not given["value"]:
        raise Invalid({"value": ["is empty"]})
    try:
        return model.model_validate(given)
    except ValidationError as error:
        raise Invalid(field_errors(error)) from None


def _page(wrong: Mapping[str, Sequence[str]] | None = None, status: int = 200, *, done: str | None = None) -> Response:
    number = page_number()
    with services().database.read(visitor().caller.organization_id) as session:
        found, total = stored.list_variables(session, page=((number - 1) * PER_PAGE, PER_PAGE))
        uses = journeys_using(session, [row.name for row in found])
        now_ms = services().database.now_ms(session)
        variables = [(row.id, row.name, row.updated_ms, uses[row.name]) for row in found]
    return render(
        "secrets.html",
        status,
        no_store=True,
        variables=variables,
        number=number,
        more=total > number * PER_PAGE,
        wrong={name: messages[0] for name, messages in (wrong or {}).items() if messages},
        typed=typed(("name",), again=bool(wrong)),
        done=done,
        now_ms=now_ms,
    )
