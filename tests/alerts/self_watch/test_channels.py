"""A channel that delivers nothing is told through the others."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from alerts.self_watch import channels
from alerts.self_watch.watching import Watch
from store.notifications import enqueue
from store.sessions import EVERY_ORGANIZATION
from store.write_lock import Urgency
from tests.alerts.noticing import Owners
from tests.alerts.self_watch.conftest import Pass


@pytest.fixture
def watches() -> Sequence[Watch]:
    return (channels.WATCH,)


def put(owners: Owners, channel_id: str, number: int = 1) -> None:
    with owners.database.write(EVERY_ORGANIZATION, Urgency.RESULTS) as session:
        enqueue(
            session,
            organization_id=owners.organization,
            subject_id=f"ntc_{number:010}",
            event="notice",
            number=1,
            channel_ids=[channel_id],
            payload={"data": {"kind": "other", "resolved_at": None}},
            now_ms=owners.clock.now_ms,
        )


def goes_to(owners: Owners) -> set[str]:
    return {row.channel_id for row in owners.outbox() if row.payload["data"]["kind"].startswith("channel_")}


def test_mail_that_waits_for_two_minutes_is_told_elsewhere_until_some_is_delivered(
    owners: Owners, let_pass: Pass
) -> None:
    mail, chat = owners.channel("mail"), owners.channel("chat")
    put(owners, mail)
    owners.end_all(attempts=1, last_error="Connection\r\nrefused <!channel>.")
    let_pass(120)
    assert owners.open() == []
    let_pass(5)
    assert owners.open() == [("channel_failing", mail)]
    assert goes_to(owners) == {chat}
    message = owners.notices()[0].message
    assert message.startswith(
        "The channel mail (webhook) has delivered nothing since 2024-01-15 10:30:00 UTC, and messages wait for it. "
        "Last error: Connection refused <!channel>. They are tried again"
    )
    let_pass(60)
    assert owners.open() == [("channel_failing", mail)]
    owners.send_all()
    let_pass(5)
    assert owners.open() == []
    assert goes_to(owners) == {chat}
    assert owners.outbox()[-1].payload["data"]["message"] == "The channel mail (webhook) takes messages again"
    assert {row.payload["data"]["link"] for row in owners.outbox()[1:]} == {"https://tracer.example/alerts"}
    assert owners.notices()[0].message == message, "the list keeps what was wrong"


def test_channels_of_one_name_are_told_apart_by_their_ids(owners: Owners, let_pass: Pass) -> None:
    one, other = owners.channel("hook"), owners.channel("hook")
    for number, channel_id in enumerate((one, other)):
        put(owners, channel_id, number)
    owners.end_all(status="failed", attempts=1, last_error="404 Not Found")
    let_pass(5)
    said = {notice.subject: notice.message for notice in owners.notices()}
    for channel_id in (one, other):
        assert said[channel_id].startswith(f"The channel hook (webhook, {channel_id}) has delivered nothing")


def test_what_nobody_tried_to_send_is_not_the_channels_fault(owners: Owners, let_pass: Pass) -> None:
    put(owners, owners.channel())
    let_pass(310)
    assert owners.notices() == []


def test_a_slow_channel_that_delivers_in_between_is_well(owners: Owners, let_pass: Pass) -> None:
    mail = owners.channel("mail")
    for number in range(4):
        put(owners, mail, number)
        owners.end_all(attempts=1, last_error="busy")
        let_pass(120)
        owners.send_all()
    assert owners.notices() == []


def test_a_receiver_that_refuses_for_good_is_told_at_once_until_its_address_changes(
    owners: Owners, let_pass: Pass
) -> None:
    hook, chat = owners.channel("hook"), owners.channel("chat")
    put(owners, hook)
    owners.end_all(status="failed", attempts=1, last_error="404 Not Found")
    let_pass(5)
    assert owners.open() == [("channel_failing", hook)]
    let_pass(615)
    assert owners.open() == [("channel_failing", hook)], "nothing has shown that it works"
    owners.change(hook, updated_ms=owners.clock.now_ms)
    let_pass(5)
    assert owners.open() == []
    assert goes_to(owners) == {chat}


@pytest.mark.parametrize("change", ["enabled", "deleted"])
def test_a_channel_that_was_switched_off_is_told_elsewhere(owners: Owners, let_pass: Pass, change: str) -> None:
    hook, chat = owners.channel("hook"), owners.channel("chat")
    owners.change(hook, disabled_ms=owners.clock.now_ms, disabled_reason="it answered 410 Gone")
    let_pass(5)
    assert owners.open() == [("channel_disabled", hook)]
    assert goes_to(owners) == {chat}
    assert (
        "The channel hook (webhook) was switched off: it answered 410 Gone. Nothing is sent"
        in owners.notices()[0].message
    )
    if change == "enabled":
        owners.change(hook, disabled_ms=None, disabled_reason=None, updated_ms=owners.clock.now_ms)
    else:
        owners.change(hook, deleted_ms=owners.clock.now_ms)
    let_pass(5)
    assert owners.open() == []
    ended = "was deleted" if change == "deleted" else "was changed, and messages are sent to it again"
    owners.send_all()
    assert owners.outbox()[-1].payload["data"]["message"] == f"The channel hook (webhook) {ended}"
