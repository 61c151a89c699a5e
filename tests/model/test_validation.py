"""What pydantic finds wrong, as sentences: one of a thing is one, and a wrong key is named as it was written."""

from __future__ import annotations

from typing import Annotated, Any

import pytest
from pydantic import BaseModel, Field, StringConstraints, ValidationError

from model.validation import field_errors


class Thing(BaseModel):
    text: Annotated[str, StringConstraints(min_length=1, max_length=1)] = "x"
    several: Annotated[str, StringConstraints(min_length=11)] = "x" * 11
    entries: Annotated[list[int], Field(min_length=1)] = [1]
    named: dict[Annotated[str, StringConstraints(pattern="^[A-Z]+$")], str] = {}


@pytest.mark.parametrize(
    ("given", "fields"),
    [
        ({"text": ""}, {"text": ["must not be empty"]}),
        ({"text": "ab"}, {"text": ["must have at most 1 character"]}),
        ({"several": ""}, {"several": ["must have at least 11 characters"]}),
        ({"entries": []}, {"entries": ["must have at least 1 entry"]}),
        ({"named": {"a b": "x"}}, {"named.a b": ["must match ^[A-Z]+$"]}),
        ({"named": {"A": 1, "[key]": "x"}}, {"named.A": ["must be text"], "named.[key]": ["must match ^[A-Z]+$"]}),
    ],
)
def test_what_is_wrong_reads_well(given: dict[str, Any], fields: dict[str, list[str]]) -> None:
    with pytest.raises(ValidationError) as caught:
        Thing.model_validate(given)
    assert field_errors(caught.value) == fields
