"""What scheduling costs: CPU per slot of a tick, and the time to be right again after two days asleep.

    python benchmarks/ticks.py [--url postgresql+psycopg://…]

Ticks follow one another with no pause under a clock that moves 250 ms each, so the figures are CPU, not waiting. On
PostgreSQL the server's own CPU is not counted. The database is written to: give an empty one.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import msgspec
import structlog
from sqlalchemy import insert

from migrations.upgrade import upgrade
from model.ids import new_id
from model.schedule import Schedule
from scheduler.catch_up import CatchUp
from scheduler.figures import Figures
from scheduler.ticker import Ticker
from store.audit import UNAUDITED
from store.keyring import Keyring
from store.sessions import EVERY_ORGANIZATION, Database
from store.tables import Check, CheckVersion, Organization
from store.write_lock import Urgency

TICK_MS = 250
DAY_MS = 86_400_000


class Wound:
    """A clock the benchmark winds."""

    def __init__(self) -> None:
        self.now_ms = 1_705_314_600_000

    def __call__(self) -> int:
        return self.now_ms


def add_checks(database: Database, count: int, now_ms: int) -> None:
    """This many checks of one organization, every 10 s at one location."""
    organization_id = new_id("org", now_ms)
    schedule = msgspec.to_builtins(Schedule("network", ("local",), 30_000, 10_000))
    ids = [new_id("mon", now_ms) for _ in range(count)]
    with database.write(EVERY_ORGANIZATION, Urgency.PEOPLE) as session:
        session.add(Organization(id=organization_id, name="bench", default_locations=[], created_ms=now_ms))
        session.flush()
        common = {"organization_id": organization_id, "version": 1, "definition": {}, "created_ms": now_ms}
        session.execute(
            insert(Check),
            [
                {**common, "id": check_id, "type": "url", "kind": "network", "name": check_id, "status": "active",
                 "locations": ["local"], "updated_ms": now_ms}
                for check_id in ids
            ],
            execution_options={UNAUDITED: True},
        )  # fmt: skip
        session.execute(
            insert(CheckVersion),
            [{**common, "check_id": check_id, "schedule": schedule, "from_ms": now_ms} for check_id in ids],
        )


def measure(url: str, count: int) -> None:
    """Print the figures of one number of checks."""
    clock = Wound()
    database = Database(url, now_ms=clock)
    database.seal_with(Keyring({"k1": bytes(32)}).signature)
    try:
        add_checks(database, count, clock.now_ms)
        figures = Figures()
        ticker = Ticker(database, "bench", figures=figures)
        catch_up = CatchUp(database, ticker, figures)
        loading = time.perf_counter()
        ticker.tick()
        loading = time.perf_counter() - loading
        before, cpu, wall = figures.dispatched_slots, time.process_time(), time.perf_counter()
        ticks, slowest = 240, 0.0
        for _ in range(ticks):
            clock.now_ms += TICK_MS
            begun = time.perf_counter()
            ticker.tick()
            slowest = max(slowest, time.perf_counter() - begun)
        cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
        slots = figures.dispatched_slots - before
        print(
            f"{count:>7} checks  load {loading * 1e3:7.1f} ms  {slots / (ticks * TICK_MS / 1000):7.0f} slots/s  "
            f"CPU {cpu / slots * 1e6:6.2f} us/slot  tick {wall / ticks * 1e3:6.2f} ms, slowest {slowest * 1e3:6.2f} ms"
        )
        sleep(clock, ticker, catch_up, figures)
    finally:
        database.close()


def sleep(clock: Wound, ticker: Ticker, catch_up: CatchUp, figures: Figures) -> None:
    """Two days pass; then real time goes on until nothing is owed for older slots."""
    clock.now_ms += 2 * DAY_MS
    missed, longest = figures.missed_slots, 0.0
    begun, base = time.perf_counter(), clock.now_ms
    first = None
    while True:
        clock.now_ms = base + round((time.perf_counter() - begun) * 1000)
        ticked = time.perf_counter()
        ticker.tick()
        first = first or time.perf_counter() - begun
        until = ticked + TICK_MS / 1000
        while time.perf_counter() < until:
            step = time.perf_counter()
            more = catch_up.step()
            longest = max(longest, time.perf_counter() - step)
            if not more:
                break
        if not any(row.closed_to != "~" for row in catch_up._owed):
            break
        time.sleep(max(0.0, until - time.perf_counter()))
    took = time.perf_counter() - begun
    print(
        f"          two days asleep: first dispatch after {first * 1e3:.0f} ms, {figures.missed_slots - missed:,} "
        f"slots accounted for in {took:.2f} s, longest transaction {longest * 1e3:.0f} ms"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url")
    parser.add_argument("--checks", type=int, nargs="*", default=[1_000, 10_000])
    given = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    for count in given.checks:
        with tempfile.TemporaryDirectory() as folder:
            url = given.url or f"sqlite:///{Path(folder) / 'ticks.db'}"
            upgrade(url)
            measure(url, count)


if __name__ == "__main__":
    main()
