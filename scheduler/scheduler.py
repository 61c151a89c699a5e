"""The scheduler of one process: a thread that ticks and catches up, and the jobs of the roles it holds."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence

import structlog
from sqlalchemy.exc import SQLAlchemyError

from alerts.self_watch.deadman import LOOK_S as PING_LOOK_S
from alerts.self_watch.deadman import Deadman
from alerts.self_watch.registry import BY_SCHEDULER
from alerts.self_watch.watching import LOOK_S, Watching
from alerts.sending.behind import Behind
from alerts.sending.service import Outbox
from model.settings import Settings
from scheduler.catch_up import CatchUp
from scheduler.duties import Duties
from scheduler.figures import Figures
from scheduler.housekeeping import RetentionTurn
from scheduler.jobs import CLOSING, JOBS, Job, Jobs
from scheduler.ticker import Ticker
from store.keyring import Keyring
from store.retention import Retention
from store.sessions import Database

TICK_S = 0.5
OWNER_CHARACTERS = 33
AFTER_ERROR_S = 0.5
OUTBOX_ROLE = "outbox"
_SPARE_S = 0.03
"""Catching up stops so long before the next tick is due."""
_log = structlog.get_logger(__name__)


class Scheduler:
    """`identity`: unique among all schedulers of the database, in its last 33 characters. On SQLite there is one
    scheduler; on PostgreSQL any number share the work. `keyring`: with it the outbox is sent here too. `more_jobs`:
    of parts that the scheduler knows nothing of; `behind`: what they know of an alert's runs."""

    def __init__(
        self,
        database: Database,
        settings: Settings,
        identity: str,
        *,
        jobs: Sequence[Job] | None = None,
        keyring: Keyring | None = None,
        more_jobs: Sequence[Job] = (),
        behind: Behind | None = None,
    ) -> None:
        self.figures = Figures()
        self._stopping = threading.Event()
        self._winding_down = threading.Event()
        chosen = (*JOBS, *self._jobs_of(database, settings), *more_jobs) if jobs is None else tuple(jobs)
        self._duties = duties = Duties()
        self.outbox = (
            None
            if keyring is None
            else Outbox(database, keyring, settings, identity, may=lambda: duties.holds(OUTBOX_ROLE), behind=behind)
        )
        self._ticker = Ticker(
            database,
            identity[-OWNER_CHARACTERS:],
            roles=[*(job.name for job in chosen), *([OUTBOX_ROLE] if self.outbox is not None else [])],
            duties=duties,
            figures=self.figures,
            alone=database.sqlite,
        )
        self._catch_up = CatchUp(database, self._ticker, self.figures)
        self._jobs = Jobs(database, chosen, duties, self.figures)
        self._thread: threading.Thread | None = None

    def _jobs_of(self, database: Database, settings: Settings) -> list[Job]:
        """The jobs that the settings decide on."""
        jobs = [
            Job("retention", 30, RetentionTurn(Retention(database, settings), self._stopping)),
            Job("notices", LOOK_S, Watching(BY_SCHEDULER, settings)),
        ]
        if settings.deadman_url:
            jobs.append(Job("deadman", PING_LOOK_S, Deadman(settings.deadman_url, settings, self._stopping)))
        return jobs

    def start(self) -> None:
        """Begin; returns at once."""
        self._thread = threading.Thread(target=self._main, name="scheduler", daemon=True)
        self._thread.start()
        self._jobs.start()
        if self.outbox is not None:
            self.outbox.start()

    def wind_down(self) -> None:
        """Dispatch nothing more, and close nothing: the probe is about to stop, and so is this process. What comes due
        from now on is accounted for by whoever begins again, who runs it if it is worth it still. May be called by a
        signal handler."""
        self._duties.lay_down(CLOSING)
        self._winding_down.set()

    def stop(self, *, release: bool = True) -> None:
        """End; returns when nothing of it runs any more. `release`: hand shards and roles over at once, so that another
        scheduler need not wait for their leases to run out."""
        self._stopping.set()
        if self.outbox is not None:
            self.outbox.stop()
        self._jobs.stop()
        if self._thread is not None:
            self._thread.join()
        if release:
            try:
                self._ticker.release()
            except SQLAlchemyError as error:
                _log.warning("scheduler.not_released", error=str(error))

    def alive(self) -> bool:
        """Whether it is ticking."""
        return self._thread is not None and self._thread.is_alive() and not self._stopping.is_set()

    def _main(self) -> None:
        """A mistake in here must not end the schedule: the thread ends with its traceback told, another begins with an
        empty memory, and /health tells if that does not help."""
        ended_well = False
        try:
            self._loop()
            ended_well = True
        finally:
            if not ended_well and not self._stopping.is_set():
                self.figures.failures += 1
                self._ticker.forget()
                self._stopping.wait(1)
                self._thread = threading.Thread(target=self._main, name="scheduler", daemon=True)
                self._thread.start()

    def _loop(self) -> None:
        planned_s = time.monotonic()
        while not self._stopping.is_set():
            self.figures.ticks.observe(time.monotonic() - planned_s)
            planned_s = max(planned_s + TICK_S, time.monotonic())
            if self._winding_down.is_set():
                self._stopping.wait(TICK_S)
                continue
            try:
                self._ticker.tick()
                self._catch_up.work(planned_s - _SPARE_S)
            except SQLAlchemyError as error:
                self.figures.failures += 1
                _log.error("scheduler.database", error=str(error))
                self._ticker.held.clear()  # whether the last transaction was committed is not known: ask again
                planned_s = time.monotonic() + AFTER_ERROR_S
            self._stopping.wait(max(0.0, planned_s - time.monotonic()))
