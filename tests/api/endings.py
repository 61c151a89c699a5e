"""Runs of journeys that end while a command waits for them, as the test says."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from alerts.record import record
from cli.ci.following import Clock as WaitingClock
from model.evidence import StepResult
from model.finished import Finished
from model.outcome import RunError, RunStatus, Trigger
from store.sessions import EVERY_ORGANIZATION, Database
from store.tables import Run
from store.write_lock import Urgency
from tests.conftest import Clock

WORDS = "step 2 click `#buy`: it is covered by `#banner`"
STEPS = (
    StepResult(0, "goto", "success", duration_ms=210.0),
    StepResult(1, "click", "failed", "Buy", 9_000.0, "it is covered by `#banner`"),
    StepResult(2, "screenshot", "skipped"),
)
ERRORS = {"failed": RunError("step_failed", WORDS), "unknown": RunError("browser_crashed", "the browser crashed")}
Ends = Callable[..., None]


@pytest.fixture
def ends(
    api: None, owner: Any, database: Database, organization: str, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> Ends:
    """A function that says how the runs will end, by the journey's name: one each time that the command would wait.
    Those that are not named never do; time passes all the same."""
    endings: dict[str, str] = {}
    seconds = [0.0]

    def sleep(wait: float) -> None:
        seconds[0] += wait
        for name, status in list(endings.items()):
            if _end(database, clock, organization, owner, name, status):
                return

    monkeypatch.setattr("cli.ci.waiting.Clock", lambda: WaitingClock(lambda: seconds[0], sleep))
    return endings.update


def _end(database: Database, clock: Clock, organization: str, owner: Any, name: str, status: str) -> bool:
    """Ends a run of that journey that waits; False when there is none."""
    [journey] = owner.data("GET", f"/v1/journeys?name={name}")
    waiting = owner.data("GET", f"/v1/journeys/{journey['id']}/runs?status=queued")
    if not waiting:
        return False
    with database.write(EVERY_ORGANIZATION, Urgency.RESULTS) as session:
        run = session.get_one(Run, waiting[0]["id"])
        done = Finished(
            run_id=run.id, organization_id=organization, check_id=run.check_id, check_version=1, location=run.location,
            at_ms=run.at_ms, status=RunStatus(status), trigger=Trigger(run.trigger), started_ms=run.at_ms,
            completed_ms=run.at_ms + 900, duration_ms=900.0, error=ERRORS.get(status),
            steps=STEPS if status == "failed" else (),
        )  # fmt: skip
        assert record(session, [done], clock.now_ms) == []
    return True
