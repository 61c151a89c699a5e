"""Builders for tests of recording: a world of checks, finished runs, and all that the store says of them."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
from sqlalchemy import inspect, select

from alerts.record import record
from model.errors import ErrorCode, status_for
from model.finished import Finished
from model.ids import slot_run_id
from model.outcome import Metrics, RunError, RunStatus, Trigger
from model.protocol import Refusal
from model.schedule import Schedule
from store.sessions import EVERY_ORGANIZATION, Database
from store.tables import Base, Check, CheckVersion, Dispatch, Gap, LocationState, RollupDay, RollupHour, Run
from store.write_lock import Urgency

T0 = 1_705_314_600_000
"""2024-01-15T10:30:00Z"""


def add_check(
    database: Database,
    organization_id: str,
    *,
    interval_ms: int | None = 10_000,
    locations: tuple[str, ...] = ("local",),
    definition: dict[str, Any] | None = None,
    **schedule: Any,
) -> str:
    """An active check with one version; returns its id."""
    check_id = "mon_" + uuid.uuid4().hex[:20]
    plan = Schedule(kind="network", locations=locations, budget_ms=30_000, interval_ms=interval_ms, **schedule)
    shown = {"interval": None if interval_ms is None else interval_ms // 1000, **(definition or {})}
    with database.write(EVERY_ORGANIZATION, Urgency.PEOPLE) as session:
        session.add(
            Check(
                id=check_id, organization_id=organization_id, type="url", kind="network", name="n", status="active",
                version=1, definition=shown, locations=list(locations), created_ms=0, updated_ms=0,
            )
        )  # fmt: skip
        session.flush()
        session.add(
            CheckVersion(
                check_id=check_id, version=1, organization_id=organization_id, definition={},
                schedule=msgspec.to_builtins(plan), from_ms=0, created_ms=0,
            )
        )  # fmt: skip
    return check_id


def measured(organization_id: str, check_id: str, at_ms: int, *, passed: bool = True, **given: Any) -> Finished:
    """A run that a probe made 5 ms late, in 100 ms."""
    error = None if passed else RunError("assertion_failed", "status was 500")
    facts: dict[str, Any] = {
        "location": "local",
        "started_ms": at_ms + 5,
        "completed_ms": at_ms + 105,
        "duration_ms": 100.0,
        "metrics": Metrics(dns_ms=1.0, connect_ms=2.0, ttfb_ms=90.0, download_ms=10.0),
        "probe_id": "prb_1",
        "error": error,
        **given,
    }
    facts.setdefault("run_id", slot_run_id(check_id, facts["location"], at_ms))
    status = RunStatus.SUCCESS if passed else RunStatus.FAILED
    return Finished(
        organization_id=organization_id, check_id=check_id, check_version=1, at_ms=at_ms, status=status, **facts
    )


def not_run(
    organization_id: str, check_id: str, at_ms: int, code: ErrorCode = ErrorCode.PROBE_OFFLINE, **given: Any
) -> Finished:
    """A slot that nobody began."""
    location = given.pop("location", "local")
    return Finished(
        organization_id=organization_id,
        check_id=check_id,
        check_version=1,
        at_ms=at_ms,
        location=location,
        run_id=given.pop("run_id", slot_run_id(check_id, location, at_ms)),
        status=status_for(code),
        error=RunError(code, "nobody ran it"),
        **given,
    )


def record_all(database: Database, batches: Iterable[Sequence[Finished]], now_ms: int = T0) -> list[Refusal]:
    """Each batch in a transaction of its own; all refusals."""
    refused: list[Refusal] = []
    for batch in batches:
        with database.write(EVERY_ORGANIZATION, Urgency.RESULTS) as session:
            refused += record(session, batch, now_ms)
    return refused


def add_dispatch(database: Database, organization_id: str, runs: Sequence[Finished], dispatch_id: str) -> None:
    """A dispatch of these runs, leased."""
    with database.write(EVERY_ORGANIZATION, Urgency.RESULTS) as session:
        session.add(
            Dispatch(
                id=dispatch_id, organization_id=organization_id, location="local", kind="network", priority=1, token=1,
                runs=[[run.run_id, run.check_id, run.at_ms, run.at_ms + 10_000, "schedule"] for run in runs],
                created_ms=T0, first_limit_ms=T0, last_limit_ms=T0,
            )
        )  # fmt: skip


def rows_of(database: Database, table: type[Base], *without: str) -> list[dict[str, Any]]:
    """Every row of a table as a dict, in the order of its key, leaving out the columns named."""
    with database.read(EVERY_ORGANIZATION) as session:
        columns = [column.key for column in inspect(table).columns if column.key not in without]
        found = session.scalars(select(table).order_by(*inspect(table).primary_key)).all()
        return [{column: getattr(row, column) for column in columns} for row in found]


def everything(database: Database) -> dict[str, list[dict[str, Any]]]:
    """All that recording writes, but the random ids of gaps."""
    return {
        "runs": rows_of(database, Run),
        "hours": rows_of(database, RollupHour),
        "days": rows_of(database, RollupDay),
        "states": rows_of(database, LocationState, "gap_id"),
        "gaps": rows_of(database, Gap, "id"),
    }


def manual(organization_id: str, check_id: str, at_ms: int, **given: Any) -> Finished:
    """A measured run somebody asked for."""
    facts = {"run_id": f"run_by_hand{at_ms}", **given}
    return measured(organization_id, check_id, at_ms, trigger=Trigger.MANUAL, **facts)
