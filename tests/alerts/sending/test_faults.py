"""Three virtual days of receivers that fail in every way: what is not delivered stands in the dead letter."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable

import pytest

from alerts.channels.base import Undelivered
from tests.alerts.sending.bench import Try, World

HOUR = 3600.0
Answer = Callable[[Try], Awaitable[tuple[int, str | None]]]


def until(hours: float, world: World, before: Answer) -> Answer:
    """That fault for so many hours, then all is well."""

    async def answer(seen: Try) -> tuple[int, str | None]:
        return await before(seen) if world.now_s < hours * HOUR else (200, None)

    return answer


def status(code: int, retry_after: str | None = None) -> Answer:
    async def answer(_seen: Try) -> tuple[int, str | None]:
        return code, retry_after

    return answer


async def hang(_seen: Try) -> tuple[int, str | None]:
    await asyncio.sleep(15)
    raise Undelivered("the receiver did not answer within 15 s")


async def refused(_seen: Try) -> tuple[int, str | None]:
    raise Undelivered("the receiver could not be reached: Connection refused")


def fickle(seed: int) -> Answer:
    """Anything at any time."""
    dice = random.Random(seed)

    async def answer(seen: Try) -> tuple[int, str | None]:
        kinds = (status(500), status(429, "1800"), hang, refused, status(503, "30"), status(302), status(200))
        return await dice.choice(kinds)(seen)

    return answer


@pytest.mark.timeout(180)
def test_three_days_of_faults_drop_nothing_silently(world: World) -> None:
    faults: dict[str, Answer] = {
        "500 for all of 72 hours and longer": status(500),
        "500 for a day": until(24, world, status(500)),
        "hangs for a day": until(24, world, hang),
        "refuses connections for 71 hours": until(71, world, refused),
        "429 for a day": until(24, world, status(429, "7200")),
        "410": status(410),
        "404": status(404),
        "anything, for two days": until(48, world, fickle(1)),
        "nothing": status(200),
    }
    made = {}
    for number, (name, answer) in enumerate(faults.items()):
        channel_id, receiver = world.channel("people" if number % 2 else "programs", name)
        receiver.answer = answer
        made[name] = channel_id, receiver
    everybody = [channel_id for channel_id, _ in made.values()]
    rule_id = world.rule(*everybody)
    told: list[str] = []

    async def story() -> None:
        for count in (2, 1, 1):
            told.extend(alerts := world.alerts(count, *everybody, rule_id=rule_id))
            if count == 2:
                world.tell(alerts[0], "resolved", *everybody)
            await asyncio.sleep(4 * HOUR)
        await asyncio.sleep(70 * HOUR)

    world.run_for_days(story)
    for name, (channel_id, receiver) in made.items():
        rows = [row for row in world.notifications(channel_id) if row.alert_id is not None]
        assert {row.alert_id for row in rows if row.status != "replaced"} == set(told), name
        assert {row.status for row in rows} <= {"sent", "failed", "replaced"}, name
        for row in rows:
            assert row.status != "failed" or row.last_error, name
            later = [other.status for other in rows if other.alert_id == row.alert_id and other.id != row.id]
            assert row.status != "replaced" or later in (["sent"], ["failed"]), name
        sent = [str(row.alert_id) for row in rows if row.status == "sent"]
        accepted = [alert_id for alert_id in receiver.told() if alert_id.startswith("alr_")]
        assert sorted(accepted) == sorted(sent), f"{name}: what is called sent was accepted, once"

    def states(name: str) -> set[str]:
        return {row.status for row in world.notifications(made[name][0]) if row.alert_id is not None} - {"replaced"}

    for name in faults:
        for_good = name.startswith(("500 for all", "410", "404"))
        assert states(name) == ({"failed"} if for_good else {"sent"}), name
    noticed = {(kind, subject) for kind, subject, _ in world.notices()}
    for name, (channel_id, _) in made.items():
        kind = "channel_disabled" if name == "410" else "channel_failing"
        assert ((kind, channel_id) in noticed) == (name != "nothing"), name
