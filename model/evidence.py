"""What a journey leaves beside its verdict: how each step went, and files that show it."""

from __future__ import annotations

from typing import Literal

import msgspec

StepStatus = Literal["success", "failed", "skipped"]
ArtifactType = Literal["screenshot", "trace", "har", "console"]


class StepResult(msgspec.Struct, frozen=True, omit_defaults=True):
    """One step of a journey. `index` counts from 0; `skipped` steps come after the one that failed. `screenshot`: the
    sha256 of the picture taken at it."""

    index: int
    type: str
    status: StepStatus
    name: str | None = None
    duration_ms: float | None = None
    error: str | None = None
    screenshot: str | None = None


class Evidence(msgspec.Struct, frozen=True, omit_defaults=True):
    """A file of a run, by the sha256 of its bytes (64 lower-case hex digits). `step_index`: of the step it shows."""

    type: ArtifactType
    sha256: str
    content_type: str
    size_bytes: int
    step_index: int | None = None


class PageFigures(msgspec.Struct, frozen=True, omit_defaults=True):
    """What browsers measure of pages: of the last page that a journey opened. `cls` has no unit."""

    load_ms: float | None = None
    lcp_ms: float | None = None
    cls: float | None = None
