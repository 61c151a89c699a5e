"""A notice is told once when it begins and once when it ends, however often it comes and goes."""

from __future__ import annotations

import threading
from itertools import pairwise

import pytest

from alerts.notices import QUIET_MS, raise_notice, resolve_notice, tell_of_past, tell_owed
from store.alert_tables import Notice
from store.sessions import EVERY_ORGANIZATION, Database
from store.write_lock import Urgency
from tests.alerts.noticing import Owners
from tests.conftest import Clock

MINUTE_MS = 60_000


@pytest.fixture
def owners(database: Database, clock: Clock, organization: str) -> Owners:
    return Owners(database, clock, organization)


def raise_it(owners: Owners, message: str = "No probe of eu is online", subject: str = "eu") -> Notice:
    with owners.database.write(EVERY_ORGANIZATION, Urgency.PEOPLE) as session:
        return raise_notice(
            session,
            owners.organization,
            kind="location_offline",
            subject=subject,
            severity="high",
            message=message,
            link="https://tracer.example/alerts",
            now_ms=owners.clock.now_ms,
        )


def resolve_it(owners: Owners, subject: str = "eu") -> None:
    with owners.database.write(owners.organization, Urgency.PEOPLE) as session:
        resolve_notice(
            session, owners.organization, kind="location_offline", subject=subject, now_ms=owners.clock.now_ms
        )


def told(owners: Owners) -> list[str]:
    owners.send_all()
    return [state for _, state in owners.told()]


def test_it_is_told_once_to_each_channel_and_once_more_when_it_is_over(owners: Owners, clock: Clock) -> None:
    channels = {owners.channel("one"), owners.channel("two")}
    notice = raise_it(owners)
    raise_it(owners, "Neither probe of eu is online")
    assert {row.channel_id for row in owners.outbox()} == channels
    first = owners.outbox()[0]
    assert (first.event, first.notice_id, first.alert_id) == ("notice", notice.id, None)
    assert first.payload == {
        "type": "notice",
        "timestamp": "2024-01-15T10:30:00.000Z",
        "data": {
            "id": notice.id,
            "at": "2024-01-15T10:30:00.000Z",
            "kind": "location_offline",
            "severity": "high",
            "message": "No probe of eu is online",
            "link": "https://tracer.example/alerts",
            "resolved_at": None,
        },
    }
    assert owners.notices()[0].message == "Neither probe of eu is online"
    owners.send_all()
    clock.advance(MINUTE_MS)
    resolve_it(owners)
    resolve_it(owners)
    assert owners.told() == [("location_offline", "open")] * 2 + [("location_offline", "resolved")] * 2
    assert owners.outbox()[-1].payload["data"]["resolved_at"] == "2024-01-15T10:31:00.000Z"
    assert owners.open() == []


def test_what_was_never_raised_can_be_resolved_without_harm(owners: Owners) -> None:
    resolve_it(owners)
    assert owners.notices() == []


def test_what_is_back_within_five_minutes_is_the_same_notice_and_told_later_if_it_stays(
    owners: Owners, clock: Clock
) -> None:
    owners.channel()
    first = raise_it(owners)
    clock.advance(MINUTE_MS)
    resolve_it(owners)
    clock.advance(MINUTE_MS)
    assert raise_it(owners).id == first.id
    assert told(owners) == ["resolved"], "the first was replaced before anybody sent it"
    assert owners.open() == [("location_offline", "eu")], "the list is always right"
    tell_owed(owners.database)
    assert told(owners) == ["resolved"]
    clock.advance(3 * MINUTE_MS)
    assert tell_owed(owners.database) == 1
    assert told(owners) == ["resolved", "open"]
    assert tell_owed(owners.database) == 0


def test_flapping_for_an_hour_is_at_most_one_message_of_each_kind_in_five_minutes(owners: Owners, clock: Clock) -> None:
    owners.channel()
    for _ in range(120):
        raise_it(owners)
        owners.send_all()
        clock.advance(15_000)
        tell_owed(owners.database)
        resolve_it(owners)
        owners.send_all()
        clock.advance(15_000)
        tell_owed(owners.database)
        owners.send_all()
    clock.advance(QUIET_MS)
    tell_owed(owners.database)
    owners.send_all()
    for wanted in ("open", "resolved"):
        at = [
            row.created_ms
            for row in owners.outbox()
            if ("resolved" if row.payload["data"]["resolved_at"] else "open") == wanted
        ]
        assert 2 <= len(at) <= 13
        assert all(later - earlier >= QUIET_MS for earlier, later in pairwise(at))
    assert told(owners)[-1] == "resolved"
    assert len(owners.notices()) == 1


def test_what_is_back_after_long_is_a_new_notice(owners: Owners, clock: Clock) -> None:
    owners.channel()
    first = raise_it(owners)
    owners.send_all()
    resolve_it(owners)
    clock.advance(QUIET_MS)
    second = raise_it(owners)
    assert second.id != first.id
    assert told(owners) == ["open", "resolved", "open"]


def test_it_goes_to_the_channels_chosen_and_never_to_the_one_it_is_about(owners: Owners, clock: Clock) -> None:
    chosen, other = owners.channel("chosen"), owners.channel("other")
    owners.channel("gone", deleted_ms=clock.now_ms)
    disabled = owners.channel("disabled", disabled_ms=clock.now_ms)

    def goes_to(subject: str) -> set[str]:
        notice = raise_it(owners, subject=subject)
        return {row.channel_id for row in owners.outbox() if row.notice_id == notice.id}

    assert goes_to("eu") == {chosen, other}
    assert goes_to(other) == {chosen}
    owners.choose(chosen)
    assert goes_to("us") == {chosen}
    assert goes_to(chosen) == {other}, "rather others than nobody"
    owners.choose(disabled)
    assert goes_to("asia") == {chosen, other}
    owners.choose()
    assert goes_to("mars") == set(), "nobody is to be told"


def test_what_is_over_already_is_told_once(owners: Owners, clock: Clock) -> None:
    owners.channel()
    for _ in range(2):
        with owners.database.write(EVERY_ORGANIZATION, Urgency.PEOPLE) as session:
            tell_of_past(
                session,
                owners.organization,
                kind="impaired",
                subject="2024-01-15T10:00:00.000Z",
                severity="medium",
                message="Tracer was away",
                link="https://tracer.example/alerts",
                between_ms=(clock.now_ms - 90_000, clock.now_ms - 30_000),
                now_ms=clock.now_ms,
            )
    assert owners.told() == [("impaired", "resolved")]
    assert owners.open() == []


@pytest.mark.parametrize("store", ["postgresql"], indirect=True)
def test_processes_that_see_the_same_at_once_raise_one_notice(owners: Owners) -> None:
    owners.channel()
    together = threading.Barrier(4)
    raised: list[str] = []

    def notice() -> None:
        together.wait()
        raised.append(raise_it(owners).id)

    threads = [threading.Thread(target=notice) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(raised) == 4
    assert len(set(raised)) == 1
    assert owners.told() == [("location_offline", "open")]
