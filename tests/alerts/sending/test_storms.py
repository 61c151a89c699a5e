"""Thousands of events within seconds: people get five notices, then a digest per 30 s; programs get each event."""

from __future__ import annotations

import asyncio
from itertools import pairwise

from alerts.sending.pace import GATHER_MS, SINGLES, WINDOW_MS, Turn, next_turn
from tests.alerts.sending.bench import World

MANY = 1_500


def test_a_storm_reaches_everybody_and_buries_nobody(world: World) -> None:
    people_id, people = world.channel("people")
    programs_id, programs = world.channel("programs")

    async def story() -> None:
        for _ in range(5):
            world.alerts(MANY // 5, people_id, programs_id)
            await asyncio.sleep(1)
        await asyncio.sleep(75)

    world.run(story)
    for receiver in (people, programs):
        assert len(receiver.told()) == len(set(receiver.told())) == MANY
    assert people.tries[0].at_s <= 10
    sizes = [len(each.alerts) for each in people.tries]
    assert sizes[:SINGLES] == [1] * SINGLES
    assert all(size > 1 for size in sizes[SINGLES:])
    assert all(later.at_s - earlier.at_s >= 1 for earlier, later in pairwise(people.tries))
    digests = people.tries[SINGLES:]
    assert all(later.at_s - earlier.at_s >= 30 for earlier, later in pairwise(digests))
    assert digests[-1].at_s <= 75
    assert all(len(each.alerts) == 1 for each in programs.tries)
    assert programs.tries[-1].at_s <= MANY / 50 + 5
    for each in programs.tries:
        in_a_second = sum(each.at_s <= other.at_s < each.at_s + 1 for other in programs.tries)
        assert in_a_second <= 101, "50 a second, and what a slow second before it left over"


def test_a_check_that_flaps_for_ten_minutes_is_a_digest_per_half_minute(world: World) -> None:
    channel_id, receiver = world.channel("people")
    told: list[str] = []

    async def story() -> None:
        for _ in range(120):
            told.extend(world.alerts(2, channel_id))
            await asyncio.sleep(5)
        await asyncio.sleep(65)

    world.run(story)
    assert sorted(receiver.told()) == sorted(told)
    assert len(receiver.tries) <= SINGLES + 600 / 30 + 3


def test_a_quiet_channel_is_told_singly_again(world: World) -> None:
    channel_id, receiver = world.channel("people")

    async def story() -> None:
        world.alerts(20, channel_id)
        await asyncio.sleep(100)
        world.alerts(1, channel_id)
        await asyncio.sleep(2)

    world.run(story)
    assert [len(each.alerts) for each in receiver.tries] == [1, 1, 1, 1, 1, 15, 1]


def test_digests_end_when_half_a_minute_brings_no_more_than_one_event(world: World) -> None:
    """What comes once in half a minute after a burst goes singly, and from the second on at once."""
    channel_id, receiver = world.channel("people")
    came: list[float] = []

    async def story() -> None:
        world.alerts(20, channel_id)
        for _ in range(6):
            await asyncio.sleep(31)
            came.append(world.now_s)
            world.alerts(1, channel_id)
        await asyncio.sleep(35)

    world.run(story)
    assert [len(each.alerts) for each in receiver.tries] == [1, 1, 1, 1, 1, 15, *[1] * 6]
    assert receiver.tries[6].at_s - receiver.tries[5].at_s >= 30
    late = [each.at_s - at_s for each, at_s in zip(receiver.tries[7:], came[1:], strict=True)]
    assert max(late) <= 1.1, late
    assert [row.grouped for row in world.notifications(channel_id)][-6:] == [False] * 6


def test_what_tracer_says_about_itself_makes_no_alert_wait(world: World) -> None:
    channel_id, receiver = world.channel("people")
    asked_s: list[float] = []
    alerts: list[str] = []

    async def story() -> None:
        for _ in range(6):
            world.say(2, channel_id)
            await asyncio.sleep(1)
        await asyncio.sleep(8)
        for _ in range(5):
            world.say(2, channel_id)
            asked_s.append(world.now_s)
            alerts.extend(world.alerts(1, channel_id))
            await asyncio.sleep(7)
        await asyncio.sleep(65)

    world.run(story)
    singly = [each for each in receiver.tries if each.events == ["alert.triggered"]]
    assert [each.alerts for each in singly] == [[alert_id] for alert_id in alerts]
    late = [each.at_s - at_s for each, at_s in zip(singly, asked_s, strict=True)]
    assert max(late) <= 2.1, late
    assert len(receiver.told()) == len(set(receiver.told())) == 27
    assert any(len(each.events) > 1 for each in receiver.tries), "notices among themselves"
    assert not any({"notice", "alert.triggered"} <= set(each.events) for each in receiver.tries)


def test_turns() -> None:
    second = 1_000
    assert next_turn([], [], 0) == Turn()
    four = [second * number for number in range(4)]
    assert next_turn(four, [], 4 * second) == Turn()
    five = [*four, 4 * second]
    assert next_turn(five, [], 5 * second) == Turn(wait_ms=GATHER_MS - second)
    assert next_turn(five, [], 4 * second + GATHER_MS) == Turn(grouped=True)
    assert next_turn(five, [], WINDOW_MS + second) == Turn(), "the first of them is forgotten"
    assert next_turn(five, [10 * second], 39 * second) == Turn(wait_ms=second)
    assert next_turn(five, [10 * second], 40 * second, gathered=2) == Turn(grouped=True)
    for came in (0, 1):
        assert next_turn(five, [10 * second], 40 * second, gathered=came) == Turn(), "the storm is over"
