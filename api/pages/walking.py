"""A journey's run while it is walked, as pages show it: every step, those to come too."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from api.pages.walked import STATES, WalkedStep, about
from api.pages.words import counted
from model.evidence import StepResult
from store.checks import definition_at
from store.journey_tables import WalkProgress
from store.walk_progress import progress_of_check, progress_of_run, steps_of

Steps = Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Walking:
    """`sentence`: how far it is, in words; `since_ms`: when this attempt began."""

    run_id: str
    location: str
    since_ms: int
    attempt: int
    sentence: str
    steps: Sequence[WalkedStep]


def walking(session: Session, run_id: str, written: Steps | None = None) -> Walking | None:
    """One run; None when no probe walks it, or its probe does not say how far it is. `written`: its steps, if it is of
    no stored journey."""
    found = progress_of_run(session, run_id)
    return None if found is None else _walking(session, found, written)


def all_walking(session: Session, check_id: str) -> list[Walking]:
    """Every run of a journey that is walked right now, at most one a location and trigger."""
    return [_walking(session, found) for found in progress_of_check(session, check_id)]


def _walking(session: Session, found: WalkProgress, written: Steps | None = None) -> Walking:
    if written is None:
        written = (definition_at(session, found.check_id, found.check_version) or {}).get("steps") or []
    ended = steps_of(found)
    steps = [_shown(step, *STATES[step.status], about(step.index, step.type, written)) for step in ended]
    over = any(step.status != "success" for step in ended)
    for index in range(len(ended), found.total):
        kind = str(written[index].get("type", "")) if index < len(written) else ""
        name = written[index].get("name") if index < len(written) else None
        state = ("under-way", "under way") if index == len(ended) and not over else ("unknown", "to come")
        steps.append(_shown(StepResult(index, kind, "skipped", name), *state, about(index, kind, written)))
    return Walking(found.run_id, found.location, found.began_ms, found.attempt, _sentence(steps), steps)


def _shown(step: StepResult, css: str, word: str, subject: str) -> WalkedStep:
    kind = step.type.replace("_", " ")
    return WalkedStep(step.index + 1, kind, subject, step.name, css, word, step.duration_ms, None, None)


def _sentence(steps: Sequence[WalkedStep]) -> str:
    """`Step 3 of 7 is under way`."""
    now = next((step for step in steps if step.css != "up"), None)
    if now is None:
        return f"All {counted(len(steps), 'step')} have passed; what shows them is being gathered"
    if now.css == "down":
        return f"Step {now.number} of {len(steps)} has failed; what shows it is being gathered"
    return f"Step {now.number} of {len(steps)} is under way"
