"""A world for tests of alerting: rules, channels, and a story told as letters.

`story(world, "+--+")`: a check that passed, failed twice and passed again, a run every ten seconds at one location.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import select

from alerts.book import rule_of
from alerts.evaluation import evaluate
from alerts.record import record
from alerts.rules.registry import RULES
from alerts.state import CheckState, Facts, Rule
from model.finished import Finished
from model.ids import new_id
from model.points import Point
from store.alert_rules import create_rule
from store.alert_tables import Alert, AlertChannel, AlertEvent, AlertRule, Notification
from store.sessions import EVERY_ORGANIZATION, Database
from store.write_lock import Urgency
from tests.alerts.recording import T0, measured

STEP_MS = 10_000


def rule(kind: str = "consecutive_failures", **fields: Any) -> Rule:
    """A rule in force since ever, covering everything."""
    fields.setdefault("name", "a rule")
    fields.setdefault("apply_to", {"all": True})
    return Rule("rule_000001", 0, RULES[kind].model_validate({"type": kind, **fields}))


def facts(*locations: str, interval_ms: int | None = STEP_MS) -> Facts:
    return Facts(locations=locations or ("eu",), interval_ms=interval_ms, since_ms=T0)


def point(at: int, *, failed: bool = False, location: str = "eu", fresh_steps: float = 5, **fields: Any) -> Point:
    """The run due `at` steps after T0."""
    at_ms = T0 + at * STEP_MS
    shown = {"error_code": "assertion_failed", "error_message": "status was 500"} if failed else {}
    return Point(
        run_id=f"run_{location}{at}{'c' if fields.get('confirm') else ''}", location=location, at_ms=at_ms,
        ended_ms=at_ms + 100, failed=failed, fresh_until_ms=at_ms + round(fresh_steps * STEP_MS),
        **{"duration_ms": 100.0, **shown, **fields},
    )  # fmt: skip


def points(*stories: tuple[str, str]) -> list[Point]:
    """("eu", "+-- -"): a letter a step: + passed, - failed, m failed in maintenance, blank: nothing was measured."""
    found = [
        point(at, failed=letter in "-m", location=location, maintenance=letter == "m")
        for location, letters in stories
        for at, letter in enumerate(letters)
        if letter != " "
    ]
    return sorted(found, key=lambda each: each.order)


def fold(told: Sequence[Point], rules: Sequence[Rule], about: Facts) -> CheckState:
    """The state after all of these points."""
    state = CheckState()
    for each in told:
        evaluate(state, each, rules, about)
    return state


def spans(state: CheckState, of: Rule) -> list[tuple[int, int | None]]:
    """(step at which it opened, step at which it ended) of each alert."""
    return [
        (
            (alert.at_ms - T0) // STEP_MS,
            None if alert.ended_by is None else (alert.ended_by.at_ms - T0) // STEP_MS,
        )
        for alert in state.rules[of.id].alerts
    ]


def add_channel(database: Database, organization_id: str, kind: str = "webhook", name: str | None = None) -> str:
    """A channel with nowhere to send to; its id."""
    channel_id = new_id("chan", T0)
    with database.write(EVERY_ORGANIZATION, Urgency.PEOPLE) as session:
        session.add(
            AlertChannel(
                id=channel_id, organization_id=organization_id, type=kind, name=name or kind, config={}, created_ms=T0,
                updated_ms=T0,
            )
        )  # fmt: skip
    return channel_id


def add_rule(database: Database, organization_id: str, kind: str = "consecutive_failures", **fields: Any) -> str:
    """A stored rule in force since ever; its id."""
    fields.setdefault("name", "a rule")
    fields.setdefault("apply_to", {"all": True})
    definition = RULES[kind].model_validate({"type": kind, **fields}).model_dump(mode="json")
    with database.write(EVERY_ORGANIZATION, Urgency.PEOPLE) as session:
        return create_rule(session, organization_id, definition, 0).id


def stored_rule(database: Database, rule_id: str) -> Rule:
    with database.read(EVERY_ORGANIZATION) as session:
        return rule_of(session.get_one(AlertRule, rule_id))


def tell_story(
    database: Database, organization_id: str, check_id: str, letters: str, *, location: str = "local", after: int = 0
) -> None:
    """Record a run a letter, each in a transaction of its own, at the time at which it ends."""
    for at, letter in enumerate(letters, start=after):
        if letter != " ":
            record_one(database, run_of(organization_id, check_id, at, letter, location=location))


def run_of(organization_id: str, check_id: str, at: int, letter: str, *, location: str = "local") -> Finished:
    return measured(organization_id, check_id, T0 + at * STEP_MS, passed=letter == "+", location=location)


def record_one(database: Database, *done: Finished) -> None:
    with database.write(EVERY_ORGANIZATION, Urgency.RESULTS) as session:
        record(session, done, max(each.completed_ms or each.at_ms for each in done))


def alerts_of(database: Database) -> list[Alert]:
    with database.read(EVERY_ORGANIZATION) as session:
        return list(session.scalars(select(Alert).order_by(Alert.at_ms, Alert.id)))


def timeline(database: Database, alert: Alert) -> list[str]:
    with database.read(EVERY_ORGANIZATION) as session:
        wanted = select(AlertEvent.kind).where(AlertEvent.alert_id == alert.id).order_by(AlertEvent.number)
        return list(session.scalars(wanted))


def outbox(database: Database) -> list[tuple[str, str, str]]:
    """(event, status, channel) of all that was to be told, in order."""
    with database.read(EVERY_ORGANIZATION) as session:
        found = session.scalars(select(Notification).order_by(Notification.created_ms, Notification.event))
        return [(row.event, row.status, row.channel_id) for row in found]
