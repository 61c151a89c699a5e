"""Shapes of a journey's steps and artifacts."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from api.schemas.envelope import Answer, Shape, Time
from api.schemas.runs import Milliseconds

StepIndex = Annotated[int, Field(ge=0, description="Counts from 0, as in the journey's `steps`")]


class StepShape(Shape):
    """How one step went."""

    index: StepIndex
    type: str
    name: str | None
    status: Annotated[
        Literal["success", "failed", "skipped"], Field(description="skipped: it comes after the step that failed")
    ]
    duration_ms: Milliseconds | None
    error: Annotated[str | None, Field(description="Why it failed, for people")]
    screenshot_id: Annotated[str | None, Field(description="The artifact that shows the page at this step")]


class ArtifactShape(Shape):
    """A file that shows how a run went."""

    id: str
    type: Literal["screenshot", "trace", "har", "console"]
    content_type: str
    size_bytes: Annotated[int, Field(ge=0)]
    step_index: Annotated[int | None, Field(ge=0, description="The step it shows; null: the whole run")]
    url: Annotated[str, Field(description="Opens the file with no key until `expires_at`")]
    expires_at: Time


class StepList(Answer[list[StepShape]]):
    """The steps, in their order."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "success": True,
                "data": [
                    {
                        "index": 0,
                        "type": "goto",
                        "name": None,
                        "status": "success",
                        "duration_ms": 412.6,
                        "error": None,
                        "screenshot_id": None,
                    },
                    {
                        "index": 1,
                        "type": "click",
                        "name": "Sign in",
                        "status": "failed",
                        "duration_ms": 5003.1,
                        "error": "element is covered by #cookie-banner",
                        "screenshot_id": "art_01hm5k3v2a",
                    },
                ],
            }
        }
    )


class ArtifactList(Answer[list[ArtifactShape]]):
    """The artifacts, by step."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "success": True,
                "data": [
                    {
                        "id": "art_01hm5k3v2a",
                        "type": "screenshot",
                        "content_type": "image/png",
                        "size_bytes": 48213,
                        "step_index": 1,
                        "url": "https://tracer.example/artifacts/art_01hm5k3v2a.1705314900000.c2lnbmVk…",
                        "expires_at": "2024-01-15T10:35:00.000Z",
                    }
                ],
            }
        }
    )
