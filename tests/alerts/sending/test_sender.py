"""The outbox is sent: at once, in order, to each receiver at its own pace, and never lost; time is virtual."""

from __future__ import annotations

import asyncio
from itertools import pairwise

import pytest
from sqlalchemy import select

from store import alert_channels as stored
from store.alert_tables import AlertChannel, Notice
from store.sessions import EVERY_ORGANIZATION
from store.write_lock import Urgency
from tests.alerts.sending.bench import KEYRING, Try, World


def test_what_is_put_in_the_outbox_goes_out_within_a_poll(world: World) -> None:
    channel_id, receiver = world.channel()

    async def story() -> None:
        await asyncio.sleep(0.3)
        world.alerts(3, channel_id)
        await asyncio.sleep(1.1)

    world.run(story)
    assert len(set(receiver.told())) == len(receiver.told()) == 3
    assert max(each.at_s for each in receiver.accepted) <= 1.3
    assert [each.id for each in receiver.accepted] == [row.id for row in world.notifications()]
    assert world.statuses(channel_id) == ["sent"] * 3


def test_failures_are_tried_again_as_planned(world: World) -> None:
    channel_id, receiver = world.channel()
    receiver.always(500)

    async def story() -> None:
        world.alerts(1, channel_id)
        await asyncio.sleep(118)

    world.run(story)
    gaps = [later.at_s - earlier.at_s for earlier, later in pairwise(receiver.tries)]
    assert all(0 <= gap - planned <= 1 for gap, planned in zip(gaps, [1, 5, 15, 30, 60], strict=True)), gaps
    [row] = world.notifications(channel_id)
    assert (row.status, row.attempts, row.status_code, row.last_error) == ("pending", 6, 500, "receiver answered 500")
    assert {each.id for each in receiver.tries} == {row.id}


def test_retry_after_holds_back_all_that_waits_for_the_channel(world: World) -> None:
    channel_id, receiver = world.channel("people")
    receiver.always(429, "90")

    async def story() -> None:
        world.alerts(2, channel_id)
        await asyncio.sleep(30)
        receiver.answer = None
        await asyncio.sleep(70)

    world.run(story)
    first, *rest = receiver.tries
    assert all(each.at_s >= first.at_s + 90 for each in rest)
    assert world.statuses(channel_id) == ["sent", "sent"]


@pytest.mark.parametrize("status", [400, 403, 404])
def test_an_answer_for_good_goes_to_the_dead_letter_at_once(world: World, status: int) -> None:
    channel_id, receiver = world.channel()
    other_id, other = world.channel()
    rule_id = world.rule(channel_id, other_id)
    receiver.always(status)

    async def story() -> None:
        world.alerts(1, channel_id, rule_id=rule_id)
        await asyncio.sleep(3)

    world.run(story)
    assert len(receiver.tries) == 1
    assert world.statuses(channel_id) == ["failed"]
    assert world.notices() == [("channel_failing", channel_id, False)]
    assert sorted(each.events for each in other.accepted) == [["alert.triggered"], ["notice"]]
    assert sorted(row.fallback for row in world.notifications(other_id)) == [False, True]


def test_a_channel_that_is_gone_is_disabled_and_owners_are_told(world: World) -> None:
    channel_id, receiver = world.channel("people")
    _, owners = world.channel()
    receiver.always(410)

    async def story() -> None:
        world.alerts(3, channel_id)
        await asyncio.sleep(5)
        world.alerts(1, channel_id)
        await asyncio.sleep(5)

    world.run(story)
    assert len(receiver.tries) == 1
    assert world.statuses(channel_id) == ["failed"] * 4
    assert "410" in str(world.stored_channel(channel_id).disabled_reason)
    assert all("disabled" in str(row.last_error) for row in world.notifications(channel_id)[1:])
    assert world.notices() == [("channel_disabled", channel_id, False)]
    assert [each.events for each in owners.accepted] == [["notice"]]


