"""What is old goes, a little at a time, beside live traffic: no deletion holds the writer's lock longer than a few ms.

`runs` has no index by age, on purpose: one more index is paid for by every run that is ever stored, and this is the
only reader it would have. The walk goes check by check along the index of slots instead (check, time), where the
expired runs of a check are one short range; a check with nothing to delete costs one look-up, some 10 us. What to
delete is read outside the lock; only the deletion itself, by primary key, is a write.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Literal

from sqlalchemy.orm import Session

from model.settings import Settings
from model.times import DAY_MS
from store.retention_size import runs_over_budget
from store.retention_walk import BATCH, check_chunks, delete_runs, expired_runs
from store.sessions import EVERY_ORGANIZATION, Database
from store.statements import rows, run, run_many
from store.write_lock import Urgency

HOURS_KEPT_MS = 100 * DAY_MS
"""Rollups by hour serve reports of a quarter; older days have their rollup by day. Kept as long as those they would be
nine tenths of the database."""
CHANGES_KEPT_MS = 7 * DAY_MS
CLOSED_KEPT_MS = DAY_MS
"""Closed dispatches and gone probe instances linger, so that a late result can be judged."""
_MONTH_MS = round(30.4375 * DAY_MS)


@dataclass(frozen=True)
class Horizons:
    """Before these instants (ms) a row of its kind is too old."""

    runs: int
    hours: int
    days: int
    changes: int
    closed: int

    @classmethod
    def at(cls, now_ms: int, settings: Settings) -> Horizons:
        days = now_ms - settings.retention_rollups_months * _MONTH_MS
        return cls(
            runs=now_ms - settings.retention_runs_days * DAY_MS,
            hours=max(days, now_ms - max(HOURS_KEPT_MS, settings.retention_runs_days * DAY_MS)),
            days=days,
            changes=now_ms - CHANGES_KEPT_MS,
            closed=now_ms - CLOSED_KEPT_MS,
        )


class Retention:
    """One pass after another over everything that grows old. One thread at a time; a job drives it:

    while retention.step():
        pause()                     50 ms, say: others write meanwhile
    """

    def __init__(self, database: Database, settings: Settings) -> None:
        self._database = database
        self._settings = settings
        self._pass: Iterator[int] | None = None
        self._passing_gone_ms = 0

    def step(self) -> bool:
        """Delete one batch, BATCH rows or fewer in one short write of housekeeping. True: there may be more; pause,
        then call again. False: the pass is over, nothing that is too old was left; the next call begins a new one."""
        current, self._pass = self._pass or self._everything(), None
        deleted = next(current, None)  # whatever it raises ends the pass: the next call begins a new one
        if deleted is None:
            return False
        self._pass = current
        return True

    def _everything(self) -> Iterator[int]:
        with self._database.read(EVERY_ORGANIZATION) as session:
            now_ms = self._database.now_ms(session)
        horizons = Horizons.at(now_ms, self._settings)
        yield from self._runs_and_gaps(horizons.runs)
        yield from self._rollups("rollups_hour", horizons.hours)
        yield from self._rollups("rollups_day", horizons.days)
        yield from self._changes(horizons.changes)
        yield from self._dispatches(horizons.closed)
        yield from self._instances(horizons.closed)
        yield from self._removed_checks(horizons.closed)
        if self._database.sqlite:
            yield from self._by_size(now_ms)

    def _runs_and_gaps(self, before_ms: int) -> Iterator[int]:
        gaps = "SELECT id FROM gaps WHERE check_id IN ? AND to_ms < ? LIMIT ?"
        for chunk in check_chunks(self._database):
            while ids := expired_runs(self._database, chunk, before_ms):
                yield delete_runs(self._database, ids)
            while ids := self._found(gaps, chunk, before_ms, BATCH):
                yield self._delete("DELETE FROM gaps WHERE id IN ?", ids)

    def _rollups(self, table: Literal["rollups_hour", "rollups_day"], before_ms: int) -> Iterator[int]:
        old = f"SELECT check_id, bucket_ms, location FROM {table} WHERE bucket_ms < ? LIMIT ?"  # noqa: S608
        yield from self._rollups_found(table, old, before_ms)

    def _rollups_found(self, table: str, query: str, value: int | str) -> Iterator[int]:
        one = f"DELETE FROM {table} WHERE check_id = ? AND bucket_ms = ? AND location = ?"  # noqa: S608
        while True:
            with self._database.read(EVERY_ORGANIZATION) as session:
                keys = [tuple(row) for row in rows(session, query, value, BATCH)]
            if not keys:
                return
            with self._write() as session:
                run_many(session, one, keys)
            yield len(keys)

    def _changes(self, before_ms: int) -> Iterator[int]:
        """Numbers rise with time, so the old ones are the first."""
        while True:
            with self._database.read(EVERY_ORGANIZATION) as session:
                first = rows(session, "SELECT seq, at_ms FROM changes ORDER BY seq LIMIT ?", BATCH)
            old = [seq for seq, at_ms in first if at_ms < before_ms]
            if not old:
                return
            yield self._delete("DELETE FROM changes WHERE seq <= ?", max(old))

    def _dispatches(self, before_ms: int) -> Iterator[int]:
        """Ids sort by age, so the walk ends at the first that was made too lately to be old."""
        after = ""
        query = "SELECT id, created_ms, closed_ms FROM dispatches WHERE id > ? ORDER BY id LIMIT ?"
        while True:
            with self._database.read(EVERY_ORGANIZATION) as session:
                found = rows(session, query, after, BATCH)
            old = [row[0] for row in found if row[2] is not None and row[2] < before_ms]
            if old:
                yield self._delete("DELETE FROM dispatches WHERE id IN ?", old)
            if len(found) < BATCH or found[-1][1] >= before_ms:
                return
            after = found[-1][0]

    def _instances(self, before_ms: int) -> Iterator[int]:
        """The newest instance of a probe stays: it says when the probe was last heard from."""
        query = (
            "SELECT i.id FROM probe_instances i JOIN probes p ON p.id = i.probe_id WHERE i.lease_until_ms < ? AND "
            "(p.deleted_ms IS NOT NULL OR EXISTS (SELECT 1 FROM probe_instances n WHERE n.probe_id = i.probe_id "
            "AND n.seen_ms > i.seen_ms)) LIMIT ?"
        )
        while ids := self._found(query, before_ms, BATCH):
            yield self._delete("DELETE FROM probe_instances WHERE id IN ? AND lease_until_ms < ?", ids, before_ms)

    def _removed_checks(self, before_ms: int) -> Iterator[int]:
        """A check that was deleted goes for good when its last run has gone, and takes its history of counts along."""
        query = (
            "SELECT c.id FROM checks c WHERE c.deleted_ms < ? AND NOT EXISTS "
            "(SELECT 1 FROM runs r WHERE r.check_id = c.id) LIMIT ?"
        )
        while ids := self._found(query, before_ms, BATCH):
            for check_id in ids:
                for table in ("rollups_hour", "rollups_day"):
                    own = f"SELECT check_id, bucket_ms, location FROM {table} WHERE check_id = ? LIMIT ?"  # noqa: S608
                    yield from self._rollups_found(table, own, check_id)
                while gaps := self._found("SELECT id FROM gaps WHERE check_id = ? LIMIT ?", check_id, BATCH):
                    yield self._delete("DELETE FROM gaps WHERE id IN ?", gaps)
                yield self._delete("DELETE FROM checks WHERE id = ?", check_id)

    def _by_size(self, now_ms: int) -> Iterator[int]:
        budget = round(self._settings.retention_gb * 1_000_000_000)
        for deleted, passing_gone_ms in runs_over_budget(self._database, budget, now_ms, self._passing_gone_ms):
            self._passing_gone_ms = passing_gone_ms
            yield deleted

    def _found(self, query: str, *values: object) -> list[str]:
        with self._database.read(EVERY_ORGANIZATION) as session:
            return [row[0] for row in rows(session, query, *values)]

    def _delete(self, statement: str, *values: object) -> int:
        with self._write() as session:
            return run(session, statement, *values)

    def _write(self) -> AbstractContextManager[Session]:
        return self._database.write(EVERY_ORGANIZATION, Urgency.HOUSEKEEPING)
