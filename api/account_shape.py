"""Whoever asks, as REST and pages show them: who they are, where they are signed in, which teams they are in."""

from __future__ import annotations

from typing import Any

from api.access import Caller
from api.services import services
from model.times import iso
from store.api_keys import get_api_key
from store.organizations import get_organization
from store.people import get_person, places_of
from store.sessions import EVERY_ORGANIZATION
from store.web_sessions import list_web_sessions


def account(who: Caller) -> dict[str, Any]:
    """Who somebody is, as REST shows it."""
    with services().database.read(who.organization_id) as session:
        organization = get_organization(session, who.organization_id)
        person = get_person(session, who.person_id) if who.person_id is not None else None
        key = get_api_key(session, who.key_id) if who.key_id is not None else None
    return {
        "person": person
        and {
            "id": person.id,
            "email": person.email,
            "name": person.name,
            "created_at": iso(person.created_ms),
            "password_changed_at": iso(person.password_ms),
        },
        "key": key and {"id": key.id, "name": key.name},
        "organization": {
            "id": who.organization_id,
            "name": organization.name if organization is not None else "",
            "role": who.role,
            "current": True,
        },
        "scopes": sorted(who.scopes),
        "session_id": who.session_id,
    }


def sessions_of(who: Caller) -> list[dict[str, Any]]:
    """Where somebody is signed in, as REST shows it."""
    state = services()
    with state.database.read(EVERY_ORGANIZATION) as session:
        found = list_web_sessions(session, who.holder, state.database.now_ms(session))
    return [
        {
            "id": row.id,
            "current": row.id == who.session_id,
            "organization": organization.name,
            "address": row.address,
            "user_agent": row.user_agent,
            "created_at": iso(row.created_ms),
            "seen_at": iso(row.seen_ms),
            "expires_at": iso(row.expires_ms),
        }
        for row, organization in found
    ]


def places(who: Caller) -> list[dict[str, Any]]:
    """Where somebody is a member, as REST shows it."""
    if who.person_id is None:
        return [account(who)["organization"]]
    with services().database.read(EVERY_ORGANIZATION) as session:
        found = places_of(session, who.person_id)
    return [
        {
            "id": organization.id,
            "name": organization.name,
            "role": str(member.role),
            "current": organization.id == who.organization_id,
        }
        for member, organization in found
    ]
