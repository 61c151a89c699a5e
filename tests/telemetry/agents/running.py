"""Runs of agents that tests record."""

from __future__ import annotations

from typing import Any

from tests.api.client import Client

RUN = {"name": "Book a room", "agent": "scheduler", "session_id": "trace_1"}


def begin(client: Client, **fields: Any) -> dict[str, Any]:
    """A run, as it is answered."""
    answer = client("POST", "/api/traces", {**RUN, **fields})
    assert answer.status_code in (200, 201), answer.get_data(as_text=True)
    found: dict[str, Any] = answer.get_json()
    return found


def event(seq: int, kind: str = "log", **fields: Any) -> dict[str, Any]:
    """An event that fits after those of a lower `seq`."""
    return {
        "seq": seq, "type": kind, "timestamp": "2024-01-15T10:29:00.000Z", "idempotency_key": f"k{seq}", "payload": {},
        **fields,
    }  # fmt: skip


def append(client: Client, events: Any, *, to: str = "trace_1", status: int = 200) -> dict[str, Any]:
    """What is answered to an event or a batch."""
    answer = client("POST", f"/api/traces/{to}/events", events)
    assert answer.status_code == status, answer.get_data(as_text=True)
    found: dict[str, Any] = answer.get_json()
    return found


def replayed(client: Client, session_id: str = "trace_1", **query: Any) -> list[dict[str, Any]]:
    """All events of a run, page by page."""
    events: list[dict[str, Any]] = []
    after: int | None = 0
    while after is not None:
        wanted = "&".join(f"{name}={value}" for name, value in {"after_seq": after, **query}.items())
        page = client("GET", f"/api/traces/{session_id}/events?{wanted}").get_json()
        events += page["events"]
        after = page["next_after_seq"]
    return events
