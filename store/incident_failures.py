"""Failures as they are told: by whoever learns of one, in their own transaction; looked at later, each once or again.

tell_failures(session, "run", [...])       these are to be looked at, again if they were before
waiting_failures(session, 50)              the next that are, of one organization
hold_failure(session, …)                   one, nobody else's until this transaction ends
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import select
from sqlalchemy.orm import Session

from store.incident_tables import IncidentFailure
from store.statements import rows, run, run_many
from store.wakeups import wake

SESSION, RUN, ALERT, CHECK = "session", "run", "alert", "check"
TOPIC = "failures"
"""The wake-up that failures wait to be looked at."""
_COLUMNS = "organization_id, kind, id, member, incident_id, label, first_ms, last_ms, waiting, upto_seq, pinned"
_TELL = (
    f"INSERT INTO incident_failures ({_COLUMNS}) VALUES (?, ?, ?, ?, NULL, '', 0, 0, 1, 0, FALSE) "  # noqa: S608 - our own columns
    "ON CONFLICT (organization_id, kind, id) DO UPDATE SET waiting = abs(incident_failures.waiting) + 1"
)
_HOLD = (
    f"INSERT INTO incident_failures ({_COLUMNS}) VALUES (?, ?, ?, ?, NULL, '', 0, 0, 0, 0, FALSE) "  # noqa: S608 - our own columns
    "ON CONFLICT (organization_id, kind, id) DO NOTHING"
)
_FIRST = (
    "SELECT organization_id FROM incident_failures INDEXED BY ix_incident_failures_waiting WHERE waiting > 0 LIMIT 1"
)
_WAITING = (
    "SELECT kind, id, member, waiting FROM incident_failures INDEXED BY ix_incident_failures_waiting "
    "WHERE waiting > 0 AND organization_id = ? ORDER BY kind, id LIMIT ?"
)
_AGAIN = (
    "UPDATE incident_failures SET waiting = abs(waiting) + 1 WHERE organization_id = ? AND kind = 'run' AND id IN ?"
)


class Waiting(msgspec.Struct, frozen=True):
    """One that is to be looked at. `told`: how often it was, up to now."""

    kind: str
    id: str
    member: str
    told: int


def tell_failures(session: Session, kind: str, failures: Sequence[tuple[str, str, str]]) -> None:
    """(organization, id, the check or alert that it is of) of each: if and when this transaction commits, they are
    looked at as they are then. The session sees every organization, or that one."""
    if not failures:
        return
    scope = session.info.get("organization_id")
    values = [(organization_id, kind, id_, member) for organization_id, id_, member in sorted(failures)]
    run_many(session, _TELL, values, of=scope if isinstance(scope, str) else None)
    wake(session, TOPIC)


def look_again(session: Session, organization_id: str, run_ids: Sequence[str]) -> None:
    """Runs that are otherwise than they were told, as far as they were. The session sees every organization."""
    if run(session, _AGAIN, organization_id, list(run_ids)):
        wake(session, TOPIC)


def anything_waits(session: Session) -> bool:
    """Whether there is any that is to be looked at. The session sees all of them."""
    return bool(rows(session, _FIRST))


def next_waiting(session: Session, most: int) -> tuple[str, list[Waiting]] | None:
    """Some of one organization that are to be looked at; None when there are none. The session sees all of them."""
    first = rows(session, _FIRST)
    if not first:
        return None
    organization_id = str(first[0][0])
    return organization_id, [Waiting(*row) for row in rows(session, _WAITING, organization_id, most)]


def hold_failures(
    session: Session, organization_id: str, failures: Sequence[tuple[str, str, str]]
) -> dict[tuple[str, str], IncidentFailure]:
    """The rows of (kind, id, member), by kind and id, made where there are none: nobody else's until this transaction
    ends. All at once, and before any incident."""
    made = [(organization_id, *each) for each in sorted(failures)]
    run_many(session, _HOLD, made, of=organization_id)
    ids = sorted({id_ for _, id_, _ in failures})
    wanted = select(IncidentFailure).where(
        IncidentFailure.organization_id == organization_id,
        IncidentFailure.kind.in_({kind for kind, _, _ in failures}),
        IncidentFailure.id.in_(ids),
    )
    held = wanted.order_by(IncidentFailure.kind, IncidentFailure.id).with_for_update()
    found = session.scalars(held.execution_options(populate_existing=True))
    return {(row.kind, row.id): row for row in found}


def failures_of_member(session: Session, incident_id: str, member: str) -> list[Any]:
    """(label, first_ms, last_ms, id) of those of a member that are part of an incident."""
    wanted = select(IncidentFailure.label, IncidentFailure.first_ms, IncidentFailure.last_ms, IncidentFailure.id).where(
        IncidentFailure.incident_id == incident_id, IncidentFailure.member == member
    )
    return list(session.execute(wanted))
