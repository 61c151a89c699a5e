"""/v1/locations: every place that a monitor, a probe or the organization's defaults name."""

from __future__ import annotations

from flask import Response

from api.access import Scope, caller
from api.envelope import success
from api.routes import Routes
from api.schemas.fleet import LocationList
from api.services import services
from store.checks import checks_by_location
from store.organizations import get_organization
from store.probes import online_instances, served_locations

routes = Routes("Locations", "Places where monitors run. A name needs no registration; a probe makes it live.")


@routes.get("/v1/locations", needs=Scope.READ, answers=LocationList)
def list_locations() -> Response:
    """List every location in use, by name."""
    state, organization_id = services(), caller().organization_id
    with state.database.read(organization_id) as session:
        organization = get_organization(session, organization_id)
        defaults = set(organization.default_locations) if organization is not None else set()
        registered, monitors = served_locations(session), checks_by_location(session)
        online = online_instances(session, state.database.now_ms(session))
    shown = []
    for name in sorted({*defaults, *registered, *monitors}):
        here = [instance for instance in online if instance.location == name]
        shown.append(
            {
                "name": name,
                "status": "online" if here else "offline",
                "probes": registered.get(name, 0),
                "online": len(here),
                "capabilities": sorted({ability for instance in here for ability in instance.capabilities}),
                "monitors": monitors[name],
                "default": name in defaults,
            }
        )
    return success(shown)
