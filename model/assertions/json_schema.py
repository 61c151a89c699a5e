"""`json_schema`: whether a JSON body fits a JSON Schema (2020-12, or the draft that its `$schema` names)."""

from __future__ import annotations

from functools import cached_property
from typing import Any, Literal

import msgspec

from model.answer import Answer
from model.assertions.base import AssertionBase, UnreadableError
from model.assertions.values import json_value
from model.matching.comparison import Test
from model.matching.schemas import Schema, SchemaError, schema_of
from model.validation import FieldsError

FITS = "the body fits the schema"


class JsonSchema(AssertionBase):
    """`value` is the schema. `actual` is the first thing that does not fit, and where."""

    type: Literal["json_schema"]
    operator: Literal["matches"] = "matches"

    @classmethod
    def judge(cls, operator: str, value: Any) -> Any:  # noqa: ARG003 - there is one operator
        return json_value(value)

    @cached_property
    def schema_of_body(self) -> Schema:
        """The schema, ready. Raises FieldsError."""
        try:
            return schema_of(msgspec.json.encode(self.value))
        except SchemaError as error:
            raise FieldsError({"value": str(error)}) from None

    def test(self) -> Test:
        fits = self.schema_of_body and FITS
        return lambda found: found == fits

    def read(self, answer: Answer) -> str:
        document = answer.document
        if document.problem is not None:
            raise UnreadableError(f"the body {document.problem}")
        return self.schema_of_body.complaint(document.value, len(answer.body or "")) or FITS
