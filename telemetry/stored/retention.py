"""What a project no longer keeps goes, a little at a time, beside what comes in: by when it was received.

What is to go is read outside the writer's lock; only the deletion itself, by number, is a write of some 5 ms.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from model.settings import Settings
from model.times import DAY_MS
from store.project_tables import Project
from store.retention_passes import InPasses
from store.retention_size import used_bytes
from store.retention_walk import Deleting
from store.sessions import EVERY_ORGANIZATION, Database
from store.statements import is_sqlite, run, run_many
from store.write_lock import Urgency
from telemetry.agents.stored.retention import oldest_session, sessions_before
from telemetry.stored.head import events_before, generations_before, spans_before
from telemetry.stored.storing import COUNT, EVENTS, GENERATIONS, TRACES, month_of

RELEASES_KEPT_MS = 730 * DAY_MS
USAGE_KEPT_MS = 400 * DAY_MS
_EVERY = 1 << 60
SPACE = "space"
"""The reason for what went before its time, so that the store stays within TRACER_TELEMETRY_GB."""
_KINDS: Mapping[str, str] = {"events": EVENTS, "spans": TRACES, "generations": GENERATIONS}
_BEFORE = {"events": events_before, "spans": spans_before, "generations": generations_before}
_UNINDEX = (
    "INSERT INTO events_text (events_text, rowid, search) SELECT 'delete', seq, search FROM events WHERE seq IN ?"
)
_OLD_ISSUES = (
    "SELECT i.number FROM issues i WHERE i.project = ? AND i.last_seq <= ? AND NOT EXISTS (SELECT 1 FROM events e "
    "WHERE e.issue = i.number) AND NOT EXISTS (SELECT 1 FROM issues m WHERE m.merged_into = i.number) LIMIT ?"
)
_OLD_MAPS = (
    "SELECT m.number FROM source_maps m WHERE m.project = ? AND m.created_ms < ? AND NOT EXISTS (SELECT 1 FROM "
    "issue_releases r JOIN issues i ON i.number = r.issue WHERE i.project = m.project AND r.release = m.release "
    "AND r.last_ms >= ?) LIMIT ?"
)


@dataclass(frozen=True)
class _Kept:
    """What a project keeps: what was received since `since_ms`; None: nothing, it was deleted."""

    project: int
    since_ms: int | None

    def last(self, session: Session, table: str) -> int:
        """The number of the last row that it need not keep."""
        return _EVERY if self.since_ms is None else _BEFORE[table](session, self.since_ms)


class TelemetryRetention(InPasses):
    """One pass after another, as store.retention.Retention does it: call `step` with a pause after each."""

    def __init__(self, database: Database, settings: Settings) -> None:
        """`database`: the main store."""
        self._database = database
        self._store = database.telemetry
        self._settings = settings
        self._deleting = Deleting(self._store)

    def _everything(self) -> Iterator[int]:
        with self._store.read(EVERY_ORGANIZATION) as session:
            now_ms = self._store.now_ms(session)
        for kept in self._projects(now_ms):
            for table in _KINDS:
                yield from self._old_rows(table, kept)
            yield from self._old_issues(kept)
            yield from self._old_maps(kept)
            yield from sessions_before(self._deleting, kept.project, _EVERY if kept.since_ms is None else kept.since_ms)
        yield from sessions_before(self._deleting, None, now_ms - self._settings.retention_runs_days * DAY_MS)
        yield from self._old_figures(now_ms)
        if self._store.sqlite:
            yield from self._by_size(now_ms)

    def _projects(self, now_ms: int) -> list[_Kept]:
        with self._database.read(EVERY_ORGANIZATION) as session:
            found = session.execute(select(Project.number, Project.retention_days, Project.deleted_ms)).all()
        return [
            _Kept(number, now_ms - days * DAY_MS if deleted_ms is None else None) for number, days, deleted_ms in found
        ]

    def _old_rows(self, table: str, kept: _Kept) -> Iterator[int]:
        with self._store.read(EVERY_ORGANIZATION) as session:
            last = kept.last(session, table)
        query = f"SELECT seq FROM {table} WHERE project = ? AND seq <= ? ORDER BY seq LIMIT ?"  # noqa: S608
        while found := self._deleting.find(query, kept.project, last):
            yield self._delete(table, [int(row[0]) for row in found])

    def _delete(self, table: str, numbers: list[int]) -> int:
        with self._deleting.timed() as session:
            return _delete(session, table, numbers)

    def _old_issues(self, kept: _Kept) -> Iterator[int]:
        """Those that no event is left of, whose events had all been received by then."""
        with self._store.read(EVERY_ORGANIZATION) as session:
            last = kept.last(session, "events")
        while found := self._deleting.find(_OLD_ISSUES, kept.project, last):
            numbers = [int(row[0]) for row in found]
            with self._deleting.timed() as session:
                for table in ("fingerprints", "issue_users", "issue_releases"):
                    run(session, f"DELETE FROM {table} WHERE issue IN ?", numbers)  # noqa: S608
                deleted = run(session, "DELETE FROM issues WHERE number IN ?", numbers)
            yield deleted

    def _old_maps(self, kept: _Kept) -> Iterator[int]:
        """Those of releases that nothing has been heard of for as long."""
        since_ms = _EVERY if kept.since_ms is None else kept.since_ms
        while found := self._deleting.find(_OLD_MAPS, kept.project, since_ms, since_ms):
            numbers = [int(row[0]) for row in found]
            with self._deleting.timed() as session:
                run(session, "DELETE FROM source_map_files WHERE number IN ?", numbers)
                deleted = run(session, "DELETE FROM source_maps WHERE number IN ?", numbers)
            yield deleted

    def _old_figures(self, now_ms: int) -> Iterator[int]:
        with self._store.write(EVERY_ORGANIZATION, Urgency.HOUSEKEEPING) as session:
            deleted = run(session, "DELETE FROM usage WHERE month < ?", month_of(now_ms - USAGE_KEPT_MS))
            deleted += run(session, "DELETE FROM releases WHERE created_ms < ?", now_ms - RELEASES_KEPT_MS)
            deleted += run(session, "DELETE FROM bodies WHERE until_ms <= ?", now_ms)
        yield deleted

    def _by_size(self, now_ms: int) -> Iterator[int]:
        """The oldest of each kind go first, and are counted as dropped; of agents' runs, which are not counted, that
        which nothing has come of for longest."""
        budget = round(self._settings.telemetry_gb * 1_000_000_000)
        while used_bytes(self._store) > budget:
            gone = 0
            for table, kind in _KINDS.items():
                found = self._deleting.find(f"SELECT seq, project FROM {table} ORDER BY seq LIMIT ?")  # noqa: S608
                if found:
                    with self._deleting.timed() as session:
                        gone += _delete(session, table, [int(row[0]) for row in found])
                        _count_space(session, kind, [int(row[1]) for row in found], now_ms)
            gone += oldest_session(self._deleting)
            if not gone:
                return
            yield gone


def _delete(session: Session, table: str, numbers: list[int]) -> int:
    if table == "events" and is_sqlite(session):
        run(session, _UNINDEX, numbers)
    return run(session, f"DELETE FROM {table} WHERE seq IN ?", numbers)  # noqa: S608


def _count_space(session: Session, kind: str, projects: list[int], now_ms: int) -> None:
    counts = {project: projects.count(project) for project in sorted(set(projects))}
    month = month_of(now_ms)
    run_many(session, COUNT, [(project, month, kind, SPACE, count) for project, count in counts.items()])
