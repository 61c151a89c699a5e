"""The envelope around every answer, and the parts all answers share."""

from __future__ import annotations

from typing import Annotated, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field
from pydantic.json_schema import SkipJsonSchema

Data = TypeVar("Data")

Time = Annotated[
    str,
    Field(json_schema_extra={"format": "date-time"}, examples=["2024-01-15T10:30:00.000Z"], description="UTC"),
]


class Shape(BaseModel):
    """Part of an answer. Closed: an answer with a field that is not described here is a bug."""

    model_config = ConfigDict(extra="forbid", defer_build=True)


class Meta(Shape):
    """What stands beside the data."""

    warnings: Annotated[list[str], Field(description="Accepted, but deserves a look")] | SkipJsonSchema[None] = None


class PageMeta(Meta):
    """Where in a list this page is."""

    total: Annotated[int, Field(ge=0, description="Exact up to 10,000")]
    total_is_minimum: (
        Annotated[Literal[True], Field(description="There are more than `total`")] | SkipJsonSchema[None]
    ) = None
    page: Annotated[int, Field(ge=1)]
    per_page: Annotated[int, Field(ge=1, le=100)]


class RunPageMeta(PageMeta):
    """Lists of runs also give the address of the next page, which stays right while runs come in."""

    next: Annotated[str | None, Field(description="Pass as `cursor`; null at the end")]


class Answer(Shape, Generic[Data]):
    """A request that worked."""

    success: Literal[True]
    data: Data
    meta: Meta | SkipJsonSchema[None] = None


class ErrorDetail(Shape):
    """What is wrong."""

    code: Annotated[
        Literal[
            "malformed", "unauthorized", "forbidden", "plan_limit", "not_found", "method_not_allowed", "conflict",
            "too_large", "unsupported_media_type", "invalid", "upgrade_required", "rate_limited", "unavailable",
            "storage_full", "internal",
        ],
        Field(description="For programs"),
    ]  # fmt: skip
    message: Annotated[str, Field(description="For people")]
    fields: (
        Annotated[
            dict[str, list[str]],
            Field(
                description="What is wrong with which field", examples=[{"assertions.0.value": ["must be a number"]}]
            ),
        ]
        | SkipJsonSchema[None]
    ) = None
    request_id: Annotated[str, Field(description="The same as the header X-Request-Id, and on our log lines")]


class ErrorAnswer(Shape):
    """A request that was refused."""

    success: Literal[False]
    error: ErrorDetail


class Deleted(Shape):
    """What is gone."""

    id: str
    deleted: Literal[True]


class DeletedAnswer(Answer[Deleted]):
    """It is deleted."""

    model_config = ConfigDict(
        json_schema_extra={"example": {"success": True, "data": {"id": "mon_abc123", "deleted": True}}}
    )
