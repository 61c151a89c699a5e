"""A form of which something can't be read is told all that is wrong with it at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from api.errors import Invalid
from api.families import DEFINITIONS
from model.validation import field_errors


def refusal(kind: str, document: Mapping[str, Any], unread: Mapping[str, list[str]]) -> Invalid:
    """`unread`: what could not be read, by path. What validation says of the rest of `document` stands beside it."""
    given = {name: value for name, value in document.items() if value is not None}
    given.setdefault("locations", ["anywhere"])  # the organization's, where none is named
    try:
        DEFINITIONS[kind].model_validate({**given, "type": kind})
    except ValidationError as error:
        groups = {path.split(".")[0] for path in unread if not path.startswith(("steps.", "variables."))}
        others = {
            path: said
            for path, said in field_errors(error).items()
            if path.split(".")[0] not in groups and not any(path.startswith(each) for each in unread)
        }
        return Invalid({**unread, **others})
    return Invalid(unread)