def test_after_two_minutes_owners_hear_of_a_channel_that_takes_nothing(world: World) -> None:
    channel_id, receiver = world.channel()
    _, owners = world.channel()
    receiver.always(503)

    async def story() -> None:
        world.alerts(1, channel_id)
        await asyncio.sleep(119)
        assert owners.tries == []
        await asyncio.sleep(5)
        assert [each.events for each in owners.accepted] == [["notice"]]
        receiver.answer = None
        await asyncio.sleep(900)

    world.run(story)
    assert world.statuses(channel_id) == ["sent"]
    assert world.notices() == [("channel_failing", channel_id, True)]


def test_channels_that_fail_at_once_are_told_to_the_others_in_one_message(world: World) -> None:
    failing = [world.channel(name=f"hook {number}") for number in range(3)]
    _, people = world.channel("people")
    for _, receiver in failing:
        receiver.always(503)

    async def story() -> None:
        for channel_id, _ in failing:
            world.alerts(1, channel_id)
            await asyncio.sleep(1)
        await asyncio.sleep(130)

    world.run(story)
    assert [each.events for each in people.accepted] == [["notice"] * 3]
    with world.database.read(EVERY_ORGANIZATION) as session:
        subjects = {notice.id: notice.subject for notice in session.scalars(select(Notice))}
        assert {notice.link for notice in session.scalars(select(Notice))} == {"https://tracer.example/alerts"}
    for channel_id, receiver in failing:
        told = {subjects[one] for each in receiver.tries if each.events == ["notice"] for one in each.alerts}
        assert channel_id not in told


def test_a_receiver_that_hangs_delays_no_other(world: World) -> None:
    hanging_ids = [world.channel(kind) for kind in ("people", "programs") * 3]
    for _, receiver in hanging_ids:
        receiver.hangs()
    healthy_id, healthy = world.channel()

    async def story() -> None:
        world.alerts(40, *(channel_id for channel_id, _ in hanging_ids))
        for _ in range(10):
            await asyncio.sleep(5)
            world.alerts(1, healthy_id)

    world.run(story)
    assert len(healthy.accepted) >= 9
    assert all(each.at_s % 5 <= 1.01 for each in healthy.accepted)


def test_a_later_event_takes_the_place_of_one_that_nobody_has_sent(world: World) -> None:
    channel_id, receiver = world.channel()
    receiver.always(500)

    async def story() -> None:
        [alert_id] = world.alerts(1, channel_id)
        await asyncio.sleep(3)
        world.tell(alert_id, "resolved", channel_id)
        receiver.answer = None
        await asyncio.sleep(3)

    world.run(story)
    assert [each.events for each in receiver.accepted] == [["alert.resolved"]]
    assert sorted(world.statuses(channel_id)) == ["replaced", "sent"]


def test_of_one_alert_nothing_overtakes_what_is_on_its_way(world: World) -> None:
    channel_id, receiver = world.channel()

    async def slow(seen: Try) -> tuple[int, str | None]:
        await asyncio.sleep(5 if seen.events == ["alert.triggered"] else 0)
        return 200, None

    receiver.answer = slow

    async def story() -> None:
        [alert_id] = world.alerts(1, channel_id)
        await asyncio.sleep(2)
        world.tell(alert_id, "resolved", channel_id)
        await asyncio.sleep(8)

    world.run(story)
    assert [each.events for each in receiver.accepted] == [["alert.triggered"], ["alert.resolved"]]
    assert world.statuses(channel_id) == ["sent", "sent"]


