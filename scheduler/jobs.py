"""All that time alone causes besides slots, as APScheduler jobs: each runs where its role is held, one at a time.

Most of them have nothing to do most of the time. They say themselves whether they have (`waits`), and are asked one
after another in one read that they share: each with a thread, a timer and a transaction of its own took the server four
times as long.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import partial

import msgspec
import structlog
from apscheduler.executors.pool import BasePoolExecutor
from apscheduler.jobstores.base import JobLookupError
from apscheduler.schedulers.background import BackgroundScheduler
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from alerts.marking import mark_stored_runs
from alerts.watch import anything_to_watch, watch
from scheduler.closing import close_and_rescue
from scheduler.deadlines import settle_heartbeats
from scheduler.duties import Duties
from scheduler.figures import Figures
from store.dispatches import anything_to_close
from store.heartbeats import anything_overdue
from store.maintenance_windows import anything_to_mark
from store.rate_limits import forget_counts
from store.sessions import EVERY_ORGANIZATION, Database
from store.status_subscribers import forget_unconfirmed

_log = structlog.get_logger(__name__)


class Reading(msgspec.Struct, frozen=True):
    """What is asked whether there is work: both stores as they are at one instant, and the time of the main one."""

    main: Session
    telemetry: Session
    now_ms: int


class Job(msgspec.Struct, frozen=True):
    """Work to do every `every_s` seconds by whoever holds the role of its name. It may be done twice without harm.
    `woken`: calls what it is given whenever there is something to do, until what it returns is called. `waits`: whether
    there is something to do; with it, `every_s` says how often that is asked, half seconds at least."""

    name: str
    every_s: float
    run: Callable[[Database], object]
    woken: Callable[[Callable[[], None]], Callable[[], None]] | None = None
    waits: Callable[[Reading], bool] | None = None


GATHER = timedelta(seconds=0.1)
"""How long something that has a wake-up waits for more of it."""
ROUND_S = 0.5
"""Between two rounds of asking who has something to do."""
AT_ONCE = timedelta()
MOST_AT_WORK = 10
CLOSING = "closing"
JOBS = (
    Job(CLOSING, 0.5, close_and_rescue, waits=lambda look: anything_to_close(look.main, look.now_ms)),
    Job("heartbeats", 0.5, settle_heartbeats, waits=lambda look: anything_overdue(look.main, look.now_ms)),
    Job("alerts", 1, watch, waits=lambda look: anything_to_watch(look.main, look.now_ms)),
    Job("maintenance", 1, mark_stored_runs, waits=lambda look: anything_to_mark(look.main)),
    Job("rate_counts", 60, forget_counts),
    Job("status_subscribers", 3600, forget_unconfirmed),
)


class _OnThreads(BasePoolExecutor):  # type: ignore[misc]  # APScheduler 3 is not typed
    """APScheduler's way to run jobs, on threads whose end is waited for here."""

    def __init__(self, threads: ThreadPoolExecutor) -> None:
        super().__init__(threads)


class Jobs:
    """Runs jobs in threads of its own between `start` and `stop`."""

    def __init__(self, database: Database, jobs: Sequence[Job], duties: Duties, figures: Figures) -> None:
        self._database = database
        self._duties = duties
        self._figures = figures
        # It warns each time that a job is still at work when its next turn comes, which is what max_instances is for.
        logging.getLogger("apscheduler").setLevel(logging.ERROR)
        self._threads = ThreadPoolExecutor(MOST_AT_WORK, thread_name_prefix="jobs")
        self._scheduler = BackgroundScheduler(
            timezone=UTC,
            job_defaults={"coalesce": True, "misfire_grace_time": None},
            executors={"default": _OnThreads(self._threads)},
        )
        for job in jobs:
            if job.waits is None:
                self._scheduler.add_job(self._run, "interval", [job], id=job.name, seconds=job.every_s, max_instances=1)
        self._asked_s = {job: 0.0 for job in jobs if job.waits is not None}
        if self._asked_s:
            self._scheduler.add_job(self._round, "interval", id="round", seconds=ROUND_S, max_instances=1)
        self._woken = [job for job in jobs if job.woken is not None]
        self._soon: set[str] = set()
        self._at_work: set[str] = set()
        self._asleep: list[Callable[[], None]] = []

    def start(self) -> None:
        self._scheduler.start()
        self._asleep = [job.woken(partial(self._wake, job)) for job in self._woken if job.woken is not None]

    def stop(self) -> None:
        """Returns when no job is running any more."""
        for unsubscribe in self._asleep:
            unsubscribe()
        # It would wait under a lock that a job at work may want, to begin another: for ever.
        self._scheduler.shutdown(wait=False)
        self._threads.shutdown(wait=True)

    def _wake(self, job: Job) -> None:
        """Have it run in a moment, with what else comes until then. From any thread; a word that comes while it is at
        work may be lost: its next turn comes by itself."""
        if job.name not in self._soon:
            with suppress(JobLookupError):  # it has just been stopped
                self._begin(job, GATHER)

    def _begin(self, job: Job, wait: timedelta) -> None:
        self._soon.add(job.name)
        at = datetime.now(UTC) + wait
        if job.waits is None:
            self._scheduler.modify_job(job.name, next_run_time=at)
        else:
            self._scheduler.add_job(self._run, "date", [job], id=job.name, run_date=at, replace_existing=True)

    def _round(self) -> None:
        """Ask those whose turn it is and who are not at work, and have those run that have something to do."""
        now_s = time.monotonic()
        turn = [
            job
            for job, asked_s in self._asked_s.items()
            if now_s - asked_s > job.every_s - ROUND_S / 2
            and job.name not in self._soon | self._at_work
            and self._duties.holds(job.name)
        ]
        for job in turn:
            self._asked_s[job] = now_s
        try:
            for job in self._with_work(turn):
                self._begin(job, AT_ONCE)
        except SQLAlchemyError as error:
            self._failed("round", error)

    def _with_work(self, turn: Sequence[Job]) -> list[Job]:
        if not turn:
            return []
        with (
            self._database.read(EVERY_ORGANIZATION) as main,
            self._database.telemetry.read(EVERY_ORGANIZATION) as telemetry,
        ):
            reading = Reading(main, telemetry, self._database.now_ms(main))
            return [job for job in turn if self._has_work(job, reading)]

    def _has_work(self, job: Job, reading: Reading) -> bool:
        """What keeps one from being asked keeps no other."""
        try:
            return job.waits is not None and job.waits(reading)
        except SQLAlchemyError as error:
            self._failed(job.name, error)
        except Exception as error:  # noqa: BLE001 - a mistake in one job is no other's
            _log.error("job.mistake", job=job.name, exc_info=error)
        reading.main.rollback()
        reading.telemetry.rollback()
        return False

    def _run(self, job: Job) -> None:
        self._at_work.add(job.name)
        self._soon.discard(job.name)
        try:
            if self._duties.holds(job.name):
                job.run(self._database)
        except SQLAlchemyError as error:
            self._failed(job.name, error)
        finally:
            self._at_work.discard(job.name)

    def _failed(self, name: str, error: SQLAlchemyError) -> None:
        self._figures.failures += 1
        _log.error("job.failed", job=name, error=str(error))
