"""Ten million stored runs: the last of a check, stats of 50 checks, 90 days of uptime of 50 checks, on both stores.

    .venv/bin/python -m benchmarks.stored_runs [--runs 10000000] [--checks 500] [--calls 200] [--store sqlite]

500 checks at 2 locations over 90 days, with their rollups, in the schema of the migrations: 5 GB on SQLite and 6 GB on
PostgreSQL in a temporary directory, removed at the end; some ten minutes. `--runs 20000` is a trial of seconds. Each
call takes a random check (or 50) in a session of its own, as a request does. The goal is 20 ms for each. CPU is this
process's: all there is on SQLite, the client's share on PostgreSQL.
"""

from __future__ import annotations

import argparse
import random
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg

from benchmarks.measure import percentile
from migrations.upgrade import upgrade
from model.histogram import Histogram
from model.outcome import RunStatus
from model.times import DAY_MS, HOUR_MS
from store.runs import RunFilter, last_runs, list_runs, list_runs_after
from store.sessions import Database
from store.stats import days_of_checks, stats_of_checks
from tests.postgres import Postgres, running_postgres

ORGANIZATION = "org_benchmark"
LOCATIONS = ("eu-west", "us-east")
DAYS = 90
END_MS = 1_705_314_600_000
GOAL_MS = 20.0
DETAIL = (
    b'{"assertions":[{"type":"status_code","operator":"less_than","expected":400,"actual":200,"passed":true}],'
    b'"response":{"status_code":200,"http_version":"1.1","remote_ip":"192.0.2.7","bytes":5123}}'
)
RUN_COLUMNS = (
    "id", "organization_id", "check_id", "check_version", "location", "at_ms", "trigger", "status", "started_ms",
    "completed_ms", "duration_ms", "dns_ms", "connect_ms", "tls_ms", "ttfb_ms", "download_ms", "degraded",
    "maintenance", "error_code", "error_message", "probe_id", "detail",
)  # fmt: skip
ROLLUP_COLUMNS = (
    "organization_id", "check_id", "bucket_ms", "location", "planned", "success", "failed", "maintenance",
    "duration_sum_ms", "histogram",
)  # fmt: skip
Row = tuple[Any, ...]


