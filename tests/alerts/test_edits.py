"""Edits of checks and rules end the alerts they make moot, with that reason; a rename does not."""

from __future__ import annotations

from typing import Any

import pytest

from alerts.edits import after_check_delete, after_check_edit, after_rule_delete, after_rule_edit, judges_otherwise
from store.alert_rules import delete_rule, update_rule
from store.alert_tables import Alert, AlertRule
from store.sessions import EVERY_ORGANIZATION, Database
from store.tables import Check
from store.write_lock import Urgency
from tests.alerts.alerting import T0, add_channel, add_rule, alerts_of, outbox, tell_story
from tests.alerts.recording import add_check

NOW = T0 + 100_000


def _edit_check(database: Database, check_id: str, **changes: Any) -> None:
    with database.write(EVERY_ORGANIZATION, Urgency.PEOPLE) as session:
        check = session.get_one(Check, check_id)
        old = dict(check.definition)
        check.definition = {**old, **changes}
        after_check_edit(session, check, old, NOW)


def _edit_rule(database: Database, rule_id: str, **changes: Any) -> None:
    with database.write(EVERY_ORGANIZATION, Urgency.PEOPLE) as session:
        rule = session.get_one(AlertRule, rule_id)
        old = dict(rule.definition)
        new = {**old, **changes}
        update_rule(session, rule, new, NOW, judges_anew=judges_otherwise(old, new))
        after_rule_edit(session, rule, old, NOW)


def _outage(database: Database, organization: str) -> tuple[str, str, str]:
    definition = {"name": "Shop", "url": "http://shop/", "tags": ["web"], "status": "active", "locations": ["local"]}
    check = add_check(database, organization, definition=definition)
    channel = add_channel(database, organization)
    rule = add_rule(database, organization, threshold=1, apply_to={"tags": ["web"]}, channels=[channel])
    tell_story(database, organization, check, "+-")
    return check, rule, channel


def _only(database: Database) -> Alert:
    [alert] = alerts_of(database)
    return alert


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"url": "http://other/"}, "n has another url"),
        ({"status": "paused"}, "n was paused"),
        ({"locations": ["eu"]}, "n has other locations"),
        ({"assertions": [{"type": "status_code"}]}, "n has other assertions"),
        ({"tags": ["other"]}, "rule a rule does not cover n any more"),
    ],
)
def test_an_edit_that_makes_another_check_of_it_resolves(
    database: Database, organization: str, changes: dict[str, Any], why: str
) -> None:
    check, _, channel = _outage(database, organization)
    _edit_check(database, check, **changes)
    alert = _only(database)
    assert (alert.status, alert.resolution, alert.resolved_by, alert.resolved_ms) == ("resolved", why, None, NOW)
    assert ("resolved", "pending", channel) in outbox(database)


@pytest.mark.parametrize(
    "changes",
    [{"name": "Other"}, {"interval": 5}, {"runbook_url": "http://wiki/"}, {"timeout": 5}, {"tags": ["web", "x"]}],
)
def test_a_rename_and_its_like_change_nothing(database: Database, organization: str, changes: dict[str, Any]) -> None:
    check, _, _ = _outage(database, organization)
    _edit_check(database, check, **changes)
    assert _only(database).status == "triggered"


def test_deleting_a_check_resolves(database: Database, organization: str) -> None:
    check_id, _, _ = _outage(database, organization)
    with database.write(EVERY_ORGANIZATION, Urgency.PEOPLE) as session:
        after_check_delete(session, session.get_one(Check, check_id), NOW)
    assert _only(database).resolution == "n was deleted"


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"threshold": 5}, "rule a rule has another threshold"),
        ({"enabled": False}, "rule a rule was disabled"),
        ({"apply_to": {"tags": ["other"]}}, "rule a rule does not cover this check any more"),
    ],
)
def test_a_rule_that_judges_otherwise_resolves_what_it_had_opened(
    database: Database, organization: str, changes: dict[str, Any], why: str
) -> None:
    _, rule, _ = _outage(database, organization)
    _edit_rule(database, rule, **changes)
    assert _only(database).resolution == why


@pytest.mark.parametrize(
    "changes", [{"name": "other"}, {"severity": "low"}, {"reminder_interval": 60}, {"channels": []}]
)
def test_what_a_rule_tells_and_whom_ends_no_alert(
    database: Database, organization: str, changes: dict[str, Any]
) -> None:
    _, rule, _ = _outage(database, organization)
    _edit_rule(database, rule, **changes)
    assert _only(database).status == "triggered"


def test_deleting_a_rule_resolves_and_its_channels_are_told(database: Database, organization: str) -> None:
    _, rule_id, channel = _outage(database, organization)
    with database.write(EVERY_ORGANIZATION, Urgency.PEOPLE) as session:
        rule = session.get_one(AlertRule, rule_id)
        delete_rule(session, rule, NOW)
        after_rule_delete(session, rule, NOW)
    assert _only(database).resolution == "rule a rule was deleted"
    assert ("resolved", "pending", channel) in outbox(database)


def test_a_stricter_rule_alerts_again_with_the_next_failure_not_with_old_ones(
    database: Database, organization: str
) -> None:
    check, rule, _ = _outage(database, organization)
    _edit_rule(database, rule, threshold=2)
    tell_story(database, organization, check, "-", after=9)  # due before the edit
    assert [alert.status for alert in alerts_of(database)] == ["resolved"]
    tell_story(database, organization, check, "-", after=11)
    assert [alert.status for alert in alerts_of(database)] == ["resolved", "triggered"]
