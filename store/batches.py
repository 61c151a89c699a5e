"""Batches: runs of journeys asked for together, by tag, with what they are to use in place of what is stored."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import select
from sqlalchemy.orm import Session

from model.ids import new_id
from model.outcome import Trigger
from model.protocol import RunOverrides
from store.by_hand import ask_for_runs
from store.checks import has_tag
from store.journey_tables import Batch, BatchRun
from store.keyring import Cell, Keyring
from store.statements import rows
from store.tables import Check, Run

_OVERRIDES = (
    "SELECT r.run_id, b.id, b.organization_id, b.overrides FROM batch_runs r JOIN batches b ON b.id = r.batch_id "
    "WHERE r.run_id IN ? AND b.overrides IS NOT NULL"
)


class Wanted(msgspec.Struct, frozen=True):
    """What was asked for. `about`: what people are to read of it; `locations`: in place of each journey's own."""

    organization_id: str
    tag: str
    about: Mapping[str, Any]
    created_by: str
    overrides: RunOverrides
    locations: Sequence[str] = ()


def lock_journeys_with_tag(session: Session, organization_id: str, tag: str) -> list[Check]:
    """The organization's journeys with this tag, by name, held until this transaction ends. In a session of all."""
    wanted = select(Check).where(
        Check.organization_id == organization_id,
        Check.kind == "browser",
        Check.deleted_ms.is_(None),
        has_tag(session, tag),
    )
    found = session.scalars(wanted.order_by(Check.id).with_for_update())
    return sorted(found, key=lambda check: (check.name, check.id))


def add_batch(
    session: Session, keyring: Keyring, journeys: Sequence[Check], wanted: Wanted, now_ms: int
) -> tuple[Batch, list[BatchRun]]:
    """One waiting run of each journey at each of its locations, or at those wanted. The journeys are locked."""
    batch_id = new_id("bat", now_ms)
    sealed = None
    if wanted.overrides.variables or wanted.overrides.base_url is not None:
        sealed = keyring.encrypt(
            msgspec.json.encode(wanted.overrides), overrides_cell(wanted.organization_id, batch_id)
        )  # fmt: skip
    batch = Batch(
        id=batch_id,
        organization_id=wanted.organization_id,
        tag=wanted.tag,
        about=dict(wanted.about),
        overrides=sealed,
        created_by=wanted.created_by,
        created_ms=now_ms,
    )
    session.add(batch)
    session.flush()
    runs: list[BatchRun] = []
    for check in journeys:
        for queued in ask_for_runs(session, check, wanted.locations or check.locations, Trigger.CI, now_ms):
            runs.append(
                BatchRun(
                    run_id=queued.run_id,
                    organization_id=wanted.organization_id,
                    batch_id=batch_id,
                    position=len(runs),
                    check_id=check.id,
                    name=check.name,
                    location=queued.location,
                )
            )
    session.add_all(runs)
    session.flush()
    return batch, runs


def get_batch(session: Session, batch_id: str) -> Batch | None:
    """One that the session may see."""
    return session.scalars(select(Batch).where(Batch.id == batch_id)).one_or_none()


def runs_of_batch(session: Session, batch_id: str) -> list[tuple[BatchRun, Run | None]]:
    """Each run as it was asked for, with its row: None when that has gone with its time."""
    asked = session.scalars(select(BatchRun).where(BatchRun.batch_id == batch_id).order_by(BatchRun.position)).all()
    found = {run.id: run for run in session.scalars(select(Run).where(Run.id.in_([row.run_id for row in asked])))}
    return [(row, found.get(row.run_id)) for row in asked]


def batch_of_run(session: Session, run_id: str) -> Batch | None:
    """The batch that a run belongs to, if any."""
    wanted = select(Batch).join(BatchRun, BatchRun.batch_id == Batch.id).where(BatchRun.run_id == run_id)
    return session.scalars(wanted).one_or_none()


def overrides_of(session: Session, keyring: Keyring, run_ids: Collection[str]) -> dict[str, RunOverrides]:
    """What those of these runs use that belong to a batch which says so: for a probe's memory alone. In a session of
    all organizations."""
    found = rows(session, _OVERRIDES, list(run_ids))
    opened = {
        batch_id: msgspec.json.decode(
            keyring.decrypt(bytes(sealed), overrides_cell(organization_id, batch_id)), type=RunOverrides
        )
        for batch_id, organization_id, sealed in {row[1]: row[1:] for row in found}.values()
    }
    return {run_id: opened[batch_id] for run_id, batch_id, _, _ in found}


def overrides_cell(organization_id: str, batch_id: str) -> Cell:
    """Where a batch's overrides are at home."""
    return Cell(organization_id, Batch.__tablename__, batch_id, "overrides")
