"""`{{NAME}}` in the strings of a step: which are used, which nothing defines, and the step with all in place. Pure.

Values are put in once and never looked at again: a value that itself holds `{{OTHER}}` is typed as it is (T15).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple, TypeVar

from pydantic import AfterValidator, Field, StringConstraints

from model.fields import Text

if TYPE_CHECKING:
    from journeys.steps.base import Step

S = TypeVar("S", bound="Step")
MAX_VARIABLES = 100
_NAME = r"[A-Za-z_][A-Za-z0-9_]{0,63}"
_PLACE = re.compile(r"\{\{\s*(" + _NAME + r")\s*\}\}")
NOT_REPLACED = frozenset({"type", "name", "variable"})
"""Fields that are shown to people or name something of ours."""


def _variable_name(text: str) -> str:
    if not re.fullmatch(_NAME, text):
        raise ValueError("must be a name of letters, digits and _, such as PASSWORD, of at most 64 characters")
    return text


VariableName = Annotated[str, StringConstraints(min_length=1), AfterValidator(_variable_name)]
Variables = Annotated[dict[VariableName, Text], Field(max_length=MAX_VARIABLES)]


class UndefinedVariableError(ValueError):
    """A step uses a name that nothing defines; the text is a sentence for people."""


class Undefined(NamedTuple):
    """A `{{NAME}}` in the step at place `at` (from 0) that neither a variable nor a step before it defines."""

    at: int
    name: str


def has_place(text: str) -> bool:
    """Whether the text holds a `{{NAME}}`, so that what it will say is known at a run only."""
    return _PLACE.search(text) is not None


def names_in(value: Any) -> Iterator[str]:
    """The names that JSON-like data uses, in order of their place, repeated as they are."""
    if isinstance(value, str):
        yield from _PLACE.findall(value)
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from names_in(key)
            yield from names_in(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from names_in(item)


def names_used(steps: Iterable[Step]) -> tuple[str, ...]:
    """Every name that the steps use, each once, in order of first use."""
    return tuple(dict.fromkeys(name for step in steps for name in names_in(_fields(step))))


def undefined(steps: Sequence[Step], known: Collection[str]) -> tuple[Undefined, ...]:
    """Each use of a name that is not in `known` and that no earlier step sets (`extract`, `totp`, `request`)."""
    defined = set(known)
    found: list[Undefined] = []
    for index, step in enumerate(steps):
        found += [Undefined(index, name) for name in dict.fromkeys(names_in(_fields(step))) if name not in defined]
        sets = getattr(step, "variable", None)
        if sets is not None:
            defined.add(sets)
    return tuple(found)


def fill_in(step: S, variables: Mapping[str, str]) -> S:
    """The step with every `{{NAME}}` replaced, judged anew. Raises UndefinedVariableError, and ValueError (pydantic's
    ValidationError) when what comes out is no step, such as a URL that is none."""
    fields = _fields(step)
    if next(names_in(fields), None) is None:
        return step
    kept = {name: getattr(step, name) for name in NOT_REPLACED if hasattr(step, name)}
    return type(step).model_validate({**_replaced(fields, variables), **kept})


def _fields(step: Step) -> dict[str, Any]:
    return step.model_dump(mode="json", by_alias=True, exclude=set(NOT_REPLACED), exclude_none=True)


def _replaced(value: Any, variables: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        return _PLACE.sub(lambda found: _value(found[1], variables), value)
    if isinstance(value, dict):
        return {_replaced(key, variables): _replaced(item, variables) for key, item in value.items()}
    if isinstance(value, list):
        return [_replaced(item, variables) for item in value]
    return value


def _value(name: str, variables: Mapping[str, str]) -> str:
    if name not in variables:
        raise UndefinedVariableError(f"{{{{{name}}}}} is used, but no variable of that name is defined")
    return variables[name]
