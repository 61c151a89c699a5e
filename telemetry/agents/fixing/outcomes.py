"""What came of a fix that was asked for, written where people and programs find it."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from sqlalchemy.orm import Session

from store.audit import Target, note
from store.fix_tables import IncidentFix
from store.fixes import FALLBACK, PROPOSED, TOPIC
from store.incident_tables import Incident
from store.incidents import add_change
from store.wakeups import wake
from telemetry.agents.plans import plan_for

NOBODY_TO_ASK = "no command is set that proposes fixes (TRACER_FIX_COMMAND)"


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """`diff`: what applies cleanly to the repository at `revision`, with its `plan`; None for a fallback, and `reason`
    says why."""

    plan: Sequence[str] = ()
    diff: str | None = None
    revision: str | None = None
    reason: str | None = None


def settle(session: Session, incident: Incident, fix: IncidentFix, outcome: Outcome, now_ms: int) -> None:
    """A fix that ran, of an incident, both held: proposed with its diff, or a fallback with the plan of the label."""
    fix.status = PROPOSED if outcome.diff is not None else FALLBACK
    fix.label, fix.reason, fix.diff = incident.label, outcome.reason, outcome.diff
    fix.plan = list(outcome.plan) if outcome.diff is not None else plan_for(incident.label, incident.title)
    fix.revision, fix.done_ms, fix.owner, fix.until_ms = outcome.revision, now_ms, None, 0
    incident.touched_ms = now_ms
    session.flush()
    add_change(session, incident, "fix", now_ms, by=fix.asked_by, became=fix.status, note=outcome.reason or "")
    said = {"fix_id": fix.id, "reason": outcome.reason, "revision": outcome.revision}
    target = Target("incident", incident.id, incident.title)
    note(session, incident.organization_id, f"incident.fix_{fix.status}", target, after=said)
    wake(session, TOPIC)
