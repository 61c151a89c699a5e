"""A typing error would make a check that never runs: a location that no probe has ever served is asked for once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from flask import g, request

from api.errors import Invalid
from api.pages.gate import visitor
from api.services import services
from store.probes import online_locations, served_locations

FIELD: Final = "sure"


def refuse_unknown_places(locations: Sequence[str]) -> None:
    """Invalid, unless the form has been told of these already."""
    state = services()
    with state.database.read(visitor().caller.organization_id) as session:
        served = {*served_locations(session), *online_locations(session, state.database.now_ms(session))}
    unknown = ", ".join(place for place in locations if place not in served)
    if unknown and served and request.form.get(FIELD) != unknown:
        g.unknown_places = unknown
        said = f"names {unknown}, where no probe has ever been. If that is meant, create it once more"
        raise Invalid({"locations": [said]})


def told_of() -> str:
    """What the form's field says, so that the same places are not asked for again."""
    unknown: str = g.get("unknown_places", "")
    return unknown
