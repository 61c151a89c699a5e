"""An alert's story as lines: newest first, one line for one thing that was told, and nothing left out."""

from __future__ import annotations

from typing import Any

from api.pages.timeline import timeline
from store.alert_tables import AlertEvent, Notification
from store.tables import Run

MINUTE_MS = 60_000
CHANNELS = {"chan_a": "Mail", "chan_b": "Slack", "chan_c": "Pager"}


def event(kind: str, at_ms: int, detail: str = "", by: str | None = None) -> AlertEvent:
    return AlertEvent(kind=kind, at_ms=at_ms, detail=detail, by=by, run_id=None)


def sent(channel: str, at_ms: int, name: str = "triggered", number: int = 1, **given: Any) -> Notification:
    facts = {"status": "sent", "attempts": 1, "sent_ms": at_ms, "grouped": False, "fallback": False, **given}
    return Notification(channel_id=channel, event=name, number=number, created_ms=at_ms, **facts)


def said(*args: Any, **given: Any) -> list[str]:
    return [f"{line.what} ({line.text})" if line.text else line.what for line in timeline(*args, **given)]


def test_it_begins_with_the_first_failure_and_ends_with_who_was_told_of_the_recovery() -> None:
    first = Run(
        id="run_1", at_ms=0, location="eu-west", status="failed", error_message="refused", error_code="connect_refused"
    )
    events = [event("triggered", 10), event("acknowledged", 50, "on it", "Ada"), event("resolved", 90, "it recovered")]
    told = [sent("chan_a", 10), sent("chan_a", 90, "resolved")]
    assert said(events, told, CHANNELS, first) == [
        "Told Mail: that it is over",
        "Resolved (it recovered)",
        "Acknowledged by Ada (on it)",
        "Told Mail: the alert",
        "Alert raised",
        "First failure, from eu-west (refused)",
    ]


def test_a_run_that_passed_is_no_failure() -> None:
    first = Run(id="run_1", at_ms=0, location="eu-west", status="success", duration_ms=720.0)
    [line] = timeline([], [], {}, first, "degraded")
    assert (line.what, line.text, line.css) == ("First seen, from eu-west", "passed in 720 ms", "degraded")


def test_channels_that_were_told_together_are_one_line() -> None:
    told = [sent("chan_b", 10), sent("chan_a", 400), sent("chan_c", 20_000, grouped=True)]
    assert said([event("triggered", 5)], told, CHANNELS, None) == [
        "Told Pager: the alert (in a digest)",
        "Told Mail and Slack: the alert",
        "Alert raised",
    ]


def test_what_happened_between_keeps_lines_apart() -> None:
    told = [sent("chan_a", 10), sent("chan_b", 30)]
    assert said([event("joined", 20, "us-east is down too")], told, CHANNELS, None) == [
        "Told Slack: the alert",
        "Seen from one more place (us-east is down too)",
        "Told Mail: the alert",
    ]


def test_reminders_in_a_row_are_one_line_at_the_time_of_the_last() -> None:
    events = [event("reminder", number * MINUTE_MS, "nobody has acknowledged it") for number in range(1, 10)]
    told = [
        sent(channel, number * MINUTE_MS + 100, "reminder", number)
        for number in range(1, 10)
        for channel in ("chan_a", "chan_b")
    ]
    [line] = timeline(events, told, CHANNELS, None)
    assert line.what == "Told Mail and Slack: nobody has acknowledged it yet"
    assert line.text == "the last of 9 reminders"
    assert line.at_ms == 9 * MINUTE_MS + 100


def test_a_reminder_that_reached_nobody_is_there_too() -> None:
    lost = sent("chan_a", 70, "reminder", 2, status="failed", last_error="410", attempts=1, sent_ms=None)
    events = [event("reminder", 60, "nobody has acknowledged it"), event("reminder", 70, "nobody has acknowledged it")]
    assert said(events, [lost], CHANNELS, None) == [
        "Could not tell Mail: nobody has acknowledged it yet (410; given up after 1 try)",
        "Still open (nobody has acknowledged it)",
    ]


def test_what_was_not_told_yet_or_never_says_why() -> None:
    told = [
        sent("chan_a", 10, status="failed", last_error="answered 404", attempts=3, sent_ms=None),
        sent("chan_b", 20, status="pending", last_error="timed out", attempts=2, sent_ms=None),
        sent("chan_c", 30, status="pending", attempts=0, last_error=None, sent_ms=None),
        sent("gone", 40, attempts=4),
    ]
    assert said([], told, CHANNELS, None) == [
        "Told a channel that is gone: the alert (after 4 tries)",
        "On its way to Pager: the alert",
        "On its way to Slack: the alert (timed out; tried 2 times)",
        "Could not tell Mail: the alert (answered 404; given up after 3 tries)",
    ]
