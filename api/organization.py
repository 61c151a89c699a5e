"""/v1/organization: the caller's own. Members come with accounts."""

from __future__ import annotations

from typing import Any

from flask import Response

from api.access import Scope, caller
from api.envelope import success
from api.errors import Invalid, NotFound
from api.routes import Routes
from api.schemas.people import OrganizationAnswer, OrganizationChange
from api.services import services
from model.times import iso
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
    return success(_shape(organization))


@routes.put("/v1/organization", needs=Scope.ADMIN, answers=OrganizationAnswer)
def change_organization(body: OrganizationChange) -> Response:
    """Change the organization.

    `default_locations` counts for monitors made or re-located from then on.
    """
    state, organization_id = services(), caller().organization_id
    given = body.model_fields_set
    if "name" in given and body.name is None:
        raise Invalid({"name": ["can't be cleared"]})
    with state.database.write(organization_id, Urgency.PEOPLE) as session:
        organization = get_organization(session, organization_id)
        if organization is None:
            raise NotFound("There is no such organization")
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
    return success(_shape(organization))


def _shape(organization: Organization) -> dict[str, Any]:
    return {
        "id": organization.id,
        "name": organization.name,
        "default_locations": list(organization.default_locations),
        "created_at": iso(organization.created_ms),
    }
