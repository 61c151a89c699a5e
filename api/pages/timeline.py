"""The whole story of an alert as lines, newest first: what happened to it, and what was told to whom."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from api.pages.words import counted
from store.alert_tables import AlertEvent, Notification
from store.tables import Run

_HAPPENED = {
    "triggered": ("down", "Alert raised"),
    "joined": ("down", "Joined"),
    "held": ("unknown", "Nobody is told"),
    "released": ("down", "No longer held back"),
    "acknowledged": ("acknowledged", "Acknowledged"),
    "note": ("acknowledged", "Note"),
    "reminder": ("down", "Still open"),
    "resolved": ("up", "Resolved"),
    "reopened": ("down", "Open again"),
    "retracted": ("up", "Withdrawn"),
}
_TOLD = {
    "triggered": "the alert",
    "acknowledged": "the acknowledgement",
    "resolved": "the recovery",
    "reminder": "a reminder",
}


@dataclass(frozen=True)
class Line:
    """`css`: the state its mark shows. `text` may be empty."""

    at_ms: int
    css: str
    what: str
    text: str
    run_id: str | None = None


def timeline(
    events: Sequence[AlertEvent],
    notifications: Sequence[Notification],
    channels: Mapping[str, str],
    first: Run | None,
) -> list[Line]:
    """`channels`: names by id. `first`: the first of the runs that prove the alert, if it is still kept."""
    lines = [_event(event) for event in events]
    lines += [_told(notification, channels.get(notification.channel_id)) for notification in notifications]
    if first is not None:
        why = first.error_message or first.error_code or ""
        lines.append(Line(first.at_ms, "down", f"First failure, from {first.location}", why, first.id))
    order = {id(line): place for place, line in enumerate(lines)}
    return sorted(lines, key=lambda line: (line.at_ms, order[id(line)]), reverse=True)


def _event(event: AlertEvent) -> Line:
    css, what = _HAPPENED.get(event.kind, ("unknown", event.kind.capitalize()))
    by = f" by {event.by}" if event.by else ""
    return Line(event.at_ms, css, f"{what}{by}", event.detail, event.run_id)


def _told(sent: Notification, channel: str | None) -> Line:
    what = _TOLD.get(sent.event, sent.event)
    to = channel or "a channel that is gone"
    tries = f"after {counted(sent.attempts, 'try', 'tries')}"
    match sent.status:
        case "sent":
            at_ms = sent.sent_ms or sent.created_ms
            return Line(at_ms, "told", f"Told {to}: {what}", tries if sent.attempts > 1 else "")
        case "failed":
            why = f"{sent.last_error or 'it was refused'}; given up {tries}"
            return Line(sent.created_ms, "degraded", f"Could not tell {to}: {what}", why)
        case _:
            why = f"{sent.last_error}; tried {counted(sent.attempts, 'time')}" if sent.last_error else ""
            return Line(sent.created_ms, "unknown", f"On its way to {to}: {what}", why)
