"""Registered probes: a name, a location and a key, shared by the processes (instances) of a pool."""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from sqlalchemy import and_, case, func, select
from sqlalchemy.orm import Session

from model.ids import new_id
from model.keys import PROBE_KEY, hint_of, new_key
from store.changes import append_change
from store.counting import one_page
from store.keyring import Keyring
from store.tables import Probe, ProbeInstance

_ENVIRONMENT_PROBE_ID = "prb_environment"
_LOCAL = "local"


@dataclass(frozen=True)
class ProbeState:
    """A probe and its instances, the newest heard from first. Online: at least one holds its lease and stays."""

    probe: Probe
    instances: Sequence[ProbeInstance]
    online: bool

    @property
    def newest(self) -> ProbeInstance | None:
        """The instance heard from last; None before the first."""
        return self.instances[0] if self.instances else None

    def live(self, now_ms: int) -> list[ProbeInstance]:
        """The instances that hold their lease."""
        return [instance for instance in self.instances if instance.lease_until_ms > now_ms]


def register_probe(
    session: Session, keyring: Keyring, organization_id: str, place: tuple[str, str], now_ms: int
) -> tuple[Probe, str]:
    """A new probe with this (name, location), and its key, to be shown this once."""
    key = new_key(PROBE_KEY)
    row = _row(keyring, organization_id, place, key, now_ms)
    session.add(row)
    session.flush()
    append_change(session, organization_id, "probe", row.id, now_ms)
    return row, key


def register_probe_of_environment(
    session: Session, keyring: Keyring, organization_id: str, key: str, now_ms: int
) -> None:
    """The probe `local` at `local` answers to this key; a key that another probe has, or had, stays that probe's."""
    wanted = keyring.hash_key(key)
    own = session.get(Probe, _ENVIRONMENT_PROBE_ID)
    holder = session.scalars(select(Probe).where(Probe.key_hash == wanted)).one_or_none()
    if holder is not None and (holder is not own or holder.deleted_ms is None):
        return
    if own is None:
        own = _row(keyring, organization_id, (_LOCAL, _LOCAL), key, now_ms)
        own.id = _ENVIRONMENT_PROBE_ID
        session.add(own)
    own.key_hash, own.hint, own.deleted_ms = wanted, hint_of(key), None
    session.flush()
    append_change(session, organization_id, "probe", own.id, now_ms)


def authenticate_probe(session: Session, keyring: Keyring, presented: str) -> Probe | None:
    """The probe whose key somebody presents; None when it is unknown or deleted. The session sees every
    organization: whose probe it is is the answer."""
    wanted = keyring.hash_key(presented)
    row = session.scalars(select(Probe).where(Probe.key_hash == wanted)).one_or_none()
    if row is None or not hmac.compare_digest(row.key_hash, wanted) or row.deleted_ms is not None:
        return None
    return row


def get_probe(session: Session, probe_id: str) -> Probe | None:
    """A probe of this session's organization that is not deleted."""
    return session.scalars(select(Probe).where(Probe.id == probe_id, Probe.deleted_ms.is_(None))).one_or_none()


def list_probes(session: Session, now_ms: int, *, offset: int = 0, limit: int = 20) -> tuple[list[ProbeState], int]:
    """Probes newest first with what is known of their instances, and how many probes there are (to 10,001)."""
    statement = select(Probe).where(Probe.deleted_ms.is_(None))
    newest_first = statement.order_by(Probe.created_ms.desc(), Probe.id.desc())
    found, total = one_page(session, newest_first, (offset, limit))
    return states_of(session, found, now_ms), total


def states_of(session: Session, probes: Sequence[Probe], now_ms: int) -> list[ProbeState]:
    """What is known of these probes, in their order."""
    by_probe: dict[str, list[ProbeInstance]] = {probe.id: [] for probe in probes}
    newest_first = select(ProbeInstance).order_by(ProbeInstance.seen_ms.desc(), ProbeInstance.id)
    for instance in session.scalars(newest_first.where(ProbeInstance.probe_id.in_(by_probe))):
        by_probe[instance.probe_id].append(instance)
    return [ProbeState(probe, by_probe[probe.id], _online(by_probe[probe.id], now_ms)) for probe in probes]


