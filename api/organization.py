"""/v1/organization: the caller's own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flask import Response
from sqlalchemy.orm import Session

from api.access import Scope, caller
from api.envelope import success
from api.errors import Invalid, NotFound
from api.routes import Routes
from api.schemas.people import OrganizationAnswer, OrganizationChange
from api.services import services
from model.times import iso
from store.notices import chosen_channels, set_notice_channels, unknown_channels
from store.organizations import get_organization, update_organization
from store.tables import Organization
from store.write_lock import Urgency

routes = Routes("Organization", "The team that the key belongs to.")


@routes.get("/v1/organization", needs=Scope.READ, answers=OrganizationAnswer)
def show_organization() -> Response:
    """Get the organization."""
    with services().database.read(caller().organization_id) as session:
        organization = get_organization(session, caller().organization_id)
        if organization is None:
            raise NotFound("There is no such organization")
        shown = _shape(session, organization)
    return success(shown)


@routes.put("/v1/organization", needs=Scope.ADMIN, answers=OrganizationAnswer)
def change_organization(body: OrganizationChange) -> Response:
    """Change the organization.

    `default_locations` counts for monitors made or re-located from then on. `notice_channels` hear what Tracer says
    about itself; when none of those named works any more, all others do.
    """
    state, organization_id = services(), caller().organization_id
    given = body.model_fields_set
    if "name" in given and body.name is None:
        raise Invalid({"name": ["can't be cleared"]})
    with state.database.write(organization_id, Urgency.PEOPLE) as session:
        organization = get_organization(session, organization_id)
        if organization is None:
            raise NotFound("There is no such organization")
        if "notice_channels" in given:
            set_notice_channels(session, organization, _known_channels(session, body.notice_channels))
        update_organization(
            session,
            organization,
            name=body.name or organization.name,
            default_locations=(
                list(dict.fromkeys(body.default_locations or ()))
                if "default_locations" in given
                else organization.default_locations
            ),
            now_ms=state.database.now_ms(session),
        )
        shown = _shape(session, organization)
    return success(shown)


def _known_channels(session: Session, channel_ids: Sequence[str] | None) -> list[str] | None:
    if channel_ids is None:
        return None
    unknown = unknown_channels(session, caller().organization_id, channel_ids)
    if unknown:
        raise Invalid({f"notice_channels.{place}": ["there is no such alert channel"] for place in unknown})
    return list(dict.fromkeys(channel_ids))


def _shape(session: Session, organization: Organization) -> dict[str, Any]:
    return {
        "id": organization.id,
        "name": organization.name,
        "default_locations": list(organization.default_locations),
        "notice_channels": chosen_channels(session, organization),
        "created_at": iso(organization.created_ms),
    }
