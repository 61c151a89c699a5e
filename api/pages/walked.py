"""A journey's run as its page shows it: step by step, with the pictures and files that there are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any

from sqlalchemy.orm import Session

from api.pages.words import file_size, milliseconds
from journeys.registry import STEP_TYPES
from model.evidence import PageFigures, StepResult
from model.finished import Detail
from store.artifact_tables import Artifact
from store.artifacts import artifacts_of_run
from store.checks import definition_at
from store.draft_tables import Draft
from store.drafts import found_of
from store.tables import Run

STATES = {"success": ("up", "passed"), "failed": ("down", "failed"), "skipped": ("unknown", "skipped")}
_FILES = {"trace": "Trace", "har": "Network (HAR)", "console": "Console"}
_MOST_SUBJECT = 120


@dataclass(frozen=True)
class WalkedStep:
    """`number` counts from 1, as messages do; `about`: what it was done to; `picture`: id of the artifact."""

    number: int
    type: str
    about: str
    name: str | None
    css: str
    word: str
    duration_ms: float | None
    error: str | None
    picture: str | None


@dataclass(frozen=True)
class KeptFile:
    label: str
    id: str
    size: str


@dataclass(frozen=True)
class Walked:
    """`pictures`: those that show no step of the list. `gone`: files that the run had, and that made room for newer.
    `figures`: (what, how much) of the last page."""

    steps: Sequence[WalkedStep]
    pictures: Sequence[str]
    files: Sequence[KeptFile]
    gone: int
    figures: Sequence[tuple[str, str]]

    @property
    def frames(self) -> Sequence[Sequence[WalkedStep]]:
        """As a film strip has them: neighbours of one state that nothing is to be seen of share a frame, so that the
        one that failed is not behind a row of empty ones."""
        alike = groupby(self.steps, lambda step: (step.css, step.number if step.picture or step.error else 0))
        return [list(frame) for _, frame in alike]


def walked(session: Session, run: Run, detail: Detail) -> Walked | None:
    """None for a run without steps and files: a monitor's, or one that nobody began."""
    if not detail.steps and not detail.artifacts:
        return None
    written = (definition_at(session, run.check_id, run.check_version) or {}).get("steps") or []
    artifacts = artifacts_of_run(session, run.id)
    found = _walked(detail.steps, written, artifacts, _figures(run.ttfb_ms, detail.page or PageFigures()))
    return replace(found, gone=len(detail.artifacts) - len(artifacts))


def walked_draft(session: Session, draft: Draft, written: Sequence[Mapping[str, Any]]) -> Walked | None:
    """The one run of a draft; None while it has not ended. `written`: the steps as the editor has them now."""
    found = found_of(draft)
    if not found.steps:
        return None
    figures = _figures(found.metrics.ttfb_ms, found.page or PageFigures())
    return _walked(found.steps, written, artifacts_of_run(session, draft.run_id), figures)


def _walked(
    steps: Sequence[StepResult],
    written: Sequence[Mapping[str, Any]],
    artifacts: Sequence[Artifact],
    figures: Iterable[tuple[str, str]],
) -> Walked:
    shots = {artifact.sha256: artifact.id for artifact in artifacts if artifact.type == "screenshot"}
    shown = [_step(step, written, shots) for step in steps]
    at_steps = {step.picture for step in shown}
    return Walked(
        shown,
        [picture for picture in shots.values() if picture not in at_steps],
        [_file(artifact) for kind in _FILES for artifact in artifacts if artifact.type == kind],
        0,
        list(figures),
    )


def _step(step: StepResult, written: Sequence[Mapping[str, Any]], shots: Mapping[str, str]) -> WalkedStep:
    css, word = STATES[step.status]
    return WalkedStep(
        number=step.index + 1,
        type=step.type.replace("_", " "),
        about=about(step.index, step.type, written),
        name=step.name,
        css=css,
        word=word,
        duration_ms=step.duration_ms,
        error=step.error,
        picture=shots.get(step.screenshot or ""),
    )


def about(index: int, kind: str, written: Sequence[Mapping[str, Any]]) -> str:
    """The field of a step's definition that tells it from its like; empty when the journey says otherwise by now."""
    known = STEP_TYPES.get(kind)
    if known is None or index >= len(written) or written[index].get("type") != kind:
        return ""
    subject = written[index].get(known.subject)
    return "" if subject is None else str(subject)[:_MOST_SUBJECT]


def _figures(ttfb_ms: float | None, page: PageFigures) -> Iterator[tuple[str, str]]:
    for what, ms in (("first byte", ttfb_ms), ("largest paint", page.lcp_ms), ("loaded", page.load_ms)):
        if ms is not None:
            yield what, milliseconds(ms)
    if page.cls is not None:
        yield "layout shift", f"{page.cls:.3f}"


def _file(artifact: Artifact) -> KeptFile:
    return KeptFile(_FILES[artifact.type], artifact.id, file_size(artifact.size_bytes))
