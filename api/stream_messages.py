"""What stands on the wire of a live stream: Server-Sent Events (WHATWG HTML, 9.2), one message an event."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import msgspec

from api.agent_shapes import agent_event_shape
from api.run_shape import run_summary
from api.walk_shape import walk_news
from store.news import Reading, Told
from telemetry.agents.stored.replaying import ToldEvent

HELLO = b": connected\n\n"
COMMENT = b":\n\n"
RETRY = b"retry: 1000\n"
"""Before the first message of a connection: browsers come back after a second in place of three."""
_encode = msgspec.json.Encoder().encode


def messages(reading: Reading, seen: int, projects: Collection[str] | None = None) -> list[tuple[int, bytes]]:
    """Messages by number, for who has seen everything up to `seen`. What is not kept any more is told as a gap.
    `projects`: ids of those whose alerts are told; None: all."""
    found = [(told.seq, _message(told)) for told in reading.told if _may_be_told(told, projects)]
    if reading.first > seen + 1:
        found.insert(0, (reading.first - 1, _gap(seen + 1, reading.first - 1)))
    return found


def _may_be_told(told: Told, projects: Collection[str] | None) -> bool:
    project_id = told.alert.get("project_id") if told.alert is not None else None
    return project_id is None or projects is None or project_id in projects


def _message(told: Told) -> bytes:
    if told.alert is not None:
        return _event(told.seq, b"alert", told.alert)
    if told.walk is not None:
        return _event(told.seq, b"progress", walk_news(told.walk))
    return _event(told.seq, b"run", {**run_summary(told.run), "state_changed": told.turned})


def event_message(seq: int, shape: Any) -> bytes:
    """One event of a project, as `GET /v1/query` shows it."""
    return _event(seq, b"event", shape)


def agent_message(told: ToldEvent, project_id: str | None) -> bytes:
    """What an agent did, as its run is replayed, and of which run it is."""
    data = {"stream_seq": told.event.stream_seq, "session_id": told.session_id, "project_id": project_id}
    return _event(told.event.stream_seq, b"event", {**data, **agent_event_shape(told.event)})


def _gap(first: int, last: int) -> bytes:
    said = "messages of this stretch are not kept any more: ask for the lists of runs and alerts"
    return _event(last, b"gap", {"from": first, "to": last, "message": said})


def _event(seq: int, event: bytes, data: Any) -> bytes:
    return b"id: %d\nevent: %b\ndata: %b\n\n" % (seq, event, _encode(data))
