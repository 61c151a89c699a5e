"""What every channel does alike: it tells of a beginning and an end, and says truly what came of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from alerts.channels.base import Channel, Delivered, Undelivered
from alerts.channels.registry import CHANNELS
from tests.alerts.channels.bench import channel, payload, send
from tests.alerts.channels.http_sink import http_sink
from tests.alerts.channels.mail_sink import mail_sink
from tests.system.processes import free_port


@dataclass
class Receiver:
    """A channel with a receiver behind it. `texts`: what arrived, as text. `refuse`: make it refuse for good.
    `unreachable`: the same channel where nobody listens."""

    channel: Channel
    texts: Callable[[], list[str]]
    refuse: Callable[[], None]
    unreachable: Channel
    settings: dict[str, Any]
    unreachable_settings: dict[str, Any]


def _over_http(kind: str, config: Callable[[int], dict[str, Any]]) -> Iterator[Receiver]:
    with http_sink() as sink:
        yield Receiver(
            channel(kind, **config(sink.port)),
            lambda: [received.body.decode() for received in sink.received],
            lambda: sink.always(403),
            channel(kind, **config(free_port())),
            {},
            {},
        )


def _email() -> Iterator[Receiver]:
    with mail_sink() as sink:

        def refuse() -> None:
            sink.reply = "554 no"

        mailbox = channel("email", recipients=["ops@example.com"])
        yield Receiver(
            mailbox,
            lambda: [
                f"{message['Subject']} {message.get_body(('plain',)).get_content()}"  # type: ignore[union-attr]
                for message in sink.received
            ],
            refuse,
            mailbox,
            {"smtp_url": f"smtp://127.0.0.1:{sink.port}"},
            {"smtp_url": f"smtp://127.0.0.1:{free_port()}"},
        )


RECEIVERS: dict[str, Callable[[], Iterator[Receiver]]] = {
    "slack": lambda: _over_http("slack", lambda port: {"webhook_url": f"http://127.0.0.1:{port}/hook"}),
    "webhook": lambda: _over_http("webhook", lambda port: {"url": f"http://127.0.0.1:{port}/hook"}),
    "apprise": lambda: _over_http("apprise", lambda port: {"url": f"ntfy://127.0.0.1:{port}/alerts"}),
    "email": _email,
}


@pytest.fixture(params=sorted(CHANNELS))
def receiver(request: pytest.FixtureRequest) -> Iterator[Receiver]:
    yield from RECEIVERS[request.param]()


def test_beginning_and_end_arrive_once_each_and_make_sense_alone(receiver: Receiver) -> None:
    for event in ("triggered", "resolved"):
        answer = send(receiver.channel, payload(event), **receiver.settings)
        assert isinstance(answer, Delivered), answer
        assert answer.status_code in (200, 250, None)
    beginning, end = receiver.texts()
    for said in ("Shop", "3 failed runs in a row", "eu-west"):
        assert said in beginning
        assert said in end
    assert "10:30:00" in beginning
    assert "https://wiki.example/shop" in beginning


def test_a_receiver_that_refuses_is_told_apart(receiver: Receiver) -> None:
    receiver.refuse()
    answer = send(receiver.channel, **receiver.settings)
    assert isinstance(answer, Undelivered)
    if receiver.channel.type != "apprise":  # apprise says yes or no and no more
        assert answer.permanent
        assert answer.status_code in (403, 554)


def test_a_receiver_that_is_not_there_may_come_back(receiver: Receiver) -> None:
    answer = send(receiver.unreachable, **receiver.unreachable_settings)
    assert isinstance(answer, Undelivered)
    assert not answer.permanent
