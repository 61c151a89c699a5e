"""What the tests of channels send with, and what they send."""

from __future__ import annotations

import asyncio
from typing import Any

from alerts.channels.base import Channel, Delivered, Outgoing, Undelivered, Way
from alerts.channels.registry import CHANNELS
from alerts.channels.webhook import new_signing_secret
from egress.door import Egress
from model.addresses import AddressPolicy, networks_of

LOOPBACK = ("127.0.0.0/8", "::1/128")
PUBLIC_URL = "https://tracer.example"
SECRET = new_signing_secret()


def payload(event: str = "triggered", **alert: Any) -> dict[str, Any]:
    """A webhook body as alerts/payload.py makes it."""
    resolved = event == "resolved"
    return {
        "type": f"alert.{event}",
        "timestamp": "2024-01-15T10:33:00.000Z",
        "data": {
            "alert": {
                "id": "alr_01hm6aqh20abcdefghjk",
                "status": "resolved" if resolved else "triggered",
                "severity": "critical",
                "rule_id": "rule_01hm6aqh20abcdefghjk",
                "rule_name": "Three in a row",
                "monitor_id": "mon_01hm6aqh20abcdefghjk",
                "journey_id": None,
                "title": "Shop is down",
                "cause": "3 failed runs in a row at eu-west",
                "locations": ["eu-west", "us-east"],
                "run_ids": ["run_1", "run_2", "run_3"],
                "triggered_at": "2024-01-15T10:32:00.000Z",
                "acknowledged_at": None,
                "acknowledged_by": None,
                "resolved_at": "2024-01-15T10:33:00.000Z" if resolved else None,
                "resolved_by": None,
                "resolution": "it recovered at eu-west" if resolved else None,
                "notes": [],
                "since": "2024-01-15T10:30:00.000Z",
                "duration_s": 180 if resolved else None,
                "needed": 2,
                "last_good_run": {"id": "run_0", "at": "2024-01-15T10:29:00.000Z"},
                "also_affected": [{"id": "mon_2", "name": "Checkout"}],
                **alert,
            },
            "check": {
                "id": "mon_01hm6aqh20abcdefghjk",
                "name": "Shop",
                "type": "url",
                "target": "https://shop.example/",
                "tags": ["production"],
                "locations": ["eu-west", "us-east"],
                "runbook_url": "https://wiki.example/shop",
                "description": "The shop's front page",
                "health": "down",
            },
            "run": {
                "id": "run_3",
                "status": "failed",
                "location": "eu-west",
                "started_at": "2024-01-15T10:32:00.000Z",
                "duration_ms": 31.5,
                "error": {"code": "connect_refused", "message": "the connection was refused"},
                "response": None,
                "failed_step": None,
            },
        },
    }


def way(allow: tuple[str, ...] = LOOPBACK, **settings: Any) -> Way:
    return Way(
        egress=Egress(AddressPolicy(networks_of(allow))),
        public_url=PUBLIC_URL,
        acknowledge_url=lambda alert_id: f"{PUBLIC_URL}/ack/{alert_id}.signed",
        **settings,
    )


def channel(kind: str, **config: Any) -> Channel:
    return CHANNELS[kind].model_validate(config)


def send(
    target: Channel,
    *payloads: dict[str, Any],
    allow: tuple[str, ...] = LOOPBACK,
    notification_id: str = "ntf_00000000000000000000000a",
    at_s: int = 1_705_314_780,
    **settings: Any,
) -> Delivered | Undelivered:
    """What came of sending it."""

    async def work() -> Delivered | Undelivered:
        outgoing = Outgoing(notification_id, "chan_1", payloads or (payload(),), at_s, SECRET)
        try:
            return await target.send(outgoing, way(allow, **settings))
        except Undelivered as error:
            return error

    return asyncio.run(work())