class World:
    """What is stored: a pure function of the sizes, so both stores hold the same."""

    def __init__(self, runs: int, checks: int) -> None:
        self.checks = [f"mon_{number:022d}" for number in range(checks)]
        self.streams = [(check, location) for check in self.checks for location in LOCATIONS]
        self.interval_ms = max(1_000, DAYS * DAY_MS * len(self.streams) // runs)
        self._hours = [Histogram(random.Random(seed).lognormvariate(4.6, 0.4) for _ in range(5)) for seed in range(64)]
        self._day = Histogram()
        for hour in self._hours[:24]:
            self._day.merge(hour)

    def hours(self) -> Iterator[tuple[list[Row], list[Row]]]:
        """Hour by hour: the runs due in it, by time, and the rollups of it."""
        noise = random.Random(1)
        first_hour = (END_MS - DAYS * DAY_MS) // HOUR_MS * HOUR_MS
        phases = [self.interval_ms * number // len(self.streams) for number in range(len(self.streams))]
        histograms = [hour.encode() for hour in self._hours]
        for hour_ms in range(first_hour, END_MS + 1, HOUR_MS):
            runs: list[Row] = []
            rollups: list[Row] = []
            for (check, location), phase in zip(self.streams, phases, strict=True):
                first = hour_ms + (phase - hour_ms) % self.interval_ms
                before = len(runs)
                failed = 0
                for at_ms in range(first, min(hour_ms + HOUR_MS, END_MS), self.interval_ms):
                    chance = noise.random()
                    failed += chance < 0.01
                    runs.append(_run(check, location, at_ms, chance, noise.getrandbits(128)))
                planned = len(runs) - before
                if planned:
                    counts = (planned, planned - failed, failed, 0, 100.0 * planned, histograms[planned * before % 64])
                    rollups.append((ORGANIZATION, check, hour_ms, location, *counts))
            runs.sort(key=_due)
            yield runs, rollups

    def days(self) -> Iterator[Row]:
        """The rollups by day."""
        planned = DAY_MS // self.interval_ms
        encoded = self._day.encode()
        last_day = END_MS // DAY_MS * DAY_MS
        for day_ms in range(last_day - DAYS * DAY_MS, last_day + 1, DAY_MS):
            for check, location in self.streams:
                failed = planned // 100
                counts = (planned, planned - failed, failed, 0, 100.0 * planned, encoded)
                yield (ORGANIZATION, check, day_ms, location, *counts)


def _due(run: Row) -> int:
    return int(run[5])


def _run(check: str, location: str, at_ms: int, chance: float, number: int) -> Row:
    failed = chance < 0.01
    return (
        f"run_{number:032x}", ORGANIZATION, check, 1, location, at_ms, "schedule", "failed" if failed else "success",
        at_ms + 4, at_ms + 104, 100.0 + chance, 1.0, 10.0, 20.0, 90.0, 10.0 + chance, False,
        False, "assertion_failed" if failed else None, "status was 500" if failed else None, "prb_1", DETAIL,
    )  # fmt: skip


@contextmanager
def filled_sqlite(world: World, folder: Path) -> Iterator[Database]:
    path = folder / "tracer.db"
    upgrade(f"sqlite:///{path}")
    connection = sqlite3.connect(path, isolation_level=None)
    for pragma in ("journal_mode=OFF", "synchronous=OFF", "cache_size=-4000000", "foreign_keys=OFF"):
        connection.execute(f"PRAGMA {pragma}")
    connection.execute("BEGIN")
    connection.execute("INSERT INTO organizations VALUES (?, 'Benchmark', '[]', 0)", (ORGANIZATION,))
    checks = "INSERT INTO checks (id, organization_id, type, kind, name, status, version, definition, locations, "
    checks += "created_ms, updated_ms) VALUES (?, ?, 'url', 'network', 'n', 'active', 1, '{}', '[]', 0, 0)"
    connection.executemany(checks, [(check, ORGANIZATION) for check in world.checks])

    def into(table: str, columns: tuple[str, ...]) -> str:
        return f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})"  # noqa: S608

    for runs, rollups in world.hours():
        connection.executemany(into("runs", RUN_COLUMNS), runs)
        connection.executemany(into("rollups_hour", ROLLUP_COLUMNS), rollups)
    connection.executemany(into("rollups_day", ROLLUP_COLUMNS), world.days())
    connection.execute("COMMIT")
    connection.close()
    database = Database(f"sqlite:///{path}")
    yield database
    database.close()


@contextmanager
def filled_postgres(world: World, server: Postgres) -> Iterator[Database]:
    url = server.address(server.create())
    upgrade(url)
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute("SET session_replication_role = replica")  # the references are right: 10 M look-ups less
        connection.execute("SET maintenance_work_mem = '1GB'")
        rebuilt = _drop_indexes(connection, "runs")
        connection.execute("INSERT INTO organizations VALUES (%s, 'Benchmark', '[]', 0)", (ORGANIZATION,))
        checks = "INSERT INTO checks (id, organization_id, type, kind, name, status, version, definition, locations, "
        checks += "created_ms, updated_ms) VALUES (%s, %s, 'url', 'network', 'n', 'active', 1, '{}', '[]', 0, 0)"
        connection.cursor().executemany(checks, [(check, ORGANIZATION) for check in world.checks])
        for runs, rollups in world.hours():
            _copy(connection, "runs", RUN_COLUMNS, iter(runs))
            _copy(connection, "rollups_hour", ROLLUP_COLUMNS, iter(rollups))
        _copy(connection, "rollups_day", ROLLUP_COLUMNS, world.days())
        for statement in (*rebuilt, "VACUUM ANALYZE"):
            connection.execute(statement.encode())
    database = Database(url)
    yield database
    database.close()


def _drop_indexes(connection: psycopg.Connection[Any], table: str) -> list[str]:
    """Drop the table's indexes and keys; the statements that make them again."""
    constraints = connection.execute(
        "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = %s::regclass "
        "AND contype IN ('p', 'u')",
        (table,),
    ).fetchall()
    again = [f"ALTER TABLE {table} ADD CONSTRAINT {name} {definition}" for name, definition in constraints]
    for name, _ in constraints:
        connection.execute(f"ALTER TABLE {table} DROP CONSTRAINT {name}".encode())
    indexes = connection.execute("SELECT indexname, indexdef FROM pg_indexes WHERE tablename = %s", (table,)).fetchall()
    for name, definition in indexes:
        connection.execute(f"DROP INDEX {name}".encode())
        again.append(definition)
    return again


