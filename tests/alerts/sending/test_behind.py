"""A notice names the error behind its alert, as far as it has arrived when it is sent; and never waits for it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError

from alerts.channels.base import Delivered, Outgoing, Way
from alerts.channels.slack import _message
from alerts.messages.html import html
from alerts.messages.links import with_links
from alerts.messages.plain import plain
from alerts.messages.told import told
from alerts.sending import sender as sending
from store.outbox import Claimed
from tests.alerts.channels.bench import payload
from tests.alerts.sending.bench import ForPrograms, World

ISSUE = {
    "id": "iss_0000002v", "title": "KeyError: <b>'sku'</b>", "culprit": "buy (shop.py)", "level": "error", "count": 3,
    "first_seen": "2024-01-15T10:29:30.000Z", "first_release": "shop@1.4.2",
}  # fmt: skip


def with_issue(event: str = "triggered", **changed: Any) -> dict[str, Any]:
    body = payload(event)
    return {**body, "data": {**body["data"], "issue": {**ISSUE, **changed}}}


def test_people_read_the_error_and_the_release_it_first_came_in() -> None:
    event = told(with_issue(), "https://tracer.example", lambda _: None)
    assert ("Error behind it", "KeyError: <b>'sku'</b> (first in shop@1.4.2)") in event.facts
    assert ("Issue", "https://tracer.example/issues/iss_0000002v") in event.links
    assert "shop@1.4.2" in plain(event)
    assert "&lt;b&gt;" in html(event)
    assert "<b>" not in html(event)
    assert "shop@1.4.2" in str(_message(event, "ntf_1"))


def test_one_that_no_release_is_known_of_says_since_when() -> None:
    event = told(with_issue(first_release=None), "https://tracer.example", lambda _: None)
    assert dict(event.facts)["Error behind it"].endswith("(first seen 2024-01-15 10:29:30 UTC)")


def test_with_no_error_nothing_is_said_of_one() -> None:
    event = told(payload(), "https://tracer.example", lambda _: None)
    assert "Error behind it" not in dict(event.facts)
    assert "Issue" not in dict(event.links)


def test_programs_get_the_issue_with_its_link() -> None:
    issue = with_links(with_issue(), "https://tracer.example")["data"]["issue"]
    assert issue == {**ISSUE, "url": "https://tracer.example/issues/iss_0000002v"}


@pytest.fixture
def bodies(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What was sent."""
    found: list[dict[str, Any]] = []
    send = ForPrograms.send

    async def noted(self: ForPrograms, outgoing: Outgoing, way: Way) -> Delivered:
        found.extend(outgoing.payloads)
        return await send(self, outgoing, way)

    monkeypatch.setattr(ForPrograms, "send", noted)
    return found


def send_one(world: World, behind: Any) -> str:
    channel_id, _ = world.channel()

    async def story() -> None:
        sender = world.sender(behind=behind)
        work = asyncio.create_task(sender.run())
        world.alerts(1, channel_id)
        await asyncio.sleep(3)
        sender.stop()
        await work

    world.loop.run_until_complete(story())
    return channel_id


def test_it_is_looked_up_as_the_notice_is_sent(world: World, bodies: list[dict[str, Any]]) -> None:
    asked: list[tuple[str, Sequence[str]]] = []

    def behind(organization_id: str, run_ids: Sequence[str]) -> dict[str, Any]:
        asked.append((organization_id, run_ids))
        return ISSUE

    channel_id = send_one(world, behind)
    assert asked == [(world.organization, ["run_1", "run_2", "run_3"])]
    assert [body["data"]["issue"] for body in bodies] == [ISSUE]
    assert world.statuses(channel_id) == ["sent"]


def test_a_store_that_is_away_holds_up_nobody(world: World, bodies: list[dict[str, Any]]) -> None:
    def behind(_organization_id: str, _run_ids: Sequence[str]) -> dict[str, Any]:
        raise OperationalError("SELECT", {}, Exception("gone"))

    assert world.statuses(send_one(world, behind)) == ["sent"]
    assert [body["data"].get("issue") for body in bodies] == [None]


def test_a_store_that_is_slow_holds_up_nobody(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the true clock: the virtual one waits for threads."""
    never = threading.Event()
    monkeypatch.setattr(sending, "BEHIND_S", 0.01)
    waiting = Claimed("ntf_1", world.organization, "alr_1", "triggered", 1, 0, 0, 0, payload())

    def behind(_organization_id: str, _run_ids: Sequence[str]) -> dict[str, Any]:
        never.wait(20)
        return ISSUE

    async def story() -> tuple[dict[str, Any], ...]:
        return await world.sender(behind=behind)._payloads([waiting])

    try:
        assert asyncio.run(story()) == (payload(),)
    finally:
        never.set()
