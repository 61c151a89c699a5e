"""How fixes and regression runs are answered, as far as a caller may see what they are about."""

from __future__ import annotations

from typing import Any

from api.access import caller
from api.agent_access import Seen
from model.times import iso
from store.fix_tables import IncidentFix, RegressionRun


def fix_state(row: IncidentFix | None) -> dict[str, Any] | None:
    """How it stands; None for one of a project that the key is not for."""
    if row is None or (row.project_id is not None and not caller().may_see(row.project_id)):
        return None
    return {
        "id": row.id,
        "status": row.status,
        "label": row.label,
        "reason": row.reason,
        "project_id": row.project_id,
        "requested_by": row.asked_by,
        "created_at": iso(row.created_ms),
        "completed_at": iso(row.done_ms),
    }


def fix_shape(row: IncidentFix | None) -> dict[str, Any] | None:
    """The same with its plan and its diff."""
    state = fix_state(row)
    if row is None or state is None:
        return None
    return {**state, "plan": row.plan, "diff": row.diff, "revision": row.revision}


def regression_shape(seen: Seen, row: RegressionRun) -> dict[str, Any]:
    """With the sessions of the projects that may be seen."""
    return {
        "id": row.id,
        "status": row.status,
        "verdict": row.verdict,
        "reason": row.reason if row.before is None or seen.open is None else _without_names(row),
        "since": iso(row.since_ms),
        "before": _evidence(seen, row.before),
        "after": _evidence(seen, row.after),
        "requested_by": row.asked_by,
        "created_at": iso(row.created_ms),
        "completed_at": iso(row.done_ms),
    }


def _evidence(seen: Seen, found: dict[str, Any] | None) -> dict[str, Any] | None:
    if found is None:
        return None
    sessions = [each for each in found["sessions"] if seen.open is None or each["project"] in seen.open]
    return {
        "sessions": [{name: value for name, value in each.items() if name != "project"} for each in sessions],
        "runs": found["runs"],
    }


def _without_names(row: RegressionRun) -> str | None:
    """A reason may name sessions of projects that a key is not for."""
    return row.reason if row.verdict != "not_fixed" else "It shows again."
