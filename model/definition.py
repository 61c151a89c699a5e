"""What every check's definition has in common: the fields of CONTRACT "Monitors", validated once, frozen after.

A check type is a subclass beside the code that runs it (probes/checks/), so the type, its REST schema, its
documentation and its runner are one file. Whatever a person sends becomes a definition or is refused with a message
per field; nothing behind the API looks at unvalidated input again.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, Self

from pydantic import AnyUrl, BaseModel, ConfigDict, Field, UrlConstraints, field_validator, model_validator

from model.assertions.registry import Assertion
from model.fields import CheckId, Cron, Instant, LocationName, Name, Tag, Text, TimeZone
from model.validation import FieldsError

DEFAULT_INTERVAL_S = 60


class Strict(BaseModel):
    """Frozen, unknown fields refused, no silent conversions ("5" is not 5)."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Retries(Strict):
    """Further attempts before a failure is reported: up to `count`, each `delay` seconds after the last."""

    count: Annotated[int, Field(ge=0, le=5)] = 0
    delay: Annotated[float, Field(ge=0, le=60)] = 5


class CheckDefinition(Strict):
    """Common fields. `type` is narrowed to a literal by each subclass; `kind` says who runs it; `assertion_types` names
    the assertions its answers can be held against."""

    kind: ClassVar[Literal["network", "browser", "heartbeat"]] = "network"
    assertion_types: ClassVar[frozenset[str]] = frozenset()

    type: str
    name: Name
    description: Text = ""
    interval: Annotated[int, Field(ge=1, le=86_400, description="seconds between runs at a location")] | None = None
    cron: Cron | None = None
    timezone: TimeZone = "UTC"
    timeout: Annotated[float, Field(gt=0, le=120, description="seconds, per attempt")] = 30
    locations: Annotated[tuple[LocationName, ...], Field(max_length=50, strict=False)] | None = None
    tags: Annotated[tuple[Tag, ...], Field(max_length=50, strict=False)] = ()
    status: Literal["active", "paused"] = "active"
    assertions: Annotated[tuple[Assertion, ...], Field(max_length=50, strict=False)] = ()
    retries: Retries = Retries()
    muted_until: Instant | None = None
    degraded_ms: Annotated[int, Field(gt=0, le=300_000)] | None = None
    runbook_url: Annotated[AnyUrl, UrlConstraints(allowed_schemes=["http", "https"]), Field(strict=False)] | None = None
    depends_on: Annotated[tuple[CheckId, ...], Field(max_length=50, strict=False)] = ()
    badge: Annotated[bool, Field(description="whether anybody may see its state and uptime at /badge/:id")] = False

    @field_validator("assertions", mode="after")
    @classmethod
    def _assertions_of_this_type(cls, assertions: tuple[Assertion, ...]) -> tuple[Assertion, ...]:
        known = cls.assertion_types
        wrong = [(index, given.type) for index, given in enumerate(assertions) if given.type not in known]
        if wrong:
            hint = f"it takes {', '.join(sorted(known))}" if known else "it takes no assertions"
            raise FieldsError(
                {f"{index}.type": f"{name} says nothing about this type of check: {hint}" for index, name in wrong}
            )
        return assertions

    @model_validator(mode="after")
    def _one_schedule(self) -> Self:
        if self.cron is not None and self.interval is not None:
            raise FieldsError({"cron": "give either interval or cron, not both"})
        return self

    @property
    def interval_ms(self) -> int | None:
        """The interval in ms; None for a cron schedule."""
        return None if self.cron is not None else (self.interval or DEFAULT_INTERVAL_S) * 1000

    @property
    def budget_ms(self) -> int:
        """The longest a run may take with all its retries: (count + 1) x timeout + count x delay (DESIGN §4)."""
        return round(((self.retries.count + 1) * self.timeout + self.retries.count * self.retries.delay) * 1000)
