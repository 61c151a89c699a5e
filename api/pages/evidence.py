"""What an alert rests on, in one look: how its run differs from the last good one, and what was answered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session

from api.pages.changes import Comparison, compare
from api.pages.words import text_of
from api.run_shape import detail_of
from model.heartbeat import LOCATION
from model.outcome import RunStatus, Trigger
from store.alert_tables import Alert
from store.neighbouring_runs import last_good_run
from store.runs import Entry
from store.tables import Run

_MOST_BODY = 400


@dataclass(frozen=True)
class Evidence:
    """`good`: the last good run at the same location, with the `comparison`. `body`: the beginning of the answer's."""

    run: Run
    good: Run | None
    comparison: Comparison | None
    body: str


def compared(session: Session, run: Run) -> tuple[Run | None, Comparison | None]:
    """The last good run at the same location, and what is different now."""
    good = last_good_run(session, run)
    return good, compare(run, detail_of(run), good, detail_of(good)) if good is not None else None


def evidence(session: Session, alert: Alert, proof: Sequence[Run], entries: Sequence[Entry]) -> Evidence | None:
    """Of the newest failed run while the alert is open, later of the last that proves it. None for what is no failure:
    a run that was slow, or one that never came."""
    lately = [entry for entry in entries if isinstance(entry, Run) and entry.trigger == Trigger.SCHEDULE]
    chosen = (lately if alert.resolved_ms is None else []) + list(proof[::-1])
    if not proof or proof[-1].status != RunStatus.FAILED:
        return None
    run = next(run for run in chosen if run.status == RunStatus.FAILED)
    body = (detail_of(run).response or {}).get("body")
    beginning = text_of(body)[:_MOST_BODY] if body else ""
    if run.location == LOCATION:  # a job that did not call: there is no answer to compare
        return Evidence(run, None, None, beginning) if beginning else None
    return Evidence(run, *compared(session, run), beginning)
