"""How far a journey has come that is walked right now, as the API shows it."""

from __future__ import annotations

from typing import Any

from api.run_shape import tidy
from model.times import iso
from store.journey_tables import WalkProgress
from store.walk_progress import steps_of


def walk_summary(walk: WalkProgress | None) -> dict[str, Any] | None:
    """As it stands in lists and in the stream. `step`: the one under way; null when the last has ended."""
    if walk is None:
        return None
    step = None
    if walk.step_type is not None:
        step = {"index": walk.ended, "type": walk.step_type, "name": walk.step_name}
    return {
        "attempt": walk.attempt,
        "started_at": iso(walk.began_ms),
        "total": walk.total,
        "ended": walk.ended,
        "step": step,
    }


def walk_detail(walk: WalkProgress | None) -> dict[str, Any] | None:
    """The same with the steps that have ended."""
    shown = walk_summary(walk)
    if walk is None or shown is None:
        return None
    ended = [
        {
            "index": step.index,
            "type": step.type,
            "name": step.name,
            "status": step.status,
            "duration_ms": tidy(step.duration_ms),
        }
        for step in steps_of(walk)
    ]
    return {**shown, "steps": ended}


def walk_news(walk: WalkProgress) -> dict[str, Any]:
    """The data of an `event: progress`."""
    return {"id": walk.run_id, "journey_id": walk.check_id, "location": walk.location, "progress": walk_summary(walk)}
