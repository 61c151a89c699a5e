"""What each location of a check says: the newest run there, and whether the alert is about it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from api.pages.verdicts import verdict
from api.pages.words import milliseconds
from model.outcome import RunStatus, Trigger
from store.alert_tables import Alert
from store.runs import Entry
from store.tables import Check, Gap, Run

_JUDGED = (Trigger.SCHEDULE, Trigger.CONFIRM)


@dataclass(frozen=True)
class Place:
    """`since_ms`: when it began to count for the alert, None where it does not. `at_ms`, `run_id`: of the newest run;
    `word`, `text`: what that found."""

    location: str
    css: str
    word: str
    text: str = ""
    at_ms: int | None = None
    run_id: str | None = None
    since_ms: int | None = None


def places(alert: Alert, check: Check | None, entries: Sequence[Entry], mark: str) -> list[Place]:
    """`entries`: runs and gaps of the check, newest first; `mark`: of the alert. Those it is about first."""
    newest: dict[str, Entry] = {}
    for entry in entries:
        if isinstance(entry, Gap) or (entry.trigger in _JUDGED and RunStatus(entry.status).terminal):
            newest.setdefault(entry.location, entry)
    known = dict.fromkeys([*sorted(alert.votes), *(check.locations if check is not None else ()), *sorted(newest)])
    return [_place(location, newest.get(location), alert, mark) for location in known]


def finding(run: Run) -> str:
    """What a run found, in a line: `passed in 720 ms`."""
    if run.status == RunStatus.SUCCESS:
        return f"passed in {milliseconds(run.duration_ms)}" if run.duration_ms is not None else "passed"
    return run.error_message or run.error_code or verdict(run).sentence


def _place(location: str, entry: Entry | None, alert: Alert, mark: str) -> Place:
    since_ms = alert.votes.get(location)
    if entry is None:
        return Place(location, "unknown", "no run lately", since_ms=since_ms)
    seen = verdict(entry)
    slow = since_ms is not None and alert.resolved_ms is None and seen.css == "up"
    css = mark if slow else seen.css  # a run that passed, but not well enough for the alert's rule
    if isinstance(entry, Gap):
        return Place(location, css, seen.sentence, entry.error_message, entry.to_ms, None, since_ms)
    if entry.status == RunStatus.SUCCESS:
        return Place(location, css, finding(entry), "", entry.at_ms, entry.id, since_ms)
    return Place(location, css, seen.sentence, finding(entry), entry.at_ms, entry.id, since_ms)
