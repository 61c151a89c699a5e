"""All that time alone causes besides slots, as APScheduler jobs: each runs where its role is held, one at a time."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from datetime import UTC

import msgspec
import structlog
from apscheduler.schedulers.background import BackgroundScheduler
from sqlalchemy.exc import SQLAlchemyError

from alerts.marking import mark_stored_runs
from alerts.watch import watch
from scheduler.closing import close_and_rescue
from scheduler.deadlines import settle_heartbeats
from scheduler.duties import Duties
from scheduler.figures import Figures
from store.rate_limits import forget_counts
from store.sessions import Database
from store.status_subscribers import forget_unconfirmed

_log = structlog.get_logger(__name__)


class Job(msgspec.Struct, frozen=True):
    """Work to do every `every_s` seconds by whoever holds the role of its name. It may be done twice without harm."""

    name: str
    every_s: float
    run: Callable[[Database], object]


CLOSING = "closing"
JOBS = (
    Job(CLOSING, 0.5, close_and_rescue),
    Job("heartbeats", 0.5, settle_heartbeats),
    Job("alerts", 1, watch),
    Job("maintenance", 1, mark_stored_runs),
    Job("rate_counts", 60, forget_counts),
    Job("status_subscribers", 3600, forget_unconfirmed),
)


class Jobs:
    """Runs jobs in threads of its own between `start` and `stop`."""

    def __init__(self, database: Database, jobs: Sequence[Job], duties: Duties, figures: Figures) -> None:
        self._database = database
        self._duties = duties
        self._figures = figures
        # It warns each time that a job is still at work when its next turn comes, which is what max_instances is for.
        logging.getLogger("apscheduler").setLevel(logging.ERROR)
        self._scheduler = BackgroundScheduler(timezone=UTC, job_defaults={"coalesce": True, "misfire_grace_time": None})
        for job in jobs:
            self._scheduler.add_job(self._run, "interval", [job], id=job.name, seconds=job.every_s, max_instances=1)

    def start(self) -> None:
        self._scheduler.start()

    def stop(self) -> None:
        """Returns when no job is running any more."""
        self._scheduler.shutdown(wait=True)

    def _run(self, job: Job) -> None:
        if not self._duties.holds(job.name):
            return
        try:
            job.run(self._database)
        except SQLAlchemyError as error:
            self._figures.failures += 1
            _log.error("job.failed", job=job.name, error=str(error))
