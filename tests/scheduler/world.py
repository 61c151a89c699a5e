"""A world for scheduler tests: checks written as the API writes them, and what became of their slots."""

from __future__ import annotations

from collections import Counter
from typing import Any

import msgspec
from sqlalchemy import select, text

from model.ids import new_id, phase_ms, slot_run_id
from model.schedule import Schedule
from store.changes import append_change
from store.sessions import EVERY_ORGANIZATION, Database
from store.tables import Check, CheckVersion, Dispatch, Gap, Probe, ProbeInstance, Run
from store.write_lock import Urgency
from tests.conftest import Clock


class World:
    """One organization's checks, probes and runs. Times are the test's clock's."""

    def __init__(self, database: Database, clock: Clock, organization: str) -> None:
        self.database, self.clock, self.organization = database, clock, organization

    def check(
        self,
        interval_s: float | None = 10,
        *,
        locations: tuple[str, ...] = ("eu",),
        cron: str | None = None,
        kind: str = "network",
        from_ms: int | None = None,
        budget_ms: int = 30_000,
    ) -> str:
        """A new check, due from `from_ms` on (default: now)."""
        interval_ms = None if cron else round((interval_s or 60) * 1000)
        return self._checks(1, Schedule(kind, locations, budget_ms, interval_ms, cron), from_ms)[0]

    def checks(self, count: int, interval_s: float = 10) -> list[str]:
        """So many checks alike, due from now on."""
        return self._checks(count, Schedule("network", ("eu",), 30_000, round(interval_s * 1000)), None)

    def _checks(self, count: int, schedule: Schedule, from_ms: int | None) -> list[str]:
        now = self.clock.now_ms
        begins = now if from_ms is None else from_ms
        ids = [new_id("mon", now) for _ in range(count)]
        with self.database.write(EVERY_ORGANIZATION, Urgency.PEOPLE) as session:
            session.add_all(
                Check(
                    id=check_id, organization_id=self.organization, type="url", kind=schedule.kind, name=check_id,
                    status="active", version=1, definition={}, secrets=None, locations=list(schedule.locations),
                    created_ms=begins, updated_ms=now, deleted_ms=None,
                )
                for check_id in ids
            )  # fmt: skip
            session.flush()
            for check_id in ids:
                self._version(session, check_id, 1, schedule, begins)
            for check_id in ids:
                append_change(session, self.organization, "check", check_id, now)
        return ids

    def edit(self, check_id: str, schedule: Schedule | None, from_ms: int, *, deleted: bool = False) -> None:
        """A new version: another schedule, or None for a pause or deletion."""
        with self.database.write(EVERY_ORGANIZATION, Urgency.PEOPLE) as session:
            check = session.get_one(Check, check_id)
            check.version += 1
            check.status = "paused" if schedule is None else "active"
            if deleted:
                check.deleted_ms = from_ms
            session.flush()
            self._version(session, check_id, check.version, schedule, from_ms)
            append_change(session, self.organization, "check", check_id, self.clock.now_ms)

    def _version(self, session: Any, check_id: str, version: int, schedule: Schedule | None, from_ms: int) -> None:
        stored = None if schedule is None else msgspec.to_builtins(schedule)
        session.add(
            CheckVersion(
                check_id=check_id, organization_id=self.organization, version=version, definition={},
                schedule=stored, from_ms=from_ms, created_ms=self.clock.now_ms,
            )
        )  # fmt: skip

    def probe(self, location: str = "eu", *, lease_ms: int | None = None, capabilities: tuple[str, ...] = ("network",)):
        """A registered probe; with `lease_ms`, an instance of it too, leased so long from now. The instance's id."""
        now = self.clock.now_ms
        probe_id, instance_id = new_id("prb", now), new_id("ins", now)
        with self.database.write(EVERY_ORGANIZATION, Urgency.PEOPLE) as session:
            session.add(
                Probe(
                    id=probe_id, organization_id=self.organization, name=probe_id, location=location,
                    key_hash=probe_id, hint="", created_ms=now, deleted_ms=None,
                )
            )  # fmt: skip
            session.flush()
            if lease_ms is not None:
                session.add(
                    ProbeInstance(
                        id=instance_id, organization_id=self.organization, probe_id=probe_id, location=location,
                        lease_until_ms=now + lease_ms, started_ms=now, seen_ms=now, version="1",
                        capabilities=list(capabilities), types=["url"], running=0, spool=0, self_check="off",
                        stopping=False,
                    )
                )  # fmt: skip
        return instance_id

    def lease(self, dispatch_id: str, instance_id: str) -> int:
        """Lease a dispatch; the new token."""
        with self.database.write(EVERY_ORGANIZATION, Urgency.RESULTS) as session:
            dispatch = session.get_one(Dispatch, dispatch_id)
            dispatch.instance_id, dispatch.leased_ms = instance_id, self.clock.now_ms
            dispatch.token += 1
            return dispatch.token

    def dispatches(self) -> list[Dispatch]:
        with self.database.read(EVERY_ORGANIZATION) as session:
            return list(session.scalars(select(Dispatch).order_by(Dispatch.id)))

    def dispatched(self) -> list[tuple[str, int]]:
        """(check id, due_ms) of every run in a dispatch, by time."""
        runs = [planned for dispatch in self.dispatches() for planned in dispatch.runs]
        for run_id, check_id, due_ms, _, _ in runs:
            assert run_id in {slot_run_id(check_id, place, due_ms) for place in ("eu", "us", "asia")}
        return sorted(((planned[1], planned[2]) for planned in runs), key=lambda slot: (slot[1], slot[0]))

    def dispatched_ids(self) -> Counter[str]:
        return Counter(planned[0] for dispatch in self.dispatches() for planned in dispatch.runs)

    def runs(self) -> list[Run]:
        with self.database.read(EVERY_ORGANIZATION) as session:
            return list(session.scalars(select(Run).order_by(Run.at_ms, Run.id)))

    def gaps(self) -> list[Gap]:
        with self.database.read(EVERY_ORGANIZATION) as session:
            return list(session.scalars(select(Gap).order_by(Gap.from_ms, Gap.id)))

    def scalar(self, query: str) -> Any:
        with self.database.engine.connect() as connection:
            return connection.execute(text(query)).scalar()


def due_slots(check_id: str, interval_ms: int, after_ms: int, until_ms: int, location: str = "eu") -> list[int]:
    """The due times in (after_ms, until_ms], one by one."""
    phase = phase_ms(check_id, location, interval_ms)
    first = after_ms + 1 + (phase - after_ms - 1) % interval_ms
    return list(range(first, until_ms + 1, interval_ms))
