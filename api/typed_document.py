"""From what a person sent to a frozen definition whose `type` decides its fields, and from a stored one and a change to
the next one. Monitors have secrets and locations on top (api/definitions.py)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from api.errors import Invalid
from model.validation import field_errors

Model = TypeVar("Model", bound=BaseModel)
Forms = Sequence[Sequence[str]]


def of_type(types: Mapping[str, type[Model]], document: Mapping[str, Any], noun: str) -> type[Model]:
    """The class for a document's `type`. Raises Invalid with the types there are."""
    kind = document.get("type")
    known = types.get(kind) if isinstance(kind, str) else None
    if known is None:
        said = "is missing" if kind is None else f"is not a type of {noun}"
        raise Invalid({"type": [f"{said}: it is one of {', '.join(types)}"]})
    return known


def judged(model: type[Model], document: Mapping[str, Any], read_only: Sequence[str] = ()) -> Model:
    """A whole document as its class. `read_only`: fields of answers, which are named as such rather than unknown."""
    given = [name for name in read_only if name in document]
    if given:
        raise Invalid({name: ["is read-only"] for name in given})
    try:
        return model.model_validate(dict(document))
    except ValidationError as error:
        raise Invalid(field_errors(error)) from None


def merged(
    model: type[BaseModel], stored: Mapping[str, Any], change: Mapping[str, Any], forms: Forms = ()
) -> dict[str, Any]:
    """What a PUT makes of a stored document: top-level fields replaced, null clears an optional one (any other null
    is refused later). `forms`: of these sets of fields, those of the one given take the place of the others'."""
    whole = {**stored, **change}
    given = [form for form in forms if any(change.get(name) is not None for name in form)]
    if len(given) == 1:
        for name in (name for form in forms if form is not given[0] for name in form):
            whole[name] = change.get(name)
    optional = {info.alias or name for name, info in model.model_fields.items() if not info.is_required()}
    return {name: value for name, value in whole.items() if value is not None or name not in optional}


def each_once(values: Sequence[str]) -> tuple[str, ...]:
    """Named twice is meant once."""
    return tuple(dict.fromkeys(values))
