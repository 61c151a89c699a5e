"""`{{NAME}}`s of a journey that nothing defines, as sentences that say where each stands."""

from __future__ import annotations

from collections.abc import Collection

from pydantic import ValidationError

from journeys.definition import JourneyCheck
from journeys.variables import undefined
from model.fields import STORED
from store.check_secrets import whole_definition
from store.keyring import Keyring
from store.tables import Check


def undefined_in(keyring: Keyring, check: Check, known: Collection[str]) -> list[str]:
    """What a run of this journey would miss. `known`: names that are defined besides the journey's own."""
    try:
        journey = JourneyCheck.model_validate(whole_definition(keyring, check), extra="ignore", context=STORED)
    except ValidationError:  # stored under other rules: its runs will say what does not fit
        return []
    found = undefined(journey.steps, {*known, *journey.variables})
    return [
        f"steps.{place} uses {{{{{name}}}}}, which nothing defines: give it to the journey or to the organization "
        "(/v1/variables), or pass it when a run is asked for"
        for place, name in found
    ]
