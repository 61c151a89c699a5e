"""Shapes of releases, what they changed, and their source maps."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from api.routes import QueryModel
from api.schemas.envelope import Shape, Time
from api.schemas.telemetry import Cursor, Issue, Limit, Named, NextCursor
from model.fields import Instant, ProjectName, Shaped, Text, WebAddress


class Release(Shape):
    """A release of a project."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "project": "truecom", "release": "truecom@0.18.2", "commit": "a8c2f11d3",
                "deployed_at": "2026-04-26T14:00:00.000Z",
                "url": "https://github.com/RelayOne/truecom/releases/v0.18.2", "created_at": "2026-04-26T14:00:02.100Z",
            }
        }
    )  # fmt: skip

    project: str
    release: str
    commit: str | None
    deployed_at: Time | None
    url: str | None
    created_at: Time


class ReleaseList(Shape):
    """Releases, the newest first."""

    releases: list[Release]


class Fared(Shape):
    """How a check fared in a stretch of time, by its measured scheduled runs outside maintenance."""

    success: int
    failed: int
    uptime: Annotated[float | None, Field(description="Percent of them that passed; null without any")]
    avg_response_ms: float | None
    p95_response_ms: float | None


class FaredCheck(Shape):
    """A check before and after a release went live."""

    id: str
    name: str
    type: str
    before: Fared
    after: Fared


class ReleaseImpact(Shape):
    """A release, its checks before and after it went live, and the issues that it brought."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "release": {
                    "project": "truecom", "release": "truecom@0.18.2", "commit": "a8c2f11d3",
                    "deployed_at": "2026-04-26T14:00:00.000Z", "url": None, "created_at": "2026-04-26T14:00:02.100Z",
                },
                "hours": 24,
                "met": True,
                "checks": [
                    {
                        "id": "mon_abc123", "name": "Shop", "type": "url",
                        "before": {
                            "success": 1440, "failed": 0, "uptime": 100.0, "avg_response_ms": 88.2,
                            "p95_response_ms": 140.1,
                        },
                        "after": {
                            "success": 110, "failed": 12, "uptime": 90.163, "avg_response_ms": 131.0,
                            "p95_response_ms": 410.8,
                        },
                    }
                ],
                "new_issues": [],
            }
        }
    )  # fmt: skip

    release: Release
    hours: Annotated[int, Field(description="How far before and after it is looked, from whole hours")]
    met: Annotated[
        bool,
        Field(
            description="Whether these are the checks whose runs the project reported of; false: it has reported of "
            "none, so all checks stand here (the first 50 by name)"
        ),
    ]
    checks: list[FaredCheck]
    new_issues: Annotated[list[Issue], Field(description="First seen in this release, the newest first; at most 50")]


class ImpactQuery(QueryModel):
    """Of which release."""

    project: Named
    release: Annotated[str, Field(min_length=1, max_length=200)]
    hours: Annotated[int, Field(ge=1, le=168, description="Before and after")] = 24


class ReleaseQuery(QueryModel):
    """Whose releases."""

    project: Named | None = None
    limit: Limit = 100


class ReleaseRequest(BaseModel):
    """A release. Said again, it says anew what it says; unknown fields are ignored."""

    model_config = ConfigDict(
        strict=True,
        json_schema_extra={
            "examples": [
                {
                    "project": "truecom", "release": "truecom@0.18.2", "commit": "a8c2f11d3...",
                    "deployed_at": "2026-04-26T14:00:00Z",
                    "url": "https://github.com/RelayOne/truecom/releases/v0.18.2",
                }
            ]
        },
    )  # fmt: skip

    project: ProjectName
    release: Annotated[
        str,
        Field(min_length=1, max_length=200),
        Shaped(r"^[^\x00-\x1f\x7f]+$", "must be one line, with no control characters in it"),
    ]
    commit: Annotated[Text | None, Field(max_length=200)] = None
    deployed_at: Instant | None = None
    url: Annotated[WebAddress | None, Field(max_length=2000, description="Where to read of it")] = None


class SourceMap(Shape):
    """A source map that is in force from now on, also for events that came before it."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "id": "map_00000001", "project": "truecom", "release": "truecom@0.18.2",
                "url": "/static/js/main.abc123.js", "size_bytes": 48_213, "sha256": "0" * 64,
                "created_at": "2026-04-26T14:00:02.100Z",
            }
        }
    )  # fmt: skip

    id: str
    project: str
    release: str
    url: str
    size_bytes: int
    sha256: str
    created_at: Time


class SourceMapPage(Shape):
    """Source maps, the newest first."""

    source_maps: list[SourceMap]
    cursor: NextCursor


class SourceMapQuery(QueryModel):
    """Which source maps."""

    project: Named | None = None
    release: Annotated[str | None, Field(min_length=1, max_length=200, description="Only of this one")] = None
    limit: Limit = 100
    cursor: Cursor | None = None


class SourceMapForm(BaseModel):
    """A form, as multipart/form-data."""

    project: Named
    release: Annotated[str, Field(min_length=1, max_length=200)]
    url: Annotated[str, Field(description="Of the script, or its path, which then is of any host")]
    sourcemap: Annotated[str, Field(json_schema_extra={"format": "binary"}, description="At most 50 MiB")]
