"""Retention: what is too old goes, in small writes of housekeeping, and nothing else does."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import func, insert, select
from sqlalchemy.orm import Session

from model.settings import Settings
from model.times import DAY_MS, HOUR_MS
from store.audit import UNAUDITED
from store.checks import create_check, delete_check, get_check
from store.keyring import Keyring
from store.retention import Retention
from store.retention_size import used_bytes
from store.retention_walk import FEWEST_ROWS, MOST_ROWS, WRITE_MS, Deleting
from store.sessions import EVERY_ORGANIZATION, Database, Scope
from store.tables import (
    Base,
    Change,
    Check,
    CheckVersion,
    Dispatch,
    Gap,
    LocationState,
    Probe,
    ProbeInstance,
    RollupDay,
    RollupHour,
    Run,
)
from store.write_lock import Urgency
from tests.conftest import Clock
from tests.store.conftest import SECRET_KEYS, web_check


class Yard:
    """A store with old and young rows, and a sweep over it."""

    def __init__(self, database: Database, keyring: Keyring, organization: str, clock: Clock) -> None:
        self.database, self.keyring, self.organization, self.clock = database, keyring, organization, clock
        self.retention = Retention(database, Settings(secret_keys=SECRET_KEYS))
        self._made = 0

    def ago(self, milliseconds: float) -> int:
        return self.clock.now_ms - round(milliseconds)

    def check(self) -> str:
        with self.database.write(self.organization, Urgency.PEOPLE) as session:
            return create_check(session, self.keyring, self.organization, web_check(), self.clock.now_ms).id

    def delete_check(self, check_id: str) -> None:
        with self.database.write(self.organization, Urgency.PEOPLE) as session:
            check = get_check(session, check_id, lock=True)
            assert check is not None
            delete_check(session, check, self.clock.now_ms)

    def add(self, table: type[Base], *rows: dict[str, Any]) -> None:
        with self.database.write(EVERY_ORGANIZATION, Urgency.PEOPLE) as session:
            statement = insert(table).execution_options(**{UNAUDITED: True})
            session.execute(statement, [{"organization_id": self.organization, **row} for row in rows])

    def runs(self, check_id: str, *at_ms: int, status: str = "success", detail: bytes | None = None) -> None:
        self.add(Run, *(self._run(check_id, at, status, detail) for at in at_ms))

    def _run(self, check_id: str, at_ms: int, status: str, detail: bytes | None) -> dict[str, Any]:
        self._made += 1
        return {
            "id": f"run_{self._made:032}", "check_id": check_id, "check_version": 1, "location": "local",
            "at_ms": at_ms, "trigger": "schedule", "status": status, "detail": detail,
        }  # fmt: skip

    def sweep(self, retention: Retention | None = None) -> int:
        """One whole pass; how many steps it took."""
        steps = 0
        while (retention or self.retention).step():
            steps += 1
        return steps

    def left(self, column: Any) -> list[Any]:
        with self.database.read(EVERY_ORGANIZATION) as session:
            return list(session.scalars(select(column).order_by(column)))


@pytest.fixture
def yard(database: Database, keyring: Keyring, organization: str, clock: Clock) -> Yard:
    return Yard(database, keyring, organization, clock)


@contextmanager
def watched_writes(database: Database, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[tuple[Urgency, int]]]:
    """The urgency of each write, and how many rows it deleted."""
    writes: list[tuple[Urgency, int]] = []
    real = database.write

    @contextmanager
    def write(scope: Scope, urgency: Urgency) -> Iterator[Session]:
        with database.read(EVERY_ORGANIZATION) as session:
            before = _rows(session)
        with real(scope, urgency) as session:
            yield session
        with database.read(EVERY_ORGANIZATION) as session:
            writes.append((urgency, before - _rows(session)))

    monkeypatch.setattr(database, "write", write)
    yield writes
    monkeypatch.undo()


def _rows(session: Session) -> int:
    return sum(
        session.execute(select(func.count()).select_from(table)).scalar_one() for table in Base.metadata.sorted_tables
    )


def test_runs_older_than_their_days_go_and_the_others_stay(yard: Yard) -> None:
    one, other = yard.check(), yard.check()
    old, young = yard.ago(30 * DAY_MS + 1), yard.ago(30 * DAY_MS)
    for check_id in (one, other):
        yard.runs(check_id, old, old - 5, young, yard.clock.now_ms)
    yard.sweep()
    assert yard.left(Run.at_ms) == [young, young, yard.clock.now_ms, yard.clock.now_ms]


def test_the_days_are_those_of_the_setting(yard: Yard) -> None:
    check_id = yard.check()
    yard.runs(check_id, yard.ago(3 * DAY_MS), yard.ago(DAY_MS))
    yard.sweep(Retention(yard.database, Settings(retention_runs_days=2)))
    assert yard.left(Run.at_ms) == [yard.ago(DAY_MS)]


def test_each_write_is_small_and_gives_way_to_all_others(yard: Yard, monkeypatch: pytest.MonkeyPatch) -> None:
    check_id, removed = yard.check(), yard.check()
    yard.delete_check(removed)
    yard.runs(check_id, *(yard.ago(40 * DAY_MS + each) for each in range(3 * MOST_ROWS)))
    rollup = {"check_id": removed, "location": "local", "planned": 1, "success": 1, "failed": 0, "maintenance": 0}
    hours = [{**rollup, "bucket_ms": yard.ago(each * HOUR_MS), "duration_sum_ms": 1.0} for each in range(MOST_ROWS + 1)]
    yard.add(RollupHour, *hours)
    yard.clock.advance(DAY_MS + 1)
    with watched_writes(yard.database, monkeypatch) as writes:
        steps = yard.sweep()
    assert all(urgency is Urgency.HOUSEKEEPING and deleted <= MOST_ROWS for urgency, deleted in writes)
    assert len(writes) == steps
    assert yard.left(RollupHour.bucket_ms) == []
    assert yard.left(Check.id) == [check_id]


def test_a_batch_is_as_many_rows_as_the_disk_takes_in_a_few_milliseconds(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = iter([])  # type: ignore[var-annotated]
    monkeypatch.setattr("store.retention_walk.time.perf_counter", lambda: next(now))
    deleting = Deleting(database)

    def after(writes: int, took_ms: float) -> int:
        nonlocal now
        now = iter([moment for _ in range(writes) for moment in (0.0, took_ms / 1000)])
        for _ in range(writes):
            deleting.delete("DELETE FROM changes WHERE seq = ?", 0)
        return deleting.rows

    assert after(50, WRITE_MS + 1) == FEWEST_ROWS
    assert after(1, WRITE_MS - 1) > FEWEST_ROWS
    assert after(50, WRITE_MS - 1) == MOST_ROWS
    assert MOST_ROWS / 2 < after(1, 100 * WRITE_MS) < MOST_ROWS


def test_a_pass_with_nothing_too_old_writes_nothing(yard: Yard, monkeypatch: pytest.MonkeyPatch) -> None:
    yard.runs(yard.check(), yard.clock.now_ms)
    with watched_writes(yard.database, monkeypatch) as writes:
        assert yard.sweep() == 0
    assert writes == []


def test_what_grows_old_later_goes_in_a_later_pass(yard: Yard) -> None:
    yard.runs(yard.check(), yard.clock.now_ms)
    yard.sweep()
    assert len(yard.left(Run.id)) == 1
    yard.clock.advance(30 * DAY_MS + 1)
    yard.sweep()
    assert yard.left(Run.id) == []


def test_a_pass_that_failed_begins_again(yard: Yard, monkeypatch: pytest.MonkeyPatch) -> None:
    yard.runs(yard.check(), *(yard.ago(40 * DAY_MS + each) for each in range(MOST_ROWS + 1)))
    assert yard.retention.step()

    def fail(*_: object) -> None:
        raise ConnectionError

    with monkeypatch.context() as broken:
        broken.setattr(yard.database, "write", fail)
        with pytest.raises(ConnectionError):
            yard.retention.step()
    yard.sweep()
    assert yard.left(Run.id) == []


def test_rollups_by_hour_live_a_hundred_days_and_those_by_day_their_months(yard: Yard) -> None:
    check_id = yard.check()
    rollup = {
        "check_id": check_id, "location": "local", "planned": 1, "success": 1, "failed": 0, "maintenance": 0,
        "duration_sum_ms": 1.0,
    }  # fmt: skip
    for table, kept in ((RollupHour, 100 * DAY_MS), (RollupDay, 25 * 30.4375 * DAY_MS)):
        yard.add(table, {**rollup, "bucket_ms": yard.ago(kept)}, {**rollup, "bucket_ms": yard.ago(kept + 1)})
    yard.sweep()
    assert yard.left(RollupHour.bucket_ms) == [yard.ago(100 * DAY_MS)]
    assert yard.left(RollupDay.bucket_ms) == [yard.ago(25 * 30.4375 * DAY_MS)]


def test_gaps_live_as_long_as_runs(yard: Yard) -> None:
    gap = {
        "check_id": yard.check(), "location": "local", "slots": 9, "status": "missed", "error_code": "api_unreachable",
        "error_message": "away",
    }  # fmt: skip
    for number, end in enumerate((yard.ago(30 * DAY_MS + 1), yard.ago(30 * DAY_MS))):
        yard.add(Gap, {**gap, "id": f"gap_{number}", "from_ms": yard.ago(40 * DAY_MS), "to_ms": end})
    yard.sweep()
    assert yard.left(Gap.id) == ["gap_1"]


def test_changes_live_seven_days_and_their_numbers_go_on(yard: Yard) -> None:
    yard.check()
    yard.clock.advance(7 * DAY_MS)
    yard.check()
    yard.sweep()
    assert yard.left(Change.seq) == [1, 2]
    yard.clock.advance(1)
    yard.sweep()
    assert yard.left(Change.seq) == [2]
    yard.check()
    assert yard.left(Change.seq) == [2, 3]


def test_closed_dispatches_live_a_day_and_open_ones_stay(yard: Yard) -> None:
    day = DAY_MS
    dispatch = {
        "location": "local", "kind": "network", "priority": 1, "runs": [], "first_limit_ms": 0, "last_limit_ms": 0,
        "token": 1,
    }  # fmt: skip
    rows = [
        {**dispatch, "id": f"dsp_{number:04}", "created_ms": yard.ago(3 * day) + number, "closed_ms": closed}
        for number, closed in enumerate(
            [None, yard.ago(day + 1), yard.ago(day)] + [yard.ago(2 * day)] * (2 * MOST_ROWS)
        )
    ]
    yard.add(Dispatch, *rows)
    yard.sweep()
    assert yard.left(Dispatch.id) == ["dsp_0000", "dsp_0002"]


def test_gone_instances_go_but_the_one_that_says_when_a_probe_was_heard_from(yard: Yard) -> None:
    for name, deleted in (("kept", None), ("deleted", yard.ago(2 * DAY_MS))):
        probe = {"id": f"prb_{name}", "name": name, "location": "local", "key_hash": name, "hint": "", "created_ms": 1}
        yard.add(Probe, {**probe, "deleted_ms": deleted})
        yard.add(
            ProbeInstance,
            *(
                {
                    "id": f"{name}-{age}", "probe_id": f"prb_{name}", "location": "local",
                    "lease_until_ms": yard.ago(age * DAY_MS), "seen_ms": yard.ago(age * DAY_MS), "started_ms": 0,
                    "version": "0", "capabilities": [], "types": [], "running": 0, "spool": 0, "self_check": "off",
                    "stopping": False,
                }
                for age in (2, 3, 4)
            ),
        )  # fmt: skip
    yard.sweep()
    assert yard.left(ProbeInstance.id) == ["kept-2"]


def test_a_deleted_check_goes_for_good_with_its_last_run(yard: Yard) -> None:
    check_id, kept = yard.check(), yard.check()
    yard.runs(check_id, yard.clock.now_ms)
    yard.add(LocationState, {"check_id": check_id, "location": "local", "degraded": False, "unrun_slots": 0})
    rollup = {
        "location": "local", "bucket_ms": yard.clock.now_ms, "planned": 1, "success": 1, "failed": 0,
        "maintenance": 0, "duration_sum_ms": 1.0,
    }  # fmt: skip
    for table in (RollupHour, RollupDay):
        yard.add(table, {**rollup, "check_id": check_id}, {**rollup, "check_id": kept})
    yard.delete_check(check_id)
    yard.clock.advance(DAY_MS + 1)
    yard.sweep()
    assert check_id in yard.left(Check.id)
    yard.clock.advance(30 * DAY_MS)
    yard.sweep()
    for column in (Check.id, CheckVersion.check_id, RollupHour.check_id, RollupDay.check_id):
        assert set(yard.left(column)) == {kept}
    assert yard.left(LocationState.check_id) == []


def test_a_check_deleted_lately_stays_for_the_results_on_their_way(yard: Yard) -> None:
    check_id = yard.check()
    yard.delete_check(check_id)
    yard.clock.advance(DAY_MS)
    yard.sweep()
    assert yard.left(Check.id) == [check_id]


@pytest.mark.parametrize("store", ["sqlite"], indirect=True)
class TestBySize:
    @pytest.fixture
    def full(self, yard: Yard) -> Callable[[float], Retention]:
        """Two checks with 100 hours of runs of 2 kB, one in five failed; -> a retention that allows that share."""
        empty = used_bytes(yard.database)
        for check_id in (yard.check(), yard.check()):
            for hour in range(100):
                at = [yard.ago(hour * HOUR_MS + minute * 60_000) for minute in range(1, 21)]
                yard.runs(check_id, *at[4:], detail=b"x" * 2000)
                yard.runs(check_id, *at[:4], status="failed", detail=b"x" * 2000)
        added = used_bytes(yard.database) - empty

        def limited(share: float) -> Retention:
            return Retention(yard.database, Settings(retention_gb=(empty + share * added) / 1e9))

        return limited

    def times(self, yard: Yard, status: str) -> list[int]:
        with yard.database.read(EVERY_ORGANIZATION) as session:
            return list(session.scalars(select(Run.at_ms).where(Run.status == status).order_by(Run.at_ms)))

    def test_nothing_goes_within_the_budget(self, yard: Yard, full: Callable[[float], Retention]) -> None:
        assert yard.sweep(full(1.01)) == 0

    def test_the_oldest_passing_runs_go_first(self, yard: Yard, full: Callable[[float], Retention]) -> None:
        passed = self.times(yard, "success")
        yard.sweep(full(0.7))
        kept = self.times(yard, "success")
        assert len(self.times(yard, "failed")) == 800
        gone = len(passed) - len(kept)
        assert 0.25 * 4000 < gone < 0.5 * 4000
        hour_of_the_last = 2 * 20 + MOST_ROWS
        assert kept[0] >= passed[gone - hour_of_the_last]
        assert kept[hour_of_the_last:] == passed[gone + hour_of_the_last :]

    def test_then_the_oldest_of_any_status(self, yard: Yard, full: Callable[[float], Retention]) -> None:
        failed = self.times(yard, "failed")
        yard.sweep(full(0.1))
        assert max(self.times(yard, "success")) > yard.ago(HOUR_MS)
        assert min(self.times(yard, "success")) >= yard.ago(HOUR_MS)
        kept = self.times(yard, "failed")
        assert 0 < len(kept) < 600
        assert kept[50:] == failed[len(failed) - len(kept) + 50 :]

    def test_the_newest_hour_stays_whatever_it_weighs(self, yard: Yard, full: Callable[[float], Retention]) -> None:
        retention = full(0)
        yard.sweep(retention)
        assert len(yard.left(Run.id)) == 40
        assert yard.sweep(retention) == 0

    def test_hours_without_passing_runs_are_not_searched_again(
        self, yard: Yard, full: Callable[[float], Retention]
    ) -> None:
        retention = full(0.5)
        yard.sweep(retention)
        assert retention._passing_gone_ms > yard.ago(100 * HOUR_MS)
        check_id = yard.left(Check.id)[0]
        yard.runs(check_id, *(yard.ago(each) for each in range(1, 1200)), detail=b"x" * 2000)
        assert yard.sweep(retention) > 0
        assert min(self.times(yard, "success")) >= retention._passing_gone_ms - HOUR_MS
