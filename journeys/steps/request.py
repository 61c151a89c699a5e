"""`request`: an HTTP request beside the page, with the session's cookies: `{"method": "POST", "url": "/api/cart"}`."""

from __future__ import annotations

import json as json_text
import time
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, Self

from pydantic import AfterValidator, ConfigDict, Field, JsonValue, StringConstraints, field_validator, model_validator

from journeys.errors import StepError
from journeys.steps.base import PAGE_S, Step
from journeys.urls import StepUrl
from journeys.variables import VariableName
from model.answer import Answer
from model.assertions.base import AssertionBase
from model.assertions.registry import Assertion
from model.assertions.status_code import StatusCode
from model.fields import MAX_TEXT, printable
from model.headers import Headers
from model.matching.paths import MAX_PATH, path_of
from model.validation import FieldsError
from model.verdict import assertion_error, hold

if TYPE_CHECKING:
    from journeys.walk import Walk

MAX_REQUEST_BODY = 262_144
MAX_ANSWER = 10 * 1024 * 1024
"""Bytes of an answer's body that are looked at."""
ASSERTIONS = frozenset({"status_code", "response_time", "body", "json_path", "json_schema", "header"})


def _json_path(text: str) -> str:
    path_of(text)
    return text


class Request(Step):
    """With no assertion on the status, any under 400 passes. `variable` keeps the answer's body, or what `path`
    (JSONPath) finds in it."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, serialize_by_alias=True, populate_by_name=True)
    default_timeout_s: ClassVar[float] = PAGE_S
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

    @property
    def needs_page(self) -> bool:
        """It goes beside the page."""
        return False

    async def run(self, walk: Walk) -> None:
        url = walk.base.resolve(self.url)
        headers = dict(self.headers)
        if self.json_body is not None and not any(name.lower() == "content-type" for name in headers):
            headers["Content-Type"] = "application/json"
        data = self.body if self.json_body is None else json_text.dumps(self.json_body, ensure_ascii=False)
        started = time.perf_counter()
        response = await walk.fetch(url, method=self.method, headers=headers, data=data)
        raw = await response.body()
        body = raw[:MAX_ANSWER].decode(errors="replace")
        answer = Answer(
            duration_ms=round((time.perf_counter() - started) * 1000, 3),
            status_code=response.status,
            headers=tuple((header["name"], header["value"]) for header in response.headers_array),
            body=body,
        )
        await response.dispose()
        failed = assertion_error(hold(self.judged, answer))
        if failed is not None:
            raise StepError(failed.message)
        if self.variable is not None:
            walk.keep(self.variable, self._found(answer))

    @property
    def judged(self) -> tuple[AssertionBase, ...]:
        """The assertions, with a status under 400 where none is about it."""
        if any(assertion.type == "status_code" for assertion in self.assertions):
            return self.assertions
        return (StatusCode(type="status_code", operator="less_than", value=400), *self.assertions)

    def _found(self, answer: Answer) -> str:
        if self.path is None:
            found: object = answer.body or ""
        elif answer.document.problem is not None:
            raise StepError(f"the body {answer.document.problem}")
        else:
            values = path_of(self.path).values(answer.document.value, len(answer.body or ""))
            if not values:
                raise StepError(f"there is nothing at {self.path} in the answer")
            found = values[0]
        text = found if isinstance(found, str) else json_text.dumps(found, ensure_ascii=False)
        if len(text) > MAX_TEXT:
            raise StepError(f"what the answer holds is longer than {MAX_TEXT} characters")
        return text
