"""A rule on events with as many open alerts as it may have is told to owners, until there is room again."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from sqlalchemy import select

from alerts.self_watch import full_rules
from alerts.self_watch.watching import Watch, Watching
from model.ids import new_id
from store.alert_tables import Alert
from store.sessions import EVERY_ORGANIZATION, Database
from store.write_lock import Urgency
from tests.alerts.noticing import Owners
from tests.conftest import Clock


@pytest.fixture
def watches() -> Sequence[Watch]:
    return (full_rules.WATCH,)


def open_groups(database: Database, organization: str, first: int, count: int) -> None:
    with database.write(EVERY_ORGANIZATION, Urgency.PEOPLE) as session:
        session.add_all(
            Alert(
                id=new_id("alr", 1), organization_id=organization, rule_id="rule_000001", rule_name="Errors",
                check_id="proj_000001", group_key=f"k{number}", severity="high", status="triggered", title="t",
                cause="c", votes={}, needed=1, run_ids=[], at_ms=number, triggered_ms=number, notes=[],
            )
            for number in range(first, first + count)
        )  # fmt: skip


def close_groups(database: Database, below: int) -> None:
    with database.write(EVERY_ORGANIZATION, Urgency.PEOPLE) as session:
        for alert in session.scalars(select(Alert).where(Alert.at_ms < below)):
            alert.resolved_ms = 1


def test_owners_are_told_once_that_it_is_full_and_once_that_there_is_room(
    owners: Owners, watching: Watching, database: Database, organization: str, clock: Clock
) -> None:
    owners.channel()
    open_groups(database, organization, 0, 499)
    watching(database)
    assert owners.told() == []
    open_groups(database, organization, 499, 1)
    watching(database)
    assert owners.told() == [("rule_full", "open")]
    assert owners.notices()[0].message.startswith("The rule Errors has 500 open alerts")
    close_groups(database, 40)
    clock.advance(60_000)
    watching(database)
    assert owners.open() == [("rule_full", "rule_000001")]
    close_groups(database, 60)
    clock.advance(60_000)
    watching(database)
    assert owners.open() == []
    assert owners.told()[-1] == ("rule_full", "resolved")
