"""One message to one channel, now and without the outbox: for people who try a channel."""

from __future__ import annotations

import asyncio
import time

from alerts.acknowledge_links import acknowledge_url
from alerts.channels.base import Channel, Delivered, Outgoing, Undelivered, Way
from alerts.messages.sample import sample_payload
from egress.door import Egress
from model.addresses import AddressPolicy, networks_of
from model.ids import new_id
from model.settings import Settings
from store.keyring import Keyring


def way_out(settings: Settings, keyring: Keyring) -> Way:
    """What channels send with; make it in the loop that sends."""
    return Way(
        egress=Egress(AddressPolicy(networks_of(settings.allow_nets))),
        public_url=settings.links_begin,
        acknowledge_url=lambda alert_id: acknowledge_url(
            keyring, settings.links_begin, alert_id, time.time_ns() // 1_000_000
        ),
        smtp_url=settings.smtp_url,
        smtp_from=settings.smtp_from,
    )


def send_test(
    channel: Channel, channel_id: str, channel_name: str, signing_secret: str | None, settings: Settings,
    keyring: Keyring, now_ms: int,
) -> tuple[Delivered | Undelivered, float]:  # fmt: skip
    """Send `alert.test` to a channel; what came of it, and how many ms it took."""
    outgoing = Outgoing(
        id=new_id("ntf", now_ms),
        channel_id=channel_id,
        payloads=(sample_payload(channel_name, now_ms),),
        at_s=now_ms // 1000,
        signing_secret=signing_secret,
    )

    async def send() -> Delivered:
        way = way_out(settings, keyring)
        return await channel.send(outgoing, way)

    began = time.perf_counter()
    answer: Delivered | Undelivered
    try:
        answer = asyncio.run(send())
    except Undelivered as error:
        answer = error
    return answer, (time.perf_counter() - began) * 1000
