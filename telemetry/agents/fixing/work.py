"""Fixes that were asked for, worked at: the repository taken, the runner asked, its diff judged, the outcome kept. A
job of the scheduler.

Whoever is at one says so every few seconds. Killed, it is taken again by whoever is there a moment later, once; what
keeps ending whoever works at it ends as a fallback.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import msgspec
import structlog
from sqlalchemy.exc import SQLAlchemyError

from model.addresses import AddressPolicy, networks_of
from model.settings import Settings
from store.fix_tables import IncidentFix
from store.fixes import RUNNING, get_fix, keep_fix, take_fixes
from store.incidents import get_incident
from store.key_material import KeyringError
from store.keyring import Keyring
from store.projects import get_project, repository_token
from store.sessions import EVERY_ORGANIZATION, Database
from store.write_lock import Urgency
from telemetry.agents.fixing.applying import applied
from telemetry.agents.fixing.asking import told_of
from telemetry.agents.fixing.diffs import DiffError
from telemetry.agents.fixing.outcomes import NOBODY_TO_ASK, Outcome, settle
from telemetry.agents.fixing.programs import Programs
from telemetry.agents.fixing.repositories import Repository, RepositoryError, Snapshots
from telemetry.agents.fixing.runners import CommandRunner, FixAgentRunner, RunnerError
from telemetry.agents.plans import plan_for

AT_ONCE = 2
"""Programs of the operator's that run at the same time."""
LEASE_MS = 15_000
_RENEWED_S = 4.0
MOST_TRIES = 2
_log = structlog.get_logger(__name__)


class Fixing:
    """Of one process. `runner`: in place of the operator's command. `reached`: called at taken and at judged; what it
    raises ends the work there, as a crash would."""

    def __init__(
        self, database: Database, keyring: Keyring, settings: Settings, owner: str,
        runner: FixAgentRunner | None = None, reached: Callable[[str], None] = lambda _point: None,
    ) -> None:  # fmt: skip
        self._database = database
        self._keyring = keyring
        self._owner = owner[-64:]
        self._reached = reached
        self._programs = Programs()
        words = settings.fix_words
        command = CommandRunner(words, settings.fix_timeout_s, self._programs) if words else None
        self._runner = runner or command
        policy = AddressPolicy(networks_of(settings.allow_nets))
        self._snapshots = Snapshots(self._programs, policy, settings.fix_repositories)
        self._pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="fixes")
        self._free = threading.Semaphore(AT_ONCE)
        self._stopping = threading.Event()

    def work(self) -> None:
        """Have what nobody is at worked at, in threads of its own: this returns at once."""
        while not self._stopping.is_set() and self._free.acquire(blocking=False):
            taken = self._take()
            if taken is None:
                self._free.release()
                return
            self._pool.submit(self._do_and_release, taken)

    def step(self) -> bool:
        """Work at one, here and now; whether there was any."""
        taken = self._take()
        if taken is not None:
            self._do(taken)
        return taken is not None

    def stop(self) -> None:
        """What runs is killed, and free to be taken again. Returns when nothing of it runs any more."""
        self._stopping.set()
        self._programs.stop()
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _take(self) -> _Taken | None:
        with self._database.write(EVERY_ORGANIZATION, Urgency.HOUSEKEEPING) as session:
            now_ms = self._database.now_ms(session)
            found = take_fixes(session, self._owner, 1, now_ms, now_ms + LEASE_MS)
            return _taken(found[0]) if found else None

    def _do_and_release(self, taken: _Taken) -> None:
        try:
            self._do(taken)
        except Exception as error:  # noqa: BLE001 - it is taken again when its lease is over, and so many times
            _log.error("fix.failed", fix=taken.fix_id, error=str(error))
        finally:
            self._free.release()

    def _do(self, taken: _Taken) -> None:
        self._reached("taken")
        done = threading.Event()
        keeping = threading.Thread(target=self._keep, args=(taken.fix_id, done), name="fix-lease", daemon=True)
        keeping.start()
        try:
            outcome = self._outcome(taken)
            self._reached("judged")
        finally:
            done.set()
            keeping.join()
        if self._stopping.is_set() and outcome.diff is None:
            self._let_go(taken)
        else:
            self._store(taken, outcome)

    def _outcome(self, taken: _Taken) -> Outcome:
        told = told_of(self._database, taken.organization_id, taken.incident_id)
        if told is None:
            return Outcome(reason="the incident is gone")
        if taken.tries > MOST_TRIES:
            return Outcome(reason="the server was ended while it was at work, each time that it tried")
        if self._runner is None:
            return Outcome(reason=NOBODY_TO_ASK)
        repository = self._repository(taken)
        if isinstance(repository, Outcome):
            return repository
        head = told["incident"]
        try:
            with self._snapshots.take(repository) as snapshot:
                told["plan"] = plan_for(head["label"], head["title"])
                told["repository"] = {"address": repository.address, "revision": snapshot.revision}
                proposal = self._runner.propose(told)
                if not (proposal.diff or "").strip():
                    return Outcome(reason="no diff was proposed", revision=snapshot.revision)
                snapshot.more_time()
                diff = applied(proposal.diff or "", snapshot)
                return Outcome(plan=proposal.plan, diff=diff, revision=snapshot.revision)
        except DiffError as error:
            return Outcome(reason=f"the diff that was proposed {error}")
        except RepositoryError as error:
            return Outcome(reason=f"the repository {error}")
        except RunnerError as error:
            return Outcome(reason=str(error))

    def _repository(self, taken: _Taken) -> Repository | Outcome:
        with self._database.read(taken.organization_id) as session:
            project = None if taken.project_id is None else get_project(session, taken.project_id)
            if project is None or project.repository is None:
                return Outcome(reason="its project has no repository any more: set one on its page")
            try:
                return Repository(project.repository, repository_token(self._keyring, project))
            except KeyringError:
                return Outcome(reason="the token of the repository can't be decrypted any more: give it anew")

    def _keep(self, fix_id: str, done: threading.Event) -> None:
        while not done.wait(_RENEWED_S):
            try:
                with self._database.write(EVERY_ORGANIZATION, Urgency.HOUSEKEEPING) as session:
                    until_ms = self._database.now_ms(session) + LEASE_MS
                    if not keep_fix(session, fix_id, self._owner, until_ms):
                        return
            except SQLAlchemyError as error:
                _log.warning("fix.lease_not_renewed", fix=fix_id, error=str(error))

    def _store(self, taken: _Taken, outcome: Outcome) -> None:
        """Unless it is somebody else's by now."""
        with self._database.write(taken.organization_id, Urgency.PEOPLE) as session:
            incident = get_incident(session, taken.incident_id, lock=True)
            row = get_fix(session, taken.fix_id, lock=True)
            if incident is None or row is None or row.owner != self._owner or row.status != RUNNING:
                return
            settle(session, incident, row, outcome, self._database.now_ms(session))

    def _let_go(self, taken: _Taken) -> None:
        """The server stops: whoever starts next does it anew."""
        with self._database.write(taken.organization_id, Urgency.HOUSEKEEPING) as session:
            row = get_fix(session, taken.fix_id, lock=True)
            if row is not None and row.owner == self._owner and row.status == RUNNING:
                row.owner, row.until_ms, row.tries = None, 0, row.tries - 1


class _Taken(msgspec.Struct, frozen=True):
    organization_id: str
    fix_id: str
    incident_id: str
    project_id: str | None
    tries: int


def _taken(row: IncidentFix) -> _Taken:
    return _Taken(row.organization_id, row.id, row.incident_id, row.project_id, row.tries)
