"""From where API keys were used: a use from an address not seen before for that key is an event of the audit log."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping

from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from store.acting import Actor
from store.audit import Target, note
from store.audit_tables import KeyAddress
from store.tables import ApiKey

KeyUse = tuple[str, str]
"""(key id, address as the request had it)"""


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
    """Remember when keys were used from where, and write down the first use from each address. The session sees every
    organization."""
    if not uses:
        return
    insert = sqlite.insert if session.get_bind().dialect.name == "sqlite" else postgresql.insert
    keys = {key.id: key for key in session.scalars(select(ApiKey).where(ApiKey.id.in_({key for key, _ in uses})))}
    for (key_id, address), at_ms in sorted(uses.items()):
        key = keys.get(key_id)
        if key is None:
            continue
        place = insert(KeyAddress).values(
            key_id=key_id, address=neighbourhood(address), organization_id=key.organization_id, first_ms=at_ms
        )
        if session.scalars(place.on_conflict_do_nothing().returning(KeyAddress.address)).one_or_none() is not None:
            target = Target("key", key.id, key.name)
            who = Actor("key", key.id, key.name, address)
            note(session, key.organization_id, "key.new_address", target, who=who, at_ms=at_ms)
