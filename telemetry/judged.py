"""What rules on events are judged by, at one instant: those in force, what of theirs is open, what is quiet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import structlog
from pydantic import ValidationError
from sqlalchemy.orm import Session

from alerts.book import Book, InForce, book_of
from model.fields import STORED
from store.alert_rules import event_rules_in_force
from store.alert_tables import AlertRule
from store.firings import OpenGroup, open_groups, quiet_groups
from store.project_tables import Project
from store.projects import list_projects
from telemetry.queries import parse
from telemetry.rules import EventRule
from telemetry.stored.following import Followed

_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class RuleInForce:
    id: str
    organization_id: str
    rule: EventRule
    project: Project
    followed: Followed


@dataclass(frozen=True)
class Ground:
    """`number`: of the newest change to rules and quiet times that is in it. `opened`, `quiet`: by (rule, group)."""

    number: int
    rules: Sequence[RuleInForce]
    opened: Mapping[tuple[str, str], OpenGroup]
    quiet: Mapping[tuple[str, str], int]
    book: Book

    def around(self, rule: RuleInForce) -> InForce:
        """What else is in force in its organization."""
        return self.book.of(rule.organization_id)


def ground_of(session: Session, known: Ground | None, at_ms: int) -> Ground:
    """As things are. `known`: the one before, whose rules are the same as long as its number is. `at_ms`: what is quiet
    until then is not quiet any more. In a session of EVERY_ORGANIZATION."""
    book = book_of(session)
    rules = known.rules if known is not None and known.number == book.number else _rules(session)
    opened = {(group.rule_id, group.group_key): group for group in open_groups(session)}
    return Ground(book.number, rules, opened, quiet_groups(session, [rule.id for rule in rules], at_ms), book)


def event_rule(row: AlertRule) -> EventRule:
    """A stored rule."""
    definition = {name: value for name, value in row.definition.items() if name != "type"}
    return EventRule.model_validate(definition, context=STORED)


def _rules(session: Session) -> list[RuleInForce]:
    rows = event_rules_in_force(session)
    projects = {project.id: project for project in list_projects(session)} if rows else {}
    found = []
    for row in rows:
        try:
            rule = event_rule(row)
        except ValidationError as error:  # written by another version: the others are judged all the same
            _log.error("event_rule.unusable", rule_id=row.id, error=str(error))
            continue
        project = projects.get(rule.project)
        if project is not None:
            followed = Followed(project.number, parse(rule.query), rule.group_by, row.since_ms)
            found.append(RuleInForce(row.id, row.organization_id, rule, project, followed))
    return found
