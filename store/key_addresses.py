"""From where keys were used, of the API and of probes: a use from an address not seen before is an event of the audit
log."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from typing import Literal

from sqlalchemy import literal, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from store.acting import Actor
from store.audit import Target, note
from store.audit_tables import KeyAddress, ProbeAddress
from store.tables import ApiKey, Probe

KeyUse = tuple[str, str]
"""(id of the API key, or of the probe whose key it is; address as the request had it)"""


def neighbourhood(address: str) -> str:
    """What counts as one address: an IPv4 address, or the /64 that an IPv6 host may pick addresses from at will."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address[:64]
    if parsed.version == 6:
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return str(parsed)


def note_addresses(session: Session, uses: Mapping[KeyUse, int]) -> None:
    """Remember when keys, of the API or of probes, were used from where, and write down the first use from each
    address. The session sees every organization."""
    if not uses:
        return
    ids = {owner for owner, _ in uses}
    keys = session.scalars(select(ApiKey).where(ApiKey.id.in_(ids))).all()
    probes = session.scalars(select(Probe).where(Probe.id.in_(ids))).all()
    owners: dict[str, ApiKey | Probe] = {**{key.id: key for key in keys}, **{probe.id: probe for probe in probes}}
    for (owner_id, address), at_ms in sorted(uses.items()):
        owner = owners.get(owner_id)
        if owner is not None and _is_new(session, owner, neighbourhood(address), at_ms):
            kind: Literal["key", "probe"] = "key" if isinstance(owner, ApiKey) else "probe"
            who, target = Actor(kind, owner.id, owner.name, address), Target(kind, owner.id, owner.name)
            note(session, owner.organization_id, f"{kind}.new_address", target, who=who, at_ms=at_ms)


def _is_new(session: Session, owner: ApiKey | Probe, address: str, at_ms: int) -> bool:
    insert = sqlite.insert if session.get_bind().dialect.name == "sqlite" else postgresql.insert
    facts = {"address": address, "organization_id": owner.organization_id, "first_ms": at_ms}
    if isinstance(owner, ApiKey):
        place = insert(KeyAddress).values(key_id=owner.id, **facts)
    else:
        place = insert(ProbeAddress).values(probe_id=owner.id, **facts)
    return session.execute(place.on_conflict_do_nothing().returning(literal(1))).one_or_none() is not None
