"""Who is told of what: whether a rule can ever tell anybody, and whether anybody would be told of a check.

A rule that can't is accepted and says so: an alert nobody hears of should be a surprise before the outage, not in it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
from sqlalchemy.orm import Session

from alerts.quieted import Quieted
from alerts.rules.base import ApplyTo, Covered, RuleDefinition
from model.fields import STORED
from store.alert_channels import working_channels
from store.alert_rules import rules_in_force
from store.coverage import ChannelRow, channel_rows, check_rows, project_ids
from store.tables import Check


class Ground(msgspec.Struct, frozen=True):
    """The checks, channels and projects (ids) of an organization, as rules and quiet times are held against them."""

    checks: Mapping[str, Covered]
    by_tag: Mapping[str, Sequence[str]]
    channels: Mapping[str, ChannelRow]
    projects: frozenset[str]

    def covered(self, apply_to: ApplyTo) -> list[Covered]:
        """The checks that there are and that are meant, each once."""
        if apply_to.all:
            return list(self.checks.values())
        ids = [*apply_to.monitors, *apply_to.journeys]
        ids += (check_id for tag in apply_to.tags for check_id in self.by_tag.get(tag, ()))
        return [self.checks[check_id] for check_id in dict.fromkeys(ids) if check_id in self.checks]


def ground_of(session: Session, rules: Sequence[RuleDefinition]) -> Ground:
    """What these rules of the session's organization are held against, read once for all of them."""
    checks = {
        row.id: Covered(
            row.id,
            tuple(row.definition.get("tags") or ()),
            1 if row.kind == "heartbeat" else len(row.locations),
            row.definition,
        )
        for row in check_rows(session)
    }
    by_tag: dict[str, list[str]] = {}
    for check in checks.values():
        for tag in check.tags:
            by_tag.setdefault(tag, []).append(check.id)
    channels = channel_rows(session, {each for rule in rules for each in rule.channels})
    return Ground(checks, by_tag, channels, project_ids(session))


def warnings_of(ground: Ground, rule: RuleDefinition) -> list[str]:
    """Why this rule can never hold, or would tell nobody, a sentence each."""
    return [*_about_checks(ground, rule), *_about_channels(ground, rule)]


def nobody_is_told(session: Session, check: Check) -> bool:
    """Whether no enabled rule with a channel that works covers this check. In a session of its organization."""
    tags = check.definition.get("tags") or ()
    wanted: set[str] = set()
    for rule in rules_in_force(session):
        if ApplyTo.model_validate(rule.definition["apply_to"], context=STORED).covers(check.id, tags):
            wanted.update(rule.definition.get("channels") or ())
    return not working_channels(session, check.organization_id, sorted(wanted))


def matches_nothing(ground: Ground, apply_to: ApplyTo) -> str | None:
    """Why no check is meant; None when some are."""
    if ground.covered(apply_to):
        return None
    if apply_to.all:
        return "there is no monitor or journey yet"
    if apply_to.tags and not (apply_to.monitors or apply_to.journeys):
        return f"no monitor or journey has the tag {' or '.join(apply_to.tags[:5])}"
    if apply_to.monitors or apply_to.journeys:
        return "it applies to no check: those it names were deleted"
    return "apply_to names no monitors, journeys or tags, and not all: it applies to no check"


def quiets_nothing(ground: Ground, quieted: Quieted) -> str | None:
    """Why neither a check nor a project is meant; None when some are."""
    if ground.projects and (quieted.all or not ground.projects.isdisjoint(quieted.projects)):
        return None
    nothing = matches_nothing(ground, quieted)
    if nothing is None or not quieted.projects:
        return nothing
    return nothing if quieted.tags else "those that it names were deleted: it applies to nothing"


def _about_checks(ground: Ground, rule: RuleDefinition) -> list[str]:
    nothing = matches_nothing(ground, rule.apply_to)
    if nothing is not None:
        return [nothing]
    covered = ground.covered(rule.apply_to)
    lines = []
    most = max(check.locations for check in covered)
    if rule.min_locations > most:
        place = "location" if most == 1 else "locations"
        lines.append(
            f"min_locations is {rule.min_locations}, but no check it applies to has more than {most} {place}: "
            f"it can't be reached, and as many as can be measured have to agree instead"
        )
    pointless = rule.pointless_for(covered)
    return lines if pointless is None else [*lines, pointless]


def _about_channels(ground: Ground, rule: RuleDefinition) -> list[str]:
    if not rule.channels:
        return ["it names no channel: its alerts are listed, but nobody is told"]
    broken = []
    for channel_id in rule.channels:
        channel = ground.channels.get(channel_id)
        if channel is None or channel.deleted:
            broken.append(f"the channel {channel_id if channel is None else channel.name} was deleted")
        elif channel.disabled_reason is not None:
            broken.append(f"the channel {channel.name} is disabled: {channel.disabled_reason}")
    return [*broken, "none of its channels works: nobody is told"] if len(broken) == len(rule.channels) else broken
