"""What an alert rests on, in one look: how its run differs from the last good one, and what was answered."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session

from api.pages.changes import Change, Comparison, compare
from api.pages.journey_changes import page_changes, pages_of, step_changes
from api.pages.words import text_of
from api.run_shape import detail_of
from api.services import services
from model.finished import Detail
from model.heartbeat import LOCATION
from model.outcome import RunStatus, Trigger
from store.alert_tables import Alert
from store.artifact_files import ArtifactFiles
from store.artifacts import artifacts_of_run
from store.neighbouring_runs import last_good_run
from store.runs import Entry
from store.tables import Run

_MOST_BODY = 400


@dataclass(frozen=True)
class Evidence:
    """`good`: the last good run at the same location, with the `comparison`. `body`: the beginning of the answer's;
    `picture`: of a journey, the artifact that shows the page at the step that failed."""

    run: Run
    good: Run | None
    comparison: Comparison | None
    body: str
    picture: str | None = None


def compared(session: Session, run: Run) -> tuple[Run | None, Comparison | None]:
    """The last good run at the same location, and what is different now."""
    good = last_good_run(session, run)
    if good is None:
        return None, None
    detail, good_detail = detail_of(run), detail_of(good)
    found = compare(run, detail, good, good_detail)
    if detail.steps:
        found = Comparison([*_journey_changes(session, run, detail, good, good_detail), *found.changes], found.same)
    return good, found


def _journey_changes(session: Session, run: Run, detail: Detail, good: Run, good_detail: Detail) -> Iterator[Change]:
    yield from step_changes(good_detail.steps, detail.steps)
    files = ArtifactFiles(services().settings.data_dir)
    before, now = (pages_of(files, artifacts_of_run(session, each.id)) for each in (good, run))
    yield from page_changes(before, now)


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
    return Evidence(run, *compared(session, run), beginning, _picture(session, run))


def _picture(session: Session, run: Run) -> str | None:
    failed = next((step for step in detail_of(run).steps if step.status == "failed"), None)
    if failed is None or failed.screenshot is None:
        return None
    found = (row for row in artifacts_of_run(session, run.id) if row.sha256 == failed.screenshot)
    return next((row.id for row in found), None)
