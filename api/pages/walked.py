"""A journey's run as its page shows it: step by step, with the pictures and files that there are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from journeys.registry import STEP_TYPES
from model.evidence import StepResult
from model.finished import Detail
from store.artifact_tables import Artifact
from store.artifacts import artifacts_of_run
from store.checks import definition_at
from store.tables import Run

_STATES = {"success": ("up", "passed"), "failed": ("down", "failed"), "skipped": ("unknown", "skipped")}
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
    """`pictures`: those that show no step of the list. `gone`: files that the run had, and that made room for newer."""

    steps: Sequence[WalkedStep]
    pictures: Sequence[str]
    files: Sequence[KeptFile]
    gone: int


def walked(session: Session, run: Run, detail: Detail) -> Walked | None:
    """None for a run without steps and files: a monitor's, or one that nobody began."""
    if not detail.steps and not detail.artifacts:
        return None
    artifacts = artifacts_of_run(session, run.id)
    shots = {artifact.sha256: artifact.id for artifact in artifacts if artifact.type == "screenshot"}
    written = (definition_at(session, run.check_id, run.check_version) or {}).get("steps") or []
    steps = [_step(step, written, shots) for step in detail.steps]
    shown = {step.picture for step in steps}
    return Walked(
        steps,
        [picture for picture in shots.values() if picture not in shown],
        [_file(artifact) for artifact in artifacts if artifact.type in _FILES],
        len(detail.artifacts) - len(artifacts),
    )


def _step(step: StepResult, written: Sequence[Mapping[str, Any]], shots: Mapping[str, str]) -> WalkedStep:
    css, word = _STATES[step.status]
    return WalkedStep(
        number=step.index + 1,
        type=step.type.replace("_", " "),
        about=_about(step, written),
        name=step.name,
        css=css,
        word=word,
        duration_ms=step.duration_ms,
        error=step.error,
        picture=shots.get(step.screenshot or ""),
    )


def _about(step: StepResult, written: Sequence[Mapping[str, Any]]) -> str:
    """The field of the step's definition that tells it from its like; empty when the journey says otherwise by now."""
    known = STEP_TYPES.get(step.type)
    if known is None or step.index >= len(written) or written[step.index].get("type") != step.type:
        return ""
    subject = written[step.index].get(known.subject)
    return "" if subject is None else str(subject)[:_MOST_SUBJECT]


def _file(artifact: Artifact) -> KeptFile:
    size = artifact.size_bytes
    shown = f"{size / 1e6:.1f} MB" if size >= 1_000_000 else f"{max(1, round(size / 1e3))} kB"
    return KeptFile(_FILES[artifact.type], artifact.id, shown)
