"""Results become alerts in the transaction that stores them, whatever order they come in."""

from __future__ import annotations

import os
import random

import pytest

from store.alert_tables import AlertRule
from store.sessions import EVERY_ORGANIZATION, Database
from store.write_lock import Urgency
from tests.alerts.alerting import (
    STEP_MS,
    add_channel,
    add_rule,
    alerts_of,
    outbox,
    record_one,
    run_of,
    tell_story,
    timeline,
)
from tests.alerts.recording import T0, add_check

SHUFFLED = int(os.environ.get("TRACER_TEST_SHUFFLED", "2000"))
"""Results of the large history; 100,000 by the environment."""


def test_a_rule_whose_name_would_be_refused_by_now_is_judged_all_the_same(
    database: Database, organization: str
) -> None:
    """A stored name is never judged again: a stricter rule for names must not stop the recording of results."""
    check = add_check(database, organization)
    rule_id = add_rule(database, organization, threshold=2)
    with database.write(EVERY_ORGANIZATION, Urgency.PEOPLE) as session:
        row = session.get_one(AlertRule, rule_id)
        row.definition = {**row.definition, "name": "bell \x07", "apply_to": {"all": True, "tags": ["bell \x07"]}}
    tell_story(database, organization, check, "--")
    assert [alert.status for alert in alerts_of(database)] == ["triggered"]


def test_the_third_failure_in_a_row_opens_one_alert_and_the_first_good_run_resolves_it(
    database: Database, organization: str
) -> None:
    check, channel = add_check(database, organization), add_channel(database, organization)
    add_rule(database, organization, threshold=3, channels=[channel])
    tell_story(database, organization, check, "+--")
    assert alerts_of(database) == []
    tell_story(database, organization, check, "--", after=3)
    [alert] = alerts_of(database)
    assert (alert.status, alert.check_id, alert.severity) == ("triggered", check, "high")
    assert alert.triggered_ms == T0 + 3 * STEP_MS + 105
    assert alert.cause == "status was 500 (3 runs in a row failed) at local"
    assert len(alert.run_ids) == 4
    assert outbox(database) == [("triggered", "pending", channel)]
    tell_story(database, organization, check, "+", after=5)
    [alert] = alerts_of(database)
    assert (alert.status, alert.resolved_by, alert.resolved_ms) == ("resolved", None, T0 + 5 * STEP_MS + 105)
    assert outbox(database) == [("triggered", "replaced", channel), ("resolved", "pending", channel)]
    assert timeline(database, alert) == ["triggered", "resolved"]


def test_a_second_outage_is_a_second_alert(database: Database, organization: str) -> None:
    check = add_check(database, organization)
    add_rule(database, organization, threshold=2)
    tell_story(database, organization, check, "--+--+-+")
    assert [alert.status for alert in alerts_of(database)] == ["resolved", "resolved"]


def test_results_of_a_check_that_no_rule_covers_raise_nothing(database: Database, organization: str) -> None:
    check = add_check(database, organization)
    add_rule(database, organization, threshold=1, apply_to={"tags": ["production"]})
    tell_story(database, organization, check, "----")
    assert alerts_of(database) == []


@pytest.mark.parametrize("seed", range(6))
def test_whatever_order_results_come_in_the_alerts_are_the_same(
    database: Database, organization: str, seed: int
) -> None:
    ordered, shuffled = add_check(database, organization), add_check(database, organization)
    add_rule(database, organization, threshold=2, recovery_threshold=2, name="in a row")
    add_rule(database, organization, "failure_rate", failures=3, runs=5, name="rate")
    dice = random.Random(seed)
    letters = "".join(dice.choice("++--+-") for _ in range(40))
    tell_story(database, organization, ordered, letters)
    runs = [run_of(organization, shuffled, at, letter) for at, letter in enumerate(letters)]
    dice.shuffle(runs)
    for start in range(0, len(runs), 3):
        record_one(database, *runs[start : start + 3])
    told: dict[str, list[tuple[object, ...]]] = {ordered: [], shuffled: []}
    for alert in alerts_of(database):
        if not alert.retracted:
            told[alert.check_id].append(
                (alert.rule_name, alert.at_ms, alert.triggered_ms, alert.recovered_ms, alert.resolved_ms, alert.status,
                 alert.votes, alert.needed, len(alert.run_ids))
            )  # fmt: skip
    assert sorted(told[ordered], key=repr) == sorted(told[shuffled], key=repr)
    assert told[ordered]


def test_a_large_history_shuffled_and_told_twice_ends_the_same(database: Database, organization: str) -> None:
    places = ("eu", "us")
    rules = [
        add_rule(database, organization, threshold=3, min_locations=2, name="both"),
        add_rule(database, organization, "failure_rate", failures=4, runs=8, name="rate"),
    ]
    length = 100
    pairs = [
        (add_check(database, organization, locations=places), add_check(database, organization, locations=places))
        for _ in range(max(1, SHUFFLED // (length * len(places))))
    ]
    dice = random.Random(11)
    ordered, shuffled = [], []
    for one, other in pairs:
        for place in places:
            letters = "".join(dice.choices("+-", weights=(3, 1 + 3 * (at // 20 % 2)))[0] for at in range(length))
            ordered += [run_of(organization, one, at, letter, location=place) for at, letter in enumerate(letters)]
            shuffled += [run_of(organization, other, at, letter, location=place) for at, letter in enumerate(letters)]
    ordered.sort(key=lambda done: done.at_ms)
    shuffled += dice.sample(shuffled, len(shuffled) // 10)
    dice.shuffle(shuffled)
    for told in (ordered, shuffled):
        for start in range(0, len(told), 100):
            record_one(database, *told[start : start + 100])
    found: dict[str, list[object]] = {}
    for alert in alerts_of(database):
        if not alert.retracted:
            found.setdefault(alert.check_id, []).append(
                (alert.rule_id, alert.at_ms, alert.triggered_ms, alert.recovered_ms, alert.resolved_ms, alert.status,
                 alert.votes, alert.needed, alert.cause, len(alert.run_ids))
            )  # fmt: skip
    print(f"{len(shuffled)} results, {sum(map(len, found.values()))} alerts")
    for one, other in pairs:
        assert sorted(found.get(one, ()), key=repr) == sorted(found.get(other, ()), key=repr)
    assert {alert.rule_id for alert in alerts_of(database)} == set(rules)
