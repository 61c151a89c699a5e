"""What is accepted but deserves a look: `meta.warnings`."""

from __future__ import annotations

from sqlalchemy.orm import Session

from alerts.coverage import nobody_is_told
from api.services import services
from store.probes import online_locations, served_locations
from store.tables import Check

NO_RULE = (
    "no alert rule with a channel covers this monitor, or none that is enabled and works: nobody is told when it fails"
)


def warnings_for(session: Session, check: Check) -> list[str]:
    """What whoever makes, changes or looks at this check should know."""
    untold = [NO_RULE] if nobody_is_told(session, check) else []
    return [*_locations_without_probe(session, check), *untold]


def _locations_without_probe(session: Session, check: Check) -> list[str]:
    if not check.locations:
        return []
    served = served_locations(session)
    online = online_locations(session, services().database.now_ms(session))
    lines = []
    for location in check.locations:
        if location not in served:
            lines.append(f"no probe serves the location {location}: runs there will be unknown (no_probe)")
        elif location not in online:
            lines.append(f"no probe of the location {location} is online now")
    return lines
