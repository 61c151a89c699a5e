"""What evaluation knows: of a check, of a rule in force, and of what the two have come to so far."""

from __future__ import annotations

import msgspec

from alerts.rules.base import RuleDefinition
from model.points import Point


class Rule(msgspec.Struct, frozen=True):
    """A rule in force: results of runs due before `since_ms` raise no alert by it."""

    id: str
    since_ms: int
    definition: RuleDefinition


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What a check is: the locations that vote, its interval (None: cron), from which version on results count, since
    when it has been as it is, and for rules of time whether it is due to be measured at all."""

    locations: tuple[str, ...]
    interval_ms: int | None
    from_version: int = 0
    since_ms: int = 0

    def judges(self, point: Point) -> bool:
        """Whether it is of the check as it is: an older target says nothing, nor does a location it left."""
        return point.check_version >= self.from_version and point.location in self.locations


class Opened(msgspec.Struct, kw_only=True):
    """An alert as the fold knows it. `needed`: down votes it took; `votes`: {location: due time of the run by which it
    voted down}; `ended_by`: the run after which it was over, None while it is open or was ended by hand."""

    rule_id: str
    at_ms: int
    triggered_ms: int
    needed: int
    fresh: int
    votes: dict[str, int]
    run_ids: list[str]
    cause: str
    ended_by: Point | None = None
    closed_ms: int | None = None

    @property
    def is_open(self) -> bool:
        return self.ended_by is None and self.closed_ms is None


class Closing(msgspec.Struct, frozen=True):
    """An alert of a rule was resolved at `at_ms` by a person, or because something was edited."""

    at_ms: int
    by_hand: bool


class Rearm(msgspec.Struct, frozen=True):
    """Somebody resolved an alert by hand, and none of the locations that voted for it has had a good run since."""

    at_ms: int
    locations: tuple[str, ...]


class RuleState(msgspec.Struct):
    """What one rule says of one check."""

    alerts: list[Opened] = msgspec.field(default_factory=list)
    closings: list[Closing] = msgspec.field(default_factory=list)
    rearm: Rearm | None = None

    @property
    def opened(self) -> Opened | None:
        return self.alerts[-1] if self.alerts and self.alerts[-1].is_open else None


class Stream(msgspec.Struct):
    """What is known of one location: measured scheduled runs, oldest first, and what a confirming run found since."""

    history: list[Point] = msgspec.field(default_factory=list)
    newest: Point | None = None
    confirm: Point | None = None


class CheckState(msgspec.Struct):
    """All that judging the next point of a check needs."""

    streams: dict[str, Stream] = msgspec.field(default_factory=dict)
    rules: dict[str, RuleState] = msgspec.field(default_factory=dict)
