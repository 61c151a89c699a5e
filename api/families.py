"""Monitors and journeys: one table of checks, two names in REST (DESIGN §4). What differs between them is said here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from journeys.definition import DEFAULT_INTERVAL_S as JOURNEY_INTERVAL_S
from journeys.definition import JourneyCheck
from model.definition import DEFAULT_INTERVAL_S, CheckDefinition
from probes.registry import CHECK_TYPES
from store.tables import Check

JOURNEY_TYPE = "journey"


@dataclass(frozen=True)
class Family:
    """`noun`: how people call one; `types`: its definitions by `type`; `only_type`: taken when none is given; `limit`:
    that of a plan on how many there may be."""

    noun: str
    types: Mapping[str, type[CheckDefinition]]
    interval_s: int = DEFAULT_INTERVAL_S
    only_type: str | None = None
    limit: str | None = None

    @property
    def kinds(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(definition.kind for definition in self.types.values()))

    def holds(self, check: Check) -> bool:
        return check.kind in self.kinds


MONITOR = Family(
    "monitor",
    {name: kind.definition for name, kind in CHECK_TYPES.items() if kind.definition.kind != "browser"},
    limit="monitors",
)
JOURNEY = Family("journey", {JOURNEY_TYPE: JourneyCheck}, JOURNEY_INTERVAL_S, JOURNEY_TYPE)
FAMILIES = (MONITOR, JOURNEY)
DEFINITIONS: Mapping[str, type[CheckDefinition]] = {**MONITOR.types, **JOURNEY.types}
"""Every check there is, by `type`."""


def family_of(kind: str) -> Family:
    """The family of a check's `type`."""
    return JOURNEY if kind in JOURNEY.types else MONITOR
