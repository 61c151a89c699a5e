"""All that time alone causes besides slots, as APScheduler jobs: each runs where its role is held, one at a time."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial

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
    """Work to do every `every_s` seconds by whoever holds the role of its name. It may be done twice without harm.
    `woken`: calls what it is given whenever there is something to do, until what it returns is called."""

    name: str
    every_s: float
    run: Callable[[Database], object]
    woken: Callable[[Callable[[], None]], Callable[[], None]] | None = None


GATHER = timedelta(seconds=0.1)
"""How long something that has a wake-up waits for more of it."""
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
        self._woken = [job for job in jobs if job.woken is not None]
        self._soon: set[str] = set()
        self._asleep: list[Callable[[], None]] = []

    def start(self) -> None:
        self._scheduler.start()
        self._asleep = [job.woken(partial(self._wake, job)) for job in self._woken if job.woken is not None]

    def stop(self) -> None:
        """Returns when no job is running any more."""
        for unsubscribe in self._asleep:
            unsubscribe()
        self._scheduler.shutdown(wait=True)

    def _wake(self, job: Job) -> None:
        """Have it run in a moment, with what else comes until then. From any thread; a word that comes while it is at
        work may be lost: its next turn comes by itself."""
        if job.name not in self._soon:
            self._soon.add(job.name)
            self._scheduler.modify_job(job.name, next_run_time=datetime.now(UTC) + GATHER)

    def _run(self, job: Job) -> None:
        self._soon.discard(job.name)
        if not self._duties.holds(job.name):
            return
        try:
            job.run(self._database)
        except SQLAlchemyError as error:
            self._figures.failures += 1
            _log.error("job.failed", job=job.name, error=str(error))
