"""What is accepted but deserves a look: `meta.warnings`."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy.orm import Session

from alerts.coverage import nobody_is_told
from api.families import JOURNEY, family_of
from api.services import services
from api.undefined import undefined_in
from store.probes import online_locations, served_locations
from store.tables import Check
from store.variables import variable_names

NO_RULE = (
    "no alert rule with a channel covers this {noun}, or none that is enabled and works: nobody is told when it fails"
)


def warnings_for(session: Session, check: Check) -> list[str]:
    """What whoever makes, changes or looks at this check should know."""
    family = family_of(check.type)
    untold = [NO_RULE.format(noun=family.noun)] if nobody_is_told(session, check) else []
    missing = undefined_in(services().keyring, check, variable_names(session)) if family is JOURNEY else []
    return [*missing, *without_probe(session, check.locations, browser=family is JOURNEY), *untold]


def without_probe(session: Session, locations: Sequence[str], *, browser: bool) -> list[str]:
    """Those of these locations at which nobody can run a check, a sentence each. `browser`: it needs one."""
    if not locations:
        return []
    served = served_locations(session)
    now_ms = services().database.now_ms(session)
    online = online_locations(session, now_ms)
    able = online_locations(session, now_ms, capability="browser") if browser else online
    lines = []
    for location in locations:
        if location not in served:
            lines.append(f"no probe serves the location {location}: runs there will be unknown (no_probe)")
        elif location not in online:
            lines.append(f"no probe of the location {location} is online now")
        elif location not in able:
            lines.append(
                f"no probe of the location {location} has a browser: runs there will be unknown (no_probe)"
            )  # fmt: skip
    return lines
