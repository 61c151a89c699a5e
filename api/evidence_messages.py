"""What a probe says of a journey's steps and files, judged like the rest of its result (api/probe_messages.py).

Texts of pages stand in it. They are cut to size; what contradicts itself makes the result malformed.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec

from api.artifact_uploads import MAX_BYTES
from model.evidence import Evidence, PageFigures, StepResult
from model.protocol import Result
from store.artifact_files import DIGEST

MOST_STEPS = 200
"""As many as a journey may have (CONTRACT, "Journeys")."""
MOST_ARTIFACTS = 2 * MOST_STEPS + 10
_NAME_CHARACTERS = 200
_ERROR_CHARACTERS = 2_000
_LONGEST_MS = 7 * 86_400_000.0
_LARGEST_SHIFT = 1e6
_STEP = re.compile(r"[a-z0-9_]{1,40}")
_MEDIA = re.compile(r"[a-z0-9][a-z0-9.+-]{0,40}/[a-z0-9][a-z0-9.+-]{0,50}")


def judge_evidence(result: Result) -> None:
    """ValueError when steps, files or figures could not be stored, or contradict one another."""
    result.steps = judge_steps(result.steps)
    if len(result.artifacts) > MOST_ARTIFACTS:
        raise ValueError(f"more than {MOST_ARTIFACTS} artifacts")
    result.artifacts = tuple(_artifact(artifact) for artifact in result.artifacts)
    if result.page is not None:
        _page(result.page)


def judge_steps(steps: Sequence[StepResult]) -> tuple[StepResult, ...]:
    """Steps of one attempt from the first on, their texts cut to size. ValueError as above."""
    if len(steps) > MOST_STEPS:
        raise ValueError(f"more than {MOST_STEPS} steps")
    return tuple(_step(place, step) for place, step in enumerate(steps))


def _step(place: int, step: StepResult) -> StepResult:
    if step.index != place:
        raise ValueError("the steps are not numbered from 0 on")
    if not _STEP.fullmatch(step.type):
        raise ValueError("the type of a step is no word")
    if step.screenshot is not None and not DIGEST.fullmatch(step.screenshot):
        raise ValueError("the screenshot of a step is no SHA-256")
    _milliseconds("the duration of a step", step.duration_ms)
    return msgspec.structs.replace(
        step, name=_cut(step.name, _NAME_CHARACTERS), error=_cut(step.error, _ERROR_CHARACTERS)
    )


def _artifact(artifact: Evidence) -> Evidence:
    if not DIGEST.fullmatch(artifact.sha256):
        raise ValueError("sha256 of an artifact is no SHA-256")
    if not 0 <= artifact.size_bytes <= MAX_BYTES:
        raise ValueError("size_bytes of an artifact is out of range")
    if artifact.step_index is not None and not 0 <= artifact.step_index < MOST_STEPS:
        raise ValueError("step_index of an artifact is out of range")
    media = artifact.content_type.partition(";")[0].strip().lower()
    if not _MEDIA.fullmatch(media):
        raise ValueError("content_type of an artifact is no media type")
    return msgspec.structs.replace(artifact, content_type=media)


def _page(page: PageFigures) -> None:
    _milliseconds("load_ms", page.load_ms)
    _milliseconds("lcp_ms", page.lcp_ms)
    if page.cls is not None and not 0 <= page.cls <= _LARGEST_SHIFT:
        raise ValueError("cls is out of range")


def _milliseconds(name: str, value: float | None) -> None:
    if value is not None and not 0 <= value <= _LONGEST_MS:
        raise ValueError(f"{name} is out of range")


def _cut(text: str | None, most: int) -> str | None:
    return None if text is None else text.replace("\x00", "")[:most]
