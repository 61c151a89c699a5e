"""The event `alert.test`: shaped like any other, so a receiver can be built against it, and saying that it is none."""

from __future__ import annotations

from typing import Any

from model.ids import new_id
from model.times import iso


def sample_payload(channel_name: str, now_ms: int) -> dict[str, Any]:
    """The body of a test of this channel."""
    at = iso(now_ms)
    return {
        "type": "alert.test",
        "timestamp": at,
        "data": {
            "alert": {
                "id": new_id("alr", now_ms),
                "status": "triggered",
                "severity": "low",
                "rule_id": None,
                "rule_name": "Test",
                "monitor_id": None,
                "title": f"Test of the channel {channel_name}",
                "cause": "Somebody asked Tracer to test this channel. Nothing is wrong, there is nothing to do.",
                "locations": [],
                "run_ids": [],
                "triggered_at": at,
                "acknowledged_at": None,
                "acknowledged_by": None,
                "resolved_at": None,
                "resolved_by": None,
                "notes": [],
                "since": at,
                "duration_s": None,
                "resolution": None,
                "needed": 1,
                "last_good_run": None,
                "also_affected": [],
            },
            "check": None,
            "run": None,
        },
    }
