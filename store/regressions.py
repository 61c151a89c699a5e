"""Regression runs of incidents as they are stored: asked for, waited for, ended."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from model.ids import new_id
from model.outcome import RunStatus
from store.fix_tables import RegressionRun
from store.incident_tables import Incident
from store.statements import rows
from store.tables import Run

RUNNING, COMPLETED = "running", "completed"
WAITED_MS = 10 * 60_000
"""How long the runs of checks are waited for that were asked for with it."""
KEPT = 20
"""Of an incident; older ones go when another is asked for."""
TOPIC = "regressions"
"""The wake-up that one was asked for."""


class NewRegression(msgspec.Struct, frozen=True):
    """What is asked for. `asked`: {run_id, check_id, name, location} of each run of a check."""

    since_ms: int
    asked: Sequence[Mapping[str, str]]
    asked_by: str


def running_regression(session: Session, incident_id: str) -> RegressionRun | None:
    """The one that has not ended."""
    wanted = select(RegressionRun).where(RegressionRun.incident_id == incident_id, RegressionRun.status == RUNNING)
    return session.scalars(wanted).one_or_none()


def add_regression(session: Session, incident: Incident, new: NewRegression, now_ms: int) -> RegressionRun:
    """For an incident that is held and has none that runs."""
    row = RegressionRun(
        id=new_id("reg", now_ms), organization_id=incident.organization_id, incident_id=incident.id, status=RUNNING,
        verdict=None, reason=None, since_ms=new.since_ms, asked=[dict(each) for each in new.asked], before=None,
        after=None, asked_by=new.asked_by, created_ms=now_ms, give_up_ms=now_ms + WAITED_MS, done_ms=None,
    )  # fmt: skip
    session.add(row)
    session.flush()
    every = select(RegressionRun).where(
        RegressionRun.incident_id == incident.id, RegressionRun.organization_id == incident.organization_id
    )
    ordered = every.order_by(RegressionRun.created_ms.desc(), RegressionRun.id.desc())
    for old in session.scalars(ordered.offset(KEPT)):
        session.delete(old)
    session.flush()
    return row


def get_regression(session: Session, regression_id: str, *, lock: bool = False) -> RegressionRun | None:
    wanted = select(RegressionRun).where(RegressionRun.id == regression_id)
    return session.scalars(wanted.with_for_update() if lock else wanted).one_or_none()


def newest_regressions(session: Session, incident_ids: Collection[str]) -> dict[str, RegressionRun]:
    """By incident."""
    rank = func.row_number().over(
        partition_by=RegressionRun.incident_id, order_by=(RegressionRun.created_ms.desc(), RegressionRun.id.desc())
    )
    ranked = select(RegressionRun.id, rank.label("place")).where(RegressionRun.incident_id.in_(incident_ids)).subquery()
    wanted = select(RegressionRun).join(ranked, ranked.c.id == RegressionRun.id).where(ranked.c.place == 1)
    return {row.incident_id: row for row in session.scalars(wanted)}


def any_running(session: Session) -> bool:
    """Whether `regressions_to_judge` may find any. A session of all."""
    return bool(rows(session, "SELECT 1 FROM regression_runs WHERE status = ? LIMIT 1", RUNNING))


def regressions_to_judge(session: Session, now_ms: int) -> list[tuple[str, str]]:
    """(organization, id) of those whose runs have all ended, or are not waited for any more. A session of all."""
    found = session.scalars(
        select(RegressionRun).where(RegressionRun.status == RUNNING).order_by(RegressionRun.id)
    ).all()
    asked = {each["run_id"] for row in found for each in row.asked}
    waiting = set(
        session.scalars(
            select(Run.id).where(Run.id.in_(asked), Run.status.in_((RunStatus.QUEUED.value, RunStatus.RUNNING.value)))
        )
    )
    return [
        (row.organization_id, row.id)
        for row in found
        if row.give_up_ms <= now_ms or not any(each["run_id"] in waiting for each in row.asked)
    ]


def end_regression(
    session: Session, row: RegressionRun, verdict: str, reason: str, evidence: tuple[dict[str, Any], dict[str, Any]],
    now_ms: int,
) -> None:  # fmt: skip
    """One that is held. `evidence`: before, after."""
    row.status, row.verdict, row.reason, row.done_ms = COMPLETED, verdict, reason, now_ms
    row.before, row.after = evidence
    session.flush()
