"""Why was I (not) told: one answer a rule, and the same as what happened."""

from __future__ import annotations

import random

import pytest
from sqlalchemy import select

from alerts.backtest import backtest
from alerts.explaining import Explained, decisions_of, why
from alerts.notices import raise_notice
from alerts.rules.registry import RULES
from model.errors import ErrorCode
from model.notices import NoticeKind
from store.alert_tables import Alert, AlertRule
from store.sessions import EVERY_ORGANIZATION, Database
from store.tables import Check, Run
from store.write_lock import Urgency
from tests.alerts.alerting import STEP_MS, T0, add_channel, add_rule, alerts_of, record_one, run_of, tell_story
from tests.alerts.recording import add_check, manual, measured, not_run
from tests.alerts.test_quiet import mute, silence, window
from tests.conftest import Clock
from tests.scheduler.asked import watch


@pytest.fixture(autouse=True)
def at_t0(clock: Clock) -> None:
    clock.now_ms = T0


def explained(database: Database, check: str, at: int, location: str = "local") -> list[Explained]:
    with database.read(EVERY_ORGANIZATION) as session:
        wanted = select(Run).where(Run.check_id == check, Run.at_ms == T0 + at * STEP_MS, Run.location == location)
        return decisions_of(session, session.scalars(wanted).one())


def outcomes(database: Database, check: str, until: int) -> list[str]:
    return [
        outcome for at in range(until) for outcome in [each.outcome for each in explained(database, check, at)] or ["-"]
    ]


def test_each_failing_run_says_what_became_of_it(database: Database, organization: str) -> None:
    check = add_check(database, organization)
    add_rule(database, organization, threshold=3, channels=[add_channel(database, organization)])
    tell_story(database, organization, check, "+----+--")
    assert outcomes(database, check, 8) == ["-", "not_met", "not_met", "triggered", "joined", "-", "not_met", "not_met"]
    [alert] = alerts_of(database)
    [triggered] = explained(database, check, 3)
    assert triggered.alert_id == alert.id
    assert [each.alert_id for each in explained(database, check, 4)] == [alert.id]


def test_runs_that_say_nothing_say_why(database: Database, organization: str) -> None:
    check = add_check(database, organization)
    add_rule(database, organization, threshold=1)
    record_one(database, not_run(organization, check, T0, ErrorCode.NO_PROBE))
    record_one(database, manual(organization, check, T0 + STEP_MS, passed=False))
    assert [(each.outcome, each.detail) for each in explained(database, check, 0)] == [
        ("not_counted", "unknown: nobody ran it")
    ]
    assert explained(database, check, 1)[0].detail == "runs asked for by hand never alert anybody"


def test_what_was_withheld_says_by_what(database: Database, organization: str) -> None:
    silenced, planned, muted = (add_check(database, organization) for _ in range(3))
    add_rule(database, organization, threshold=1, channels=[add_channel(database, organization)])
    silence(database, organization, {"monitors": [silenced]}, 600)
    window(database, organization, apply_to={"monitors": [planned]}, starts_ms=T0, ends_ms=T0 + 60_000)
    mute(database, muted, muted_until="2124-01-15T10:30:00Z")
    for check in (silenced, planned, muted):
        tell_story(database, organization, check, "-")
    found = [explained(database, check, 0)[0] for check in (silenced, planned, muted)]
    assert [each.outcome for each in found] == ["silenced", "maintenance", "muted"]
    assert "deploy" in found[0].detail
    assert "2124" in found[2].detail


def test_while_an_alert_is_held_its_later_runs_say_by_what(database: Database, organization: str, clock: Clock) -> None:
    check = add_check(database, organization)
    add_rule(database, organization, threshold=1, channels=[add_channel(database, organization)])
    silence(database, organization, {"all": True}, 25)
    tell_story(database, organization, check, "+--")
    [_, second] = [explained(database, check, at)[0] for at in (1, 2)]
    assert second.outcome == "silenced"
    assert "nobody had been told" in second.detail
    clock.now_ms = T0 + 3 * STEP_MS
    watch(database)
    tell_story(database, organization, check, "-", after=4)
    assert [explained(database, check, at)[0].outcome for at in (2, 4)] == ["silenced", "joined"]


def test_a_run_that_passed_and_was_slow_says_that_it_raised_an_alert(database: Database, organization: str) -> None:
    check = add_check(database, organization)
    slow = add_rule(
        database, organization, "response_time", threshold=50, window=20, channels=[add_channel(database, organization)]
    )
    tell_story(database, organization, check, "+++")
    [alert] = alerts_of(database)
    with database.read(EVERY_ORGANIZATION) as session:
        run = session.get_one(Run, alert.run_ids[0])
        [said] = decisions_of(session, run)
        [open_now] = why(session, session.get_one(Check, check), T0 + 9 * STEP_MS)
    assert (said.outcome, said.rule_id, said.alert_id) == ("triggered", slow, alert.id)
    assert "on average" in said.detail
    assert open_now.alert_id == alert.id


