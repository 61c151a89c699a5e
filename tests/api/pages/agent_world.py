"""Runs of agents for pages: one that loops on a tool and then fails, and what can be said of any."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from model.times import iso
from tests.api.client import Client
from tests.telemetry.agents.recorded import (
    START_MS,
    Said,
    asks,
    calls,
    ends,
    fails,
    goes_wrong,
    says,
    stands,
    thinks,
    told,
)
from tests.telemetry.agents.running import append, begin

RUN = "/agents/trace_1"
ROOM = {"day": "Monday"}
LOOP: list[Said] = [
    asks("Find me a room"),
    stands(goal="a room", attempts=0, filters={"seats": 6}),
    *[each for _ in range(5) for each in (calls("search", ROOM), told("search", "no rooms free"))],
    stands(goal="a room", attempts=5, filters={"seats": 4}),
    thinks("I give up", usage={"input_tokens": 1200, "output_tokens": 34, "cost_usd": 0.0048}, latency_ms=1830),
    fails("book", "HTTP 503 from upstream"),
    goes_wrong("Connection reset", stack="at book()"),
    ("log", {"level": "warning", "message": "slow"}),
    ("screenshot", {"artifact_id": "art_01hm6aqh20z1g8qzwtkn10", "caption": "The form"}),
    says("There is none."),
    ends("failed", reason="gave up"),
]  # fmt: skip
CRITICAL = 3
"""Where the loop begins."""


def sent(said: Sequence[Said], *, after: int = 0, gap_ms: int = 1_300) -> list[dict[str, Any]]:
    """As they are sent, one each `gap_ms`."""
    events = []
    for place, (kind, payload) in enumerate(said):
        seq, own = after + place + 1, dict(payload)
        at_ms = START_MS + round(own.pop("at_ms", (seq - 1) * gap_ms))
        events.append({"seq": seq, "type": kind, "timestamp": iso(at_ms), "idempotency_key": f"k{seq}", "payload": own})
    return events


def record(client: Client, said: Sequence[Said], session_id: str = "trace_1", **fields: Any) -> None:
    """A run with these events."""
    begin(client, session_id=session_id, **fields)
    for at in range(0, len(said), 1_000):
        append(client, sent(said[at : at + 1_000], after=at), to=session_id)


def go_on(client: Client, said: Sequence[Said], after: int, session_id: str = "trace_1") -> None:
    """More events of a run whose last had this `seq`."""
    append(client, sent(said, after=after), to=session_id)


def analyze(client: Client, session_id: str = "trace_1") -> dict[str, Any]:
    answer = client("POST", f"/api/traces/{session_id}/analyze")
    assert answer.status_code == 200, answer.get_data(as_text=True)
    found: dict[str, Any] = answer.get_json()
    return found


def many(count: int) -> list[Said]:
    """So many logs."""
    return [("log", {"message": f"line {number}"}) for number in range(1, count + 1)]
