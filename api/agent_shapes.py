"""Runs of agents and their events, as they are answered."""

from __future__ import annotations

from typing import Any

from model.times import iso
from telemetry.agents.stored.replaying import StoredEvent


def agent_event_shape(event: StoredEvent) -> dict[str, Any]:
    """An event as it is answered."""
    return {
        "seq": event.seq,
        "type": event.type,
        "timestamp": event.timestamp,
        "received_at": iso(event.received_ms),
        "idempotency_key": event.idempotency_key,
        "step": event.step,
        "payload": event.payload,
    }
