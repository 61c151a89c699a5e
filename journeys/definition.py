"""The journey: a check that walks through pages as a person does. Its definition (seed 003, CONTRACT "Journeys")."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, Self

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from journeys.registry import AnyStep
from journeys.steps.goto import Goto
from journeys.urls import is_absolute, origin_of
from journeys.variables import Variables
from model.definition import CheckDefinition, Strict
from model.fields import one_line
from model.headers import Headers
from model.hosts import WebUrl
from model.traceparent import Traceparent
from model.validation import FieldsError

DEFAULT_INTERVAL_S = 300
DEFAULT_TIMEOUT_S = 60
MAX_TIMEOUT_S = 300
MAX_STEPS = 200


class Viewport(Strict):
    """The size of the window's inside, in CSS pixels."""

    width: Annotated[int, Field(ge=200, le=4_096)] = 1_280
    height: Annotated[int, Field(ge=200, le=4_096)] = 720


class JourneyCheck(CheckDefinition):
    """`variables` are secrets; `{{NAME}}` stands for one in any string of a step. `base_url`: what relative URLs are
    relative to, by default the origin of the first goto. `extra_headers` go with every request of the pages, those
    that hold a secret only to the base's origin; `traceparent` is about pages and what their scripts ask for
    (journeys/headers.py)."""

    kind: ClassVar[Literal["network", "browser", "heartbeat"]] = "browser"

    type: Literal["journey"] = "journey"
    interval: Annotated[int, Field(ge=10, le=86_400, description="seconds between runs at a location")] | None = None
    timeout: Annotated[float, Field(gt=0, le=MAX_TIMEOUT_S, description="seconds, of all steps together")] = (
        DEFAULT_TIMEOUT_S
    )
    steps: Annotated[tuple[AnyStep, ...], Field(max_length=MAX_STEPS, strict=False)]
    variables: Variables = Field(default_factory=dict)
    base_url: WebUrl | None = None
    viewport: Viewport = Viewport()
    user_agent: Annotated[str, StringConstraints(min_length=1, max_length=1_000), AfterValidator(one_line)] | None = (
        None
    )
    extra_headers: Headers = Field(default_factory=dict)
    traceparent: Traceparent = True

    @model_validator(mode="after")
    def _has_a_page(self) -> Self:
        """A step that looks at a page comes after one that opens it, else it would fail for no fault of a site."""
        if not self.steps:
            raise FieldsError({"steps": "must have at least one step"})
        for index, step in enumerate(self.steps):
            if isinstance(step, Goto):
                return self
            if step.needs_page:
                raise FieldsError({f"steps.{index}.type": f"{step.type} needs a page: let a goto come before it"})
        return self

    @model_validator(mode="after")
    def _knows_its_base(self) -> Self:
        if self.base is not None:
            return self
        for index, step in enumerate(self.steps):
            url = getattr(step, "url", None)
            if isinstance(url, str) and step.type in ("goto", "request") and not is_absolute(url):
                raise FieldsError(
                    {f"steps.{index}.url": "is relative: give the journey a base_url, or a whole URL in its first goto"}
                )
        return self

    @property
    def base(self) -> str | None:
        """What relative URLs are relative to, as far as the definition alone tells: `{{NAME}}` may hide it."""
        if self.base_url is not None:
            return self.base_url
        first = next((step for step in self.steps if isinstance(step, Goto)), None)
        return None if first is None else origin_of(first.url)

    @property
    def interval_ms(self) -> int | None:
        """The interval in ms; None for a cron schedule."""
        return None if self.cron is not None else (self.interval or DEFAULT_INTERVAL_S) * 1000
