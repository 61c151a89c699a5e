"""Shapes of maintenance windows and silences."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, RootModel, StringConstraints, model_validator

from alerts.quieted import Quieted
from api.schemas.envelope import Answer, PageMeta, Shape, Time
from api.schemas.partial import change_of
from model.definition import Strict
from model.fields import Cron, Instant, Name, Text, TimeZone, printable
from model.times import parse_iso
from model.validation import FieldsError

LONGEST_S = 2_592_000
"""30 days: what shall be quiet for longer is better paused, or not alerted on."""
_ONE_OF = "give either starts_at and ends_at, or cron and duration"


class WindowDefinition(Strict):
    """A planned time: once, from `starts_at` to `ends_at`, or from each fire time of `cron` on, for `duration` seconds.
    It may begin in the past."""

    forms: ClassVar[tuple[tuple[str, ...], ...]] = (("starts_at", "ends_at"), ("cron", "duration"))

    name: Name
    starts_at: Instant | None = None
    ends_at: Instant | None = None
    cron: Cron | None = None
    duration: Annotated[int, Field(ge=1, le=LONGEST_S, description="seconds")] | None = None
    timezone: Annotated[TimeZone, Field(description="Of `cron`")] = "UTC"
    apply_to: Quieted
    message: Annotated[
        Annotated[str, StringConstraints(min_length=1, max_length=500), AfterValidator(printable)] | None,
        Field(description="What visitors of status pages read of it, beside when it is and what it touches"),
    ] = None

    @model_validator(mode="after")
    def _one_form(self) -> Self:
        given = [form for form in self.forms if any(getattr(self, name) is not None for name in form)]
        if len(given) != 1:
            raise FieldsError({"starts_at": _ONE_OF})
        missing = {name: "is required" for name in given[0] if getattr(self, name) is None}
        if missing:
            raise FieldsError(missing)
        if self.starts_at is not None and self.ends_at is not None:
            if parse_iso(self.ends_at) <= parse_iso(self.starts_at):
                raise FieldsError({"ends_at": "must be after the start"})
            if self.timezone != "UTC":
                raise FieldsError({"timezone": "is that of cron: starts_at and ends_at say their own"})
        return self


WINDOW: dict[str, Any] = {
    "id": "mwin_01hm5k3v2axyz",
    "name": "Database upgrade",
    "starts_at": "2024-01-20T22:00:00.000Z",
    "ends_at": "2024-01-20T23:00:00.000Z",
    "cron": None,
    "duration": None,
    "timezone": "UTC",
    "apply_to": {"monitors": [], "journeys": [], "tags": ["database"], "all": False, "projects": []},
    "message": "The database gets faster disks. Orders wait meanwhile, none is lost.",
    "active": False,
    "created_at": "2024-01-15T10:00:00.000Z",
    "updated_at": "2024-01-15T10:00:00.000Z",
}


class WindowFacts(Shape):
    """What a window has beside its definition."""

    id: str
    active: Annotated[bool, Field(description="Whether it holds now")]
    created_at: Time
    updated_at: Time


class MaintenanceWindow(WindowFacts, WindowDefinition):
    """A planned time in which alerts don't fire and uptime does not count."""


class NewWindow(RootModel[WindowDefinition]):
    """A window to be made: once, or again and again."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"name": "Database upgrade", "starts_at": "2024-01-20T22:00:00Z", "ends_at": "2024-01-20T23:00:00Z",
                 "apply_to": {"tags": ["database"]}},
                {"name": "Nightly backup", "cron": "0 3 * * *", "duration": 1800, "timezone": "Europe/Berlin",
                 "apply_to": {"all": True}},
            ]
        }
    )  # fmt: skip


WindowFields: type[BaseModel] = change_of(WindowDefinition, "WindowFields", "What may change of a window.")


class WindowChange(RootModel[WindowFields]):  # type: ignore[valid-type]
    """What may change. Absent fields stay as they are; one form takes the place of the other."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"ends_at": "2024-01-20T23:30:00Z"}]})


class WindowAnswer(Answer[MaintenanceWindow]):
    """The window."""

    model_config = ConfigDict(json_schema_extra={"example": {"success": True, "data": WINDOW}})


class WindowList(Answer[list[MaintenanceWindow]]):
    """Windows, newest first."""

    meta: PageMeta


class SilenceRequest(Strict):
    """Who shall not be told of what, and for how long."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"match": {"tags": ["shop"], "projects": ["shop"]}, "for": 1200, "reason": "deploying v2.1.0"}]
        }
    )

    match: Quieted
    for_: Annotated[int, Field(alias="for", ge=1, le=LONGEST_S, description="seconds from now")]
    reason: Annotated[Text, StringConstraints(max_length=1_000)] = ""


class Silence(Shape):
    """A time in which nobody is told: alerts open and resolve as ever."""

    id: str
    status: Annotated[Literal["active", "over"], Field(description="It ends by itself")]
    match: Quieted
    reason: str
    created_by: str
    starts_at: Time
    ends_at: Time


class SilenceAnswer(Answer[Silence]):
    """The silence."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "success": True,
                "data": {
                    "id": "sil_01hm5k3v2axyz",
                    "status": "active",
                    "match": {
                        "monitors": [],
                        "journeys": [],
                        "tags": ["shop"],
                        "all": False,
                        "projects": ["proj_01hm5k3v2axyz"],
                    },
                    "reason": "deploying v2.1.0",
                    "created_by": "ci",
                    "starts_at": "2024-01-15T10:30:00.000Z",
                    "ends_at": "2024-01-15T10:50:00.000Z",
                },
            }
        }
    )


class SilenceList(Answer[list[Silence]]):
    """Silences, newest first."""

    meta: PageMeta