def test_a_channel_set_right_is_tried_at_once(world: World) -> None:
    """Whoever has mended an address does not wait for the next try; nor for the pause that its receiver asked for."""
    channel_id, receiver = world.channel()
    receiver.always(429, "7200")

    async def story() -> None:
        world.alerts(1, channel_id)
        await asyncio.sleep(60)
        receiver.answer = None
        with world.database.write(EVERY_ORGANIZATION, Urgency.PEOPLE) as session:
            stored.update_channel(
                session, KEYRING, session.get_one(AlertChannel, channel_id), name="mended",
                config={"key": channel_id, "address": "another"}, secret_fields=(), now_ms=world.clock.now_ms,
            )  # fmt: skip
        await asyncio.sleep(2)

    world.run(story)
    assert len(receiver.tries) == 2
    assert world.statuses(channel_id) == ["sent"]


@pytest.mark.parametrize("point", ["claimed", "sent", "recorded"])
@pytest.mark.parametrize("kind", ["people", "programs"])
def test_what_a_sender_that_dies_had_in_hand_is_sent_within_ten_seconds(world: World, kind: str, point: str) -> None:
    channel_id, receiver = world.channel(kind)
    died_s: list[float] = []

    def reached(at: str, _ids: object) -> None:
        if at == point:
            died_s.append(world.now_s)
            raise _DiedError

    async def story() -> None:
        dying = asyncio.create_task(world.sender("dying", may=lambda: not died_s, reached=reached).run())
        await asyncio.sleep(0.1)
        world.alerts(3, channel_id)
        await asyncio.sleep(1.5)
        assert died_s
        dying.cancel()
        other = world.sender("other")
        work = asyncio.create_task(other.run())
        await asyncio.sleep(12)
        other.stop()
        await work

    world.run(story, sends=False)
    assert world.statuses(channel_id) == ["sent"] * 3
    assert len(set(receiver.told())) == 3
    assert len(receiver.told()) - 3 <= (point == "sent") * 3, "repeats only of what was sent and not recorded"
    assert {each.id for each in receiver.tries} == {row.id for row in world.notifications()}
    assert max(each.at_s for each in receiver.accepted) <= died_s[0] + 10


def test_two_senders_send_nothing_twice(world: World) -> None:
    channels = [world.channel(kind) for kind in ("people", "programs", "programs")]

    async def lagging(_seen: Try) -> tuple[int, str | None]:
        await asyncio.sleep(0.7)
        return 200, None

    for _, receiver in channels:
        receiver.answer = lagging

    async def story() -> None:
        senders = [world.sender(f"sender-{number}") for number in range(2)]
        work = [asyncio.create_task(sender.run()) for sender in senders]
        for _ in range(10):
            world.alerts(8, *(channel_id for channel_id, _ in channels))
            await asyncio.sleep(0.5)
        await asyncio.sleep(60)
        for sender in senders:
            sender.stop()
        await asyncio.gather(*work)

    world.run(story, sends=False)
    for channel_id, receiver in channels:
        assert world.statuses(channel_id) == ["sent"] * 80
        assert len(receiver.told()) == len(set(receiver.told())) == 80


def test_a_sender_that_stops_records_what_it_is_sending(world: World) -> None:
    channel_id, receiver = world.channel()

    async def slow(_seen: Try) -> tuple[int, str | None]:
        await asyncio.sleep(2)
        return 200, None

    receiver.answer = slow

    async def story() -> None:
        world.alerts(1, channel_id)
        await asyncio.sleep(1.2)
        assert len(receiver.tries) == 1

    world.run(story)
    assert world.statuses(channel_id) == ["sent"]


def test_a_mistake_in_a_channel_loses_nothing(world: World) -> None:
    channel_id, receiver = world.channel()

    async def mistaken(_seen: Try) -> tuple[int, str | None]:
        raise ZeroDivisionError

    receiver.answer = mistaken

    async def story() -> None:
        world.alerts(1, channel_id)
        await asyncio.sleep(2.5)
        receiver.answer = None
        await asyncio.sleep(10)

    world.run(story)
    assert world.statuses(channel_id) == ["sent"]


class _DiedError(BaseException):
    """Nobody catches it by mistake."""