def delete_probe(session: Session, probe_id: str, now_ms: int) -> bool:
    """Its key opens nothing from now on, and what it leased goes to others; False when there is no such probe."""
    row = get_probe(session, probe_id)
    if row is None:
        return False
    row.deleted_ms = now_ms
    for instance in session.scalars(select(ProbeInstance).where(ProbeInstance.probe_id == probe_id)):
        instance.lease_until_ms = min(instance.lease_until_ms, now_ms)
    session.flush()
    append_change(session, row.organization_id, "probe", probe_id, now_ms)
    return True


def served_locations(session: Session) -> dict[str, int]:
    """Each location that has a probe, with how many: of this session's organization."""
    statement = select(Probe.location, func.count(Probe.id)).where(Probe.deleted_ms.is_(None)).group_by(Probe.location)
    return {row[0]: row[1] for row in session.execute(statement)}


def online_locations(session: Session, now_ms: int, *, capability: str = "network") -> set[str]:
    """The locations where at least one probe instance that can do this holds its lease and stays."""
    statement = (
        select(ProbeInstance.location, ProbeInstance.capabilities)
        .join(Probe, Probe.id == ProbeInstance.probe_id)
        .where(Probe.deleted_ms.is_(None), ProbeInstance.lease_until_ms > now_ms, ProbeInstance.stopping.is_(False))
    )
    return {location for location, capabilities in session.execute(statement) if capability in capabilities}


class Presence(NamedTuple):
    """A location that has, or had, probes. `last_ms`: until when the last of them held its lease; `registered`: there
    is a probe that was not deleted."""

    organization_id: str
    location: str
    last_ms: int
    online: bool
    registered: bool


def presences(session: Session, now_ms: int) -> list[Presence]:
    """Every location that the session's organizations ever had a process at, as far as is remembered."""
    kept = Probe.deleted_ms.is_(None)
    there = and_(kept, ProbeInstance.stopping.is_(False), ProbeInstance.lease_until_ms > now_ms)
    statement = (
        select(
            ProbeInstance.organization_id,
            ProbeInstance.location,
            func.max(ProbeInstance.lease_until_ms),
            func.max(case((there, 1), else_=0)),
            func.max(case((kept, 1), else_=0)),
        )
        .join(Probe, Probe.id == ProbeInstance.probe_id)
        .group_by(ProbeInstance.organization_id, ProbeInstance.location)
    )
    return [
        Presence(organization_id, location, last_ms, bool(online), bool(registered))
        for organization_id, location, last_ms, online, registered in session.execute(statement)
    ]


def online_instances(session: Session, now_ms: int) -> list[ProbeInstance]:
    """Every instance that holds its lease and stays, by location."""
    statement = (
        select(ProbeInstance)
        .join(Probe, Probe.id == ProbeInstance.probe_id)
        .where(Probe.deleted_ms.is_(None), ProbeInstance.lease_until_ms > now_ms, ProbeInstance.stopping.is_(False))
        .order_by(ProbeInstance.location, ProbeInstance.id)
    )
    return list(session.scalars(statement))


def spools(session: Session, now_ms: int) -> dict[str, int]:
    """How many results the live instances of each probe keep until they are acknowledged, by probe id."""
    statement = (
        select(ProbeInstance.probe_id, func.sum(ProbeInstance.spool))
        .where(ProbeInstance.lease_until_ms > now_ms)
        .group_by(ProbeInstance.probe_id)
    )
    return {probe_id: int(results) for probe_id, results in session.execute(statement)}


def _online(instances: Iterable[ProbeInstance], now_ms: int) -> bool:
    return any(instance.lease_until_ms > now_ms and not instance.stopping for instance in instances)


def _row(keyring: Keyring, organization_id: str, place: tuple[str, str], key: str, now_ms: int) -> Probe:
    name, location = place
    return Probe(
        id=new_id("prb", now_ms),
        organization_id=organization_id,
        name=name,
        location=location,
        key_hash=keyring.hash_key(key),
        hint=hint_of(key),
        created_ms=now_ms,
    )
