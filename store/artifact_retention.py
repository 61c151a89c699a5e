"""Artifacts that are too old, of runs that are gone, or of no run at all: they go a little at a time, like all that
grows old (store/retention.py). It runs where the files are: in a process that takes them in.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from model.settings import Settings
from model.times import DAY_MS
from store.artifact_files import ArtifactFiles
from store.artifact_quota import ArtifactQuota
from store.retention_passes import InPasses
from store.sessions import EVERY_ORGANIZATION, Database
from store.statements import rows, run
from store.write_lock import Urgency

RUNS_AT_ONCE = 5
_PAGE = 500
_OLD = "SELECT DISTINCT run_id FROM artifacts WHERE created_ms < ? AND passed IN (?, ?) LIMIT ?"
_PLACE = "SELECT id, run_id FROM artifacts WHERE id > ? ORDER BY id LIMIT ?"
_RUNS = "SELECT id FROM runs WHERE id IN ?"
_DIGESTS = "SELECT sha256 FROM artifact_files WHERE organization_id = ? AND sha256 IN ?"
_DRIFT = (
    "SELECT (SELECT COALESCE(SUM(size_bytes), 0) FROM artifact_files) - value FROM counters "
    "WHERE name = 'artifact_bytes'"
)


class ArtifactRetention(InPasses):
    """One pass after another. One thread at a time; any number of processes may do it, to no harm."""

    def __init__(self, database: Database, settings: Settings, files: ArtifactFiles, quota: ArtifactQuota) -> None:
        self._database = database
        self._settings = settings
        self._files = files
        self._quota = quota

    def _everything(self) -> Iterator[None]:
        yield from self._too_old()
        yield from self._of_runs_that_are_gone()
        yield from self._of_no_run()
        yield from self._what_nobody_knows()
        self._count_again()
        self._quota.make_room(Urgency.HOUSEKEEPING)  # the quota may be smaller than it was when they came

    def _too_old(self) -> Iterator[None]:
        with self._database.read(EVERY_ORGANIZATION) as session:
            before_ms = self._database.now_ms(session) - self._settings.retention_runs_days * DAY_MS
        while True:
            with self._database.read(EVERY_ORGANIZATION) as session:
                found = [row[0] for row in rows(session, _OLD, before_ms, True, False, RUNS_AT_ONCE)]
            if not found:
                return
            self._forget(found)
            yield

    def _of_runs_that_are_gone(self) -> Iterator[None]:
        after = ""
        while True:
            with self._database.read(EVERY_ORGANIZATION) as session:
                page = rows(session, _PLACE, after, _PAGE)
                run_ids = {row[1] for row in page}
                gone = sorted(run_ids - {row[0] for row in rows(session, _RUNS, sorted(run_ids))})
            for first in range(0, len(gone), RUNS_AT_ONCE):
                self._forget(gone[first : first + RUNS_AT_ONCE])
                yield
            if len(page) < _PAGE:
                return
            after = page[-1][0]

    def _of_no_run(self) -> Iterator[None]:
        while True:
            with self._database.write(EVERY_ORGANIZATION, Urgency.HOUSEKEEPING) as session:
                removed = self._quota.forget_useless(session)
            if not removed:
                return
            yield

    def _what_nobody_knows(self) -> Iterator[None]:
        for removed in self._files.sweep(self._known):
            if removed:
                yield

    def _known(self, organization_id: str, digests: Collection[str]) -> set[str]:
        with self._database.read(EVERY_ORGANIZATION) as session:
            return {row[0] for row in rows(session, _DIGESTS, organization_id, list(digests))}

    def _count_again(self) -> None:
        """The sum of all files as it is: an organization that goes takes its rows along, uncounted."""
        with self._database.read(EVERY_ORGANIZATION) as session:
            drift = int(rows(session, _DRIFT)[0][0])
        if drift:  # one statement saw both sides: whatever was added since changed them alike
            with self._database.write(EVERY_ORGANIZATION, Urgency.HOUSEKEEPING) as session:
                run(session, "UPDATE counters SET value = value + ? WHERE name = 'artifact_bytes'", drift)

    def _forget(self, run_ids: list[str]) -> None:
        with self._database.write(EVERY_ORGANIZATION, Urgency.HOUSEKEEPING) as session:
            self._quota.forget_runs(session, run_ids)