def test_silence_that_raised_an_alert_is_explained_and_says_that_nobody_is_there(
    database: Database, organization: str, clock: Clock
) -> None:
    check = add_check(database, organization)
    add_rule(database, organization, "no_data", window=30, channels=[add_channel(database, organization)])
    tell_story(database, organization, check, "+")
    message = "No probe of the location local has been online since 10:30 UTC. Start one."
    with database.write(EVERY_ORGANIZATION, Urgency.PEOPLE) as session:
        raise_notice(
            session, organization, kind=NoticeKind.LOCATION_OFFLINE, subject="local", severity="high", message=message,
            link="/alerts", now_ms=T0,
        )  # fmt: skip
    clock.now_ms = T0 + 40_000
    watch(database)
    with database.read(EVERY_ORGANIZATION) as session:
        [said] = why(session, session.get_one(Check, check), clock.now_ms)
    assert said.outcome == "triggered"
    assert said.detail.startswith(
        "nothing was measured for 30 s at local; no probe of local has been online since 10:30 UTC; "
    )


def test_a_backtest_counts_every_event_of_a_webhook_and_digests_for_people(
    database: Database, organization: str
) -> None:
    check = add_check(database, organization, interval_ms=1_000)
    for at in range(40):
        record_one(database, measured(organization, check, T0 + at * 1_000, passed=at % 2 == 0))
    webhook, slack = (add_channel(database, organization, kind) for kind in ("webhook", "slack"))
    rule = {"type": "consecutive_failures", "name": "r", "threshold": 1, "channels": [webhook, slack]}
    definition = RULES["consecutive_failures"].model_validate({**rule, "apply_to": {"all": True}})
    with database.read(EVERY_ORGANIZATION) as session:
        found = backtest(session, organization, definition, T0, T0 + 60_000)
    assert len(found.alerts) == 20
    assert found.notices[webhook] == 39
    assert found.notices[slack] < 12


def test_a_second_location_that_is_wanted_is_named(database: Database, organization: str) -> None:
    check = add_check(database, organization, locations=("eu", "us"))
    add_rule(database, organization, threshold=1, min_locations=2)
    tell_story(database, organization, check, "+", location="us")
    tell_story(database, organization, check, "-", location="eu", after=1)
    assert explained(database, check, 1, "eu")[0].detail == "1 of 2 locations say so, 2 are needed"


def test_why_answers_for_an_instant(database: Database, organization: str) -> None:
    check = add_check(database, organization)
    add_rule(database, organization, threshold=2)
    tell_story(database, organization, check, "+--")
    with database.read(EVERY_ORGANIZATION) as session:
        found = session.get_one(Check, check)
        assert [each.outcome for each in why(session, found, T0 + STEP_MS + 5)] == ["not_met"]
        assert [each.outcome for each in why(session, found, T0 + 99 * STEP_MS)] == ["triggered"]
        assert why(session, found, T0 + 5) == []


@pytest.mark.parametrize("seed", range(4))
def test_explanations_and_backtests_agree_with_what_happened(database: Database, organization: str, seed: int) -> None:
    dice = random.Random(seed)
    places = ("eu", "us")
    check = add_check(database, organization, locations=places)
    fields = {"threshold": 2, "min_locations": dice.choice([1, 2]), "recovery_threshold": dice.choice([1, 2])}
    channel = add_channel(database, organization)
    rule = add_rule(database, organization, channels=[channel], **fields)
    told = [(at, place, dice.choice("++--")) for at in range(25) for place in places]
    dice.shuffle(told)
    for at, place, letter in told:
        record_one(database, run_of(organization, check, at, letter, location=place))
    alerts = [alert for alert in alerts_of(database) if not alert.retracted]
    triggers = {alert.at_ms for alert in alerts}
    for at, place, letter in told:
        found = explained(database, check, at, place)
        assert len(found) == (1 if letter == "-" else 0)
        if found and found[0].outcome == "triggered":
            triggers.discard(T0 + at * STEP_MS)
        if found and found[0].outcome in ("triggered", "joined"):
            assert found[0].alert_id in {alert.id for alert in alerts}
    assert triggers == set()
    with database.read(EVERY_ORGANIZATION) as session:
        definition = RULES["consecutive_failures"].model_validate(session.get_one(AlertRule, rule).definition)
        tried = backtest(session, organization, definition, T0, T0 + 25 * STEP_MS)
        stored = session.scalars(select(Alert).where(Alert.retracted.is_(False)).order_by(Alert.triggered_ms)).all()
        assert [(each.triggered_ms, each.resolved_ms, each.run_ids) for each in tried.alerts] == [
            (each.triggered_ms, each.resolved_ms, tuple(each.run_ids)) for each in stored
        ]
    assert tried.notices[channel] <= 2 * len(tried.alerts)
