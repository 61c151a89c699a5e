"""Why nobody is told of an alert yet: its check is muted, it is silenced, or what it depends on is down.

The alert opens, is listed and resolves as ever; its notices wait. When nothing holds it any more and it is still open,
people are told then (alerts/watch.py).
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from sqlalchemy import select
from sqlalchemy.orm import Session

from alerts.book import InForce
from model.health import Health, Verdict, health
from model.times import iso, parse_iso
from store.alert_tables import Alert
from store.tables import Check, LocationState

_LONGEST_WAIT_MS = 120_000
"""For the next run of a parent that has not been measured since its child failed."""


class Held(msgspec.Struct, frozen=True):
    """`outcome`: muted, silenced or parent_down."""

    outcome: str
    detail: str
    parent_id: str | None = None


def hold_on(session: Session, in_force: InForce, check: Check, alert_at_ms: int, now_ms: int) -> Held | None:
    """What holds the notices of an alert of `check` that began with a run due at `alert_at_ms`; None: nothing."""
    muted_until = check.definition.get("muted_until")
    if muted_until and parse_iso(muted_until) > now_ms:
        return Held("muted", f"{check.name} is muted until {muted_until}")
    silence = silenced(in_force, check.id, check.definition.get("tags") or (), now_ms)
    if silence is not None:
        return silence
    parents = check.definition.get("depends_on") or ()
    return next(
        (held for held in (_by_parent(session, parent, check, alert_at_ms, now_ms) for parent in parents) if held), None
    )


def silenced(in_force: InForce, subject_id: str, tags: Sequence[str], now_ms: int) -> Held | None:
    """The silence, if there is one, about a check with these tags, or about a project."""
    silence = in_force.silence_at(subject_id, tags, now_ms)
    if silence is None:
        return None
    reason = f": {silence.reason}" if silence.reason else ""
    return Held("silenced", f"silence {silence.id} until {iso(silence.ends_ms)}{reason}")


def _by_parent(session: Session, parent_id: str, child: Check, alert_at_ms: int, now_ms: int) -> Held | None:
    parent = session.scalars(select(Check).where(Check.id == parent_id, Check.deleted_ms.is_(None))).one_or_none()
    if parent is None or parent.status == "paused":
        return None
    alert_id = session.scalars(
        select(Alert.id).where(Alert.check_id == parent_id, Alert.resolved_ms.is_(None)).limit(1)
    ).one_or_none()
    if alert_id is not None:
        return Held("parent_down", f"{parent.name}, on which it depends, has the open alert {alert_id}", parent_id)
    states = [state for state in _states(session, parent) if state.at_ms is not None]
    verdicts = [
        Verdict(failed=state.status == "failed", degraded=False, fresh_until_ms=state.fresh_until_ms or 0)
        for state in states
    ]
    if health(verdicts, now_ms=now_ms, paused=False) is Health.DOWN:
        return Held("parent_down", f"{parent.name}, on which it depends, is down", parent_id)
    fresh = [state for state in states if (state.fresh_until_ms or 0) > now_ms]
    measured_ms = max((state.at_ms or 0 for state in fresh), default=None)
    if measured_ms is None:
        return None  # nothing is known of it
    if measured_ms < alert_at_ms and now_ms < alert_at_ms + _LONGEST_WAIT_MS:
        return Held("parent_down", f"{parent.name}, on which it depends, was not measured since", parent_id)
    up_since_ms = max((state.since_ms or 0 for state in fresh), default=0)
    if _last_failure_ms(session, child) < up_since_ms < now_ms < up_since_ms + _LONGEST_WAIT_MS:
        return Held("parent_down", f"{parent.name} is back: the next run of {child.name} tells", parent_id)
    return None


def _states(session: Session, check: Check) -> list[LocationState]:
    found = session.scalars(select(LocationState).where(LocationState.check_id == check.id))
    return [state for state in found if check.kind == "heartbeat" or state.location in check.locations]


def _last_failure_ms(session: Session, check: Check) -> int:
    """When the newest failed verdict of a check was due."""
    return max((state.at_ms or 0 for state in _states(session, check) if state.status == "failed"), default=0)
