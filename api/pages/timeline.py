"""The whole story of an alert as lines, newest first: what happened to it, and what was told to whom."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from api.pages.places import finding
from api.pages.words import counted, listed
from model.heartbeat import LOCATION
from model.outcome import RunStatus
from store.alert_tables import AlertEvent, Notification
from store.tables import Run

_ABOUT_THE_CHECK = "the alert's own"
_HAPPENED = {
    "triggered": (_ABOUT_THE_CHECK, "Alert raised"),
    "joined": (_ABOUT_THE_CHECK, "Seen from one more place"),
    "held": ("unknown", "Nobody is told"),
    "released": (_ABOUT_THE_CHECK, "Told after all"),
    "acknowledged": ("acknowledged", "Acknowledged"),
    "note": ("acknowledged", "Note"),
    "reminder": (_ABOUT_THE_CHECK, "Still open"),
    "resolved": ("up", "Resolved"),
    "reopened": (_ABOUT_THE_CHECK, "Open again"),
    "retracted": ("up", "Withdrawn"),
    "merged": (_ABOUT_THE_CHECK, "Issues merged"),
}
_REMINDER = "nobody has acknowledged it yet"
_TOLD = {
    "triggered": "the alert",
    "acknowledged": "the acknowledgement",
    "resolved": "that it is over",
    "reminder": _REMINDER,
}
_TOGETHER_MS = 5_000
"""Channels that were told the same within so long are one line."""


@dataclass(frozen=True)
class Line:
    """`css`: the state its mark shows. `text` may be empty. `told`: (what, channel) of what was sent: such lines
    can be one."""

    at_ms: int
    css: str
    what: str
    text: str
    run_id: str | None = None
    told: tuple[str, str] | None = None


def timeline(
    events: Sequence[AlertEvent],
    notifications: Sequence[Notification],
    channels: Mapping[str, str],
    first: Run | None,
    mark: str = "down",
) -> list[Line]:
    """`channels`: names by id. `first`: the first of the runs that prove the alert, if it is still kept. `mark`: what
    the check is while the alert is open."""
    lines = [_first(first, mark)] if first is not None else []
    reminded = {notification.number for notification in notifications if notification.event == "reminder"}
    number = 0
    for event in events:
        number += event.kind == "reminder"
        if event.kind != "reminder" or number not in reminded:  # who was reminded says it all
            lines.append(_event(event, mark))
    lines += [_told(notification, channels.get(notification.channel_id)) for notification in notifications]
    in_order = sorted(lines, key=lambda line: line.at_ms)  # what happened at one time stays as it was written
    return list(_counted(_joined(in_order)))[::-1]


def _first(run: Run, mark: str) -> Line:
    what = "First failure" if run.status == RunStatus.FAILED else "First seen"
    place = "" if run.location == LOCATION else f", from {run.location}"
    return Line(run.at_ms, mark, what + place, finding(run), run.id)


def _event(event: AlertEvent, mark: str) -> Line:
    css, what = _HAPPENED.get(event.kind, ("unknown", event.kind.capitalize()))
    by = f" by {event.by}" if event.by else ""
    return Line(event.at_ms, mark if css == _ABOUT_THE_CHECK else css, f"{what}{by}", event.detail, event.run_id)


def _told(sent: Notification, channel: str | None) -> Line:
    what = _TOLD.get(sent.event, sent.event)
    to = channel or "a channel that is gone"
    tries = f"after {counted(sent.attempts, 'try', 'tries')}"
    match sent.status:
        case "sent":
            how = ["in a digest"] * sent.grouped + ["because another channel fails"] * sent.fallback
            how += [tries] * (sent.attempts > 1)
            at_ms = sent.sent_ms or sent.created_ms
            return Line(at_ms, "told", f"Told {to}: {what}", ", ".join(how), told=(what, to))
        case "failed":
            why = f"{sent.last_error or 'it was refused'}; given up {tries}"
            return Line(sent.created_ms, "degraded", f"Could not tell {to}: {what}", why)
        case _:
            why = f"{sent.last_error}; tried {counted(sent.attempts, 'time')}" if sent.last_error else ""
            return Line(sent.created_ms, "unknown", f"On its way to {to}: {what}", why)


def _joined(lines: Iterable[Line]) -> Iterable[Line]:
    """Those that say that one thing was told to several channels at about one time, as one."""
    waiting: list[Line] = []
    for line in lines:
        if waiting and not _with(waiting[0], line):
            yield _one(waiting)
            waiting = []
        waiting.append(line)
    if waiting:
        yield _one(waiting)


def _with(first: Line, line: Line) -> bool:
    if first.told is None or line.told is None:
        return False
    return (first.told[0], first.text) == (line.told[0], line.text) and line.at_ms - first.at_ms <= _TOGETHER_MS


def _one(lines: Sequence[Line]) -> Line:
    told = [line.told for line in lines if line.told is not None]
    if len(lines) == 1 or not told:
        return lines[0]
    what, together = told[0][0], listed(sorted(channel for _, channel in told))
    return replace(lines[0], what=f"Told {together}: {what}", told=(what, together))


def _counted(lines: Iterable[Line]) -> Iterable[Line]:
    """Reminders that follow each other and went to the same channels are one line, at the time of the last: a night of
    them would hide all else."""
    waiting: list[Line] = []
    for line in lines:
        if waiting and not (line.told == waiting[0].told and line.text == waiting[0].text):
            yield _times(waiting)
            waiting = []
        if line.told is not None and line.told[0] == _REMINDER:
            waiting.append(line)
        else:
            yield line
    if waiting:
        yield _times(waiting)


def _times(lines: Sequence[Line]) -> Line:
    last = lines[-1]
    how = [last.text] if last.text else []
    how += [f"the last of {len(lines)} reminders"] if len(lines) > 1 else []
    return replace(last, text=", ".join(how))
