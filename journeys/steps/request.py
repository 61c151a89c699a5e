"""`request`: an HTTP request beside the page, with the session's cookies: `{"method": "POST", "url": "/api/cart"}`."""

from __future__ import annotations

import json as json_text
from typing import Annotated, ClassVar, Literal, Self

from pydantic import AfterValidator, ConfigDict, Field, JsonValue, StringConstraints, field_validator, model_validator

from journeys.steps.base import PAGE_S, Step
from journeys.urls import StepUrl
from journeys.variables import VariableName
from model.assertions.registry import Assertion
from model.fields import printable
from model.headers import Headers
from model.matching.paths import MAX_PATH, path_of
from model.validation import FieldsError

MAX_REQUEST_BODY = 262_144
ASSERTIONS = frozenset({"status_code", "response_time", "body", "json_path", "json_schema", "header"})


def _json_path(text: str) -> str:
    path_of(text)
    return text


class Request(Step):
    """With no assertion on the status, any under 400 passes. `variable` keeps the answer's body, or what `path`
    (JSONPath) finds in it."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, serialize_by_alias=True, populate_by_name=True)
    default_timeout_s: ClassVar[float] = PAGE_S
    on_page: ClassVar[bool] = False
    subject: ClassVar[str] = "url"

    type: Literal["request"]
    method: Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] = "GET"
    url: StepUrl
    headers: Headers = Field(default_factory=dict)
    body: Annotated[str, StringConstraints(max_length=MAX_REQUEST_BODY), AfterValidator(printable)] | None = None
    json_body: Annotated[JsonValue, Field(alias="json", description="sent as JSON, with that Content-Type")] = None
    assertions: Annotated[tuple[Assertion, ...], Field(max_length=50, strict=False)] = ()
    variable: VariableName | None = None
    path: (
        Annotated[str, StringConstraints(max_length=MAX_PATH), AfterValidator(printable), AfterValidator(_json_path)]
        | None
    ) = None

    @field_validator("assertions", mode="after")
    @classmethod
    def _assertions_of_an_answer(cls, assertions: tuple[Assertion, ...]) -> tuple[Assertion, ...]:
        wrong = [(index, given.type) for index, given in enumerate(assertions) if given.type not in ASSERTIONS]
        if wrong:
            hint = f"it takes {', '.join(sorted(ASSERTIONS))}"
            raise FieldsError(
                {f"{index}.type": f"{name} says nothing about a request: {hint}" for index, name in wrong}
            )
        return assertions

    @model_validator(mode="after")
    def _one_body(self) -> Self:
        if self.body is not None and self.json_body is not None:
            raise FieldsError({"json": "give either body or json, not both"})
        if self.method == "HEAD" and (self.body is not None or self.json_body is not None):
            raise FieldsError({"method": "HEAD has no body: leave out body and json"})
        if self.json_body is not None and len(json_text.dumps(self.json_body)) > MAX_REQUEST_BODY:
            raise FieldsError({"json": f"must be at most {MAX_REQUEST_BODY} bytes long"})
        if self.path is not None and self.variable is None:
            raise FieldsError({"variable": "is required with path: what is found is kept under its name"})
        return self

    def shown(self) -> str:
        return super().shown().replace(self.type, f"{self.type} {self.method}", 1)
