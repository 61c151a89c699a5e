"""What is old goes, a little at a time, beside live traffic: no deletion holds the writer's lock longer than a few ms.

`runs` has no index by age, on purpose: one more index is paid for by every run that is ever stored, and this is the
only reader it would have. The walk goes check by check along the index of slots instead (check, time), where the
expired runs of a check are one short range; a check with nothing to delete costs one look-up, some 10 us. What to
delete is read outside the lock; only the deletion itself, by primary key, is a write.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from model.settings import Settings
from model.times import DAY_MS
from store.news import KEPT_MS as NEWS_KEPT_MS
from store.news import news_steps
from store.retention_alerting import TOLD_KEPT_MS, AlertingHorizons, alerting_steps
from store.retention_batches import batch_steps
from store.retention_incidents import incident_steps
from store.retention_passes import InPasses
from store.retention_size import runs_over_budget
from store.retention_walk import Deleting, check_chunks
from store.sessions import EVERY_ORGANIZATION, Database
from store.walk_progress import KEPT_MS as WALKS_KEPT_MS
from store.walk_progress import progress_steps

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
    alerting: AlertingHorizons

    @classmethod
    def at(cls, now_ms: int, settings: Settings) -> Horizons:
        days = now_ms - settings.retention_rollups_months * _MONTH_MS
        runs = now_ms - settings.retention_runs_days * DAY_MS
        return cls(
            runs=runs,
            hours=max(days, now_ms - max(HOURS_KEPT_MS, settings.retention_runs_days * DAY_MS)),
            days=days,
            changes=now_ms - CHANGES_KEPT_MS,
            closed=now_ms - CLOSED_KEPT_MS,
            alerting=AlertingHorizons(decisions=runs, alerts=days, told=now_ms - TOLD_KEPT_MS, sign_ins=now_ms),
        )


class Retention(InPasses):
    """Over everything that grows old: a step deletes one batch, 500 rows or fewer, in one write."""

    def __init__(self, database: Database, settings: Settings) -> None:
        self._database = database
        self._settings = settings
        self._deleting = Deleting(database)
        self._passing_gone_ms = 0

    def _everything(self) -> Iterator[int]:
        with self._database.read(EVERY_ORGANIZATION) as session:
            now_ms = self._database.now_ms(session)
        horizons = Horizons.at(now_ms, self._settings)
        yield from self._runs_and_gaps(horizons.runs)
        for chunk in check_chunks(self._database):
            yield from self._rollups("rollups_hour", "check_id IN ? AND bucket_ms < ?", chunk, horizons.hours)
            yield from self._rollups("rollups_day", "check_id IN ? AND bucket_ms < ?", chunk, horizons.days)
        yield from alerting_steps(self._database, self._deleting, horizons.alerting)
        yield from incident_steps(self._database, self._deleting, horizons.alerting, now_ms)
        yield from batch_steps(self._deleting, now_ms, horizons.runs)
        yield from news_steps(self._deleting, now_ms - NEWS_KEPT_MS)
        yield from progress_steps(self._deleting, now_ms - WALKS_KEPT_MS)
        yield from self._changes(horizons.changes)
        yield from self._dispatches(horizons.closed)
        yield from self._by_id("drafts", "expires_ms < ?", now_ms)
        yield from self._instances(horizons.closed)
        yield from self._removed_checks(horizons.closed)
        if self._database.sqlite:
            yield from self._by_size(now_ms)

    def _runs_and_gaps(self, before_ms: int) -> Iterator[int]:
        for chunk in check_chunks(self._database):
            yield from self._by_id("runs", "check_id IN ? AND at_ms < ?", chunk, before_ms)
            yield from self._by_id("gaps", "check_id IN ? AND to_ms < ?", chunk, before_ms)

    def _by_id(self, table: str, condition: str, *values: object) -> Iterator[int]:
        query = f"SELECT id FROM {table} WHERE {condition} LIMIT ?"  # noqa: S608
        while ids := self._deleting.find_ids(query, *values):
            yield self._deleting.delete(f"DELETE FROM {table} WHERE id IN ?", ids)  # noqa: S608

    def _rollups(self, table: str, condition: str, *values: object) -> Iterator[int]:
        query = f"SELECT check_id, bucket_ms, location FROM {table} WHERE {condition} LIMIT ?"  # noqa: S608
        one = f"DELETE FROM {table} WHERE check_id = ? AND bucket_ms = ? AND location = ?"  # noqa: S608
        while keys := self._deleting.find(query, *values):
            yield self._deleting.delete_each(one, [tuple(key) for key in keys])

    def _changes(self, before_ms: int) -> Iterator[int]:
        """Numbers rise with time, so the old ones are the first."""
        while True:
            first = self._deleting.find("SELECT seq, at_ms FROM changes ORDER BY seq LIMIT ?")
            old = [seq for seq, at_ms in first if at_ms < before_ms]
            if not old:
                return
            yield self._deleting.delete("DELETE FROM changes WHERE seq <= ?", max(old))

    def _dispatches(self, before_ms: int) -> Iterator[int]:
        """Ids sort by age, so the walk ends at the first that was made too lately to be old."""
        after = ""
        query = "SELECT id, created_ms, closed_ms FROM dispatches WHERE id > ? ORDER BY id LIMIT ?"
        while found := self._deleting.find(query, after):
            old = [row[0] for row in found if row[2] is not None and row[2] < before_ms]
            if old:
                yield self._deleting.delete("DELETE FROM dispatches WHERE id IN ?", old)
            if found[-1][1] >= before_ms:
                return
            after = found[-1][0]

    def _instances(self, before_ms: int) -> Iterator[int]:
        """The newest instance of a probe stays: it says when the probe was last heard from."""
        query = (
            "SELECT i.id FROM probe_instances i JOIN probes p ON p.id = i.probe_id WHERE i.lease_until_ms < ? AND "
            "(p.deleted_ms IS NOT NULL OR EXISTS (SELECT 1 FROM probe_instances n WHERE n.probe_id = i.probe_id "
            "AND n.seen_ms > i.seen_ms)) LIMIT ?"
        )
        while ids := self._deleting.find_ids(query, before_ms):
            statement = "DELETE FROM probe_instances WHERE id IN ? AND lease_until_ms < ?"  # one may have come back
            yield self._deleting.delete(statement, ids, before_ms)

    def _removed_checks(self, before_ms: int) -> Iterator[int]:
        """A check that was deleted goes for good when its last run has gone, and takes its history of counts along."""
        query = (
            "SELECT c.id FROM checks c WHERE c.deleted_ms < ? AND NOT EXISTS "
            "(SELECT 1 FROM runs r WHERE r.check_id = c.id) LIMIT ?"
        )
        while ids := self._deleting.find_ids(query, before_ms):
            for check_id in ids:
                yield from self._rollups("rollups_hour", "check_id = ?", check_id)
                yield from self._rollups("rollups_day", "check_id = ?", check_id)
                yield from self._by_id("gaps", "check_id = ?", check_id)
                yield from self._by_id("decisions", "check_id = ?", check_id)
                yield self._deleting.delete("DELETE FROM checks WHERE id = ?", check_id)

    def _by_size(self, now_ms: int) -> Iterator[int]:
        budget = round(self._settings.retention_gb * 1_000_000_000)
        steps = runs_over_budget(self._database, self._deleting, budget, now_ms, self._passing_gone_ms)
        for deleted, passing_gone_ms in steps:
            self._passing_gone_ms = passing_gone_ms
            yield deleted
