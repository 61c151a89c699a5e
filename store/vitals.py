"""Whether Tracer as a whole does its work now, as the database shows it."""

from __future__ import annotations

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from store.service_clock import service
from store.shards import CHECKPOINT_MAX_AGE_MS, oldest_checkpoint_ms
from store.tables import Check, Probe, ProbeInstance


def what_stands_still(session: Session, now_ms: int) -> str | None:
    """The first part found that does not work, as a sentence; None while all do. The session sees every organization.

    Parts are the scheduler, the API, and, when there is anything to run, one probe at least."""
    checkpoint_ms = oldest_checkpoint_ms(session)
    if checkpoint_ms is None or now_ms - checkpoint_ms > CHECKPOINT_MAX_AGE_MS:
        return "the scheduler has stopped"
    if not service(session).serving(now_ms):
        return "the API is away"
    if _anything_to_run(session) and not _any_probe(session, now_ms):
        return "no probe is online at any location"
    return None


def _anything_to_run(session: Session) -> bool:
    wanted = exists().where(Check.deleted_ms.is_(None), Check.status == "active", Check.kind != "heartbeat")
    return bool(session.scalar(select(wanted)))


def _any_probe(session: Session, now_ms: int) -> bool:
    online = exists().where(
        ProbeInstance.lease_until_ms > now_ms,
        ProbeInstance.stopping.is_(False),
        ProbeInstance.probe_id == Probe.id,
        Probe.deleted_ms.is_(None),
    )
    return bool(session.scalar(select(online)))