def _copy(connection: psycopg.Connection[Any], table: str, columns: tuple[str, ...], rows: Iterator[Row]) -> None:
    with connection.cursor().copy(f"COPY {table} ({', '.join(columns)}) FROM STDIN".encode()) as copy:
        for row in rows:
            copy.write_row(row)


def questions(database: Database, world: World) -> dict[str, Callable[[random.Random], object]]:
    """What is asked, by name; each opens a session of its own."""
    failures = RunFilter(statuses=[RunStatus.FAILED])

    def listed(chosen: random.Random, wanted: RunFilter, page: int = 1) -> object:
        with database.read(ORGANIZATION) as session:
            return list_runs(session, chosen.choice(world.checks), wanted, page=page, per_page=20)

    def by_cursor(chosen: random.Random) -> object:
        with database.read(ORGANIZATION) as session:
            check = chosen.choice(world.checks)
            cursor = list_runs(session, check, RunFilter(), page=1, per_page=20).next
            return cursor and list_runs_after(session, check, RunFilter(), cursor=cursor, per_page=20)

    def of_fifty(chosen: random.Random, ask: Callable[..., object], *rest: object) -> object:
        with database.read(ORGANIZATION) as session:
            return ask(session, chosen.sample(world.checks, min(50, len(world.checks))), *rest)

    return {
        "last 20 runs of a check, with their number": lambda chosen: listed(chosen, RunFilter()),
        "the 20 after those (two requests)": by_cursor,
        "page 400 of its runs": lambda chosen: listed(chosen, RunFilter(), page=400),
        "its last 20 failures": lambda chosen: listed(chosen, failures),
        "last run of each of 50 checks": lambda chosen: of_fifty(chosen, last_runs),
        "stats of 50 checks: 24 h, 7, 30 and 90 days": lambda chosen: of_fifty(chosen, stats_of_checks, END_MS),
        "90 days of uptime of 50 checks, day by day": lambda chosen: of_fifty(chosen, days_of_checks, END_MS),
    }


def measure(name: str, database: Database, world: World, calls: int) -> None:
    print(f"\n{name}\n{'':48}{'median ms':>10}{'p99 ms':>9}{'best ms':>9}{'CPU ms':>9}")
    for question, ask in questions(database, world).items():
        chosen = random.Random(7)
        for _ in range(5):
            ask(chosen)
        took: list[float] = []
        cpu = time.process_time()
        for _ in range(calls):
            began = time.perf_counter()
            ask(chosen)
            took.append((time.perf_counter() - began) * 1000)
        cpu_ms = (time.process_time() - cpu) / calls * 1000
        median = percentile(took, 50)
        figures = f"{median:10.2f}{percentile(took, 99):9.2f}{min(took):9.2f}{cpu_ms:9.2f}"
        print(f"{question:48}{figures}{'' if median <= GOAL_MS else '   over 20 ms'}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=10_000_000)
    parser.add_argument("--checks", type=int, default=500)
    parser.add_argument("--calls", type=int, default=200)
    parser.add_argument("--store", choices=["sqlite", "postgresql"])
    parser.add_argument("--folder", type=Path, help="where the temporary directory is made")
    asked = parser.parse_args()
    world = World(asked.runs, asked.checks)
    print(f"{asked.runs:,} runs of {asked.checks} checks at 2 locations over {DAYS} days")
    if asked.store != "postgresql":
        with tempfile.TemporaryDirectory(dir=asked.folder) as folder, filled_sqlite(world, Path(folder)) as database:
            measure(_size("SQLite", Path(folder)), database, world, asked.calls)
    if asked.store != "sqlite":
        with running_postgres() as server, filled_postgres(world, server) as database:
            measure("PostgreSQL", database, world, asked.calls)


def _size(name: str, folder: Path) -> str:
    return f"{name}, {sum(path.stat().st_size for path in folder.iterdir()) / 1e9:.1f} GB"


if __name__ == "__main__":
    main()
