"""What it costs to record a result: CPU per result of `alerts.record`, its transaction and its commit, on both stores.

    .venv/bin/python -m benchmarks.recording [--rounds 10] [--checks 1000] [--rules] [--failing]

`--rules`: every check is covered by two alert rules with a channel. `--failing`: and every run fails, so each result is
judged against an open alert.

Successes with one assertion and a response, each the next slot of its check, in batches of 25 (what a probe reports
with 100 checks a second) and 100 (the most it reports at once). CPU is this process's, user and system, and on
PostgreSQL that of its backend too. Run and state rows and two rollups are written for each result. The goal is 40 us
on SQLite in batches of 100.
"""

from __future__ import annotations

import argparse
import os
import random
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
from sqlalchemy import insert

from alerts.record import record
from alerts.rules.registry import RULES
from benchmarks.measure import cpu_seconds
from migrations.upgrade import upgrade
from model.finished import Finished
from model.ids import slot_run_id
from model.outcome import AssertionResult, Metrics, RunError, RunStatus
from model.schedule import Schedule
from store.alert_rules import create_rule
from store.keyring import Keyring
from store.sessions import EVERY_ORGANIZATION, Database
from store.tables import Check, CheckVersion, Dispatch, Organization
from store.write_lock import Urgency
from tests.postgres import running_postgres

ORGANIZATION = "org_benchmark"
BATCHES = (25, 100)
PACE_MS = 10_000
START_MS = 1_705_314_600_000
RESPONSE = {
    "status_code": 200, "http_version": "1.1", "remote_ip": "192.0.2.7", "bytes": 5123,
    "headers": {"content-type": "text/html", "server": "nginx", "date": "Mon, 15 Jan 2024 10:30:00 GMT"},
}  # fmt: skip


def add_rules(database: Database) -> None:
    everything = {"name": "rule", "apply_to": {"all": True}, "channels": ["chan_benchmark"]}
    for fields in (
        {"type": "consecutive_failures", "threshold": 3},
        {"type": "response_time", "threshold": 60_000, "window": 300},
    ):
        definition = RULES[str(fields["type"])].model_validate({**everything, **fields}).model_dump(mode="json")
        with database.write(EVERY_ORGANIZATION, Urgency.PEOPLE) as session:
            create_rule(session, ORGANIZATION, definition, 0)


def fill(database: Database, checks: int) -> None:
    plan = Schedule(kind="network", locations=("local",), budget_ms=30_000, interval_ms=PACE_MS)
    with database.write(EVERY_ORGANIZATION, Urgency.PEOPLE) as session:
        session.add(Organization(id=ORGANIZATION, name="Benchmark", default_locations=["local"], created_ms=0))
        session.flush()
        for number in range(checks):
            session.add(
                Check(
                    id=_check(number), organization_id=ORGANIZATION, type="url", kind="network", name="n",
                    status="active", version=1, definition={}, locations=["local"], created_ms=0, updated_ms=0,
                )
            )  # fmt: skip
        session.flush()
        for number in range(checks):
            session.add(
                CheckVersion(
                    check_id=_check(number), version=1, organization_id=ORGANIZATION, definition={},
                    schedule=msgspec.to_builtins(plan), from_ms=0, created_ms=0,
                )
            )  # fmt: skip


def _check(number: int) -> str:
    return f"mon_{number:022d}"


def rounds_of_results(rounds: int, checks: int, size: int, status: RunStatus) -> list[list[list[Finished]]]:
    """For each round, the batches of one slot of every check. Each size has a quarter of an hour of its own."""
    chosen = random.Random(1)
    first_turn = BATCHES.index(size) * 90
    return [
        [
            [
                _result(number, turn, f"dsp_{size}_{turn}_{first}", chosen, status)
                for number in range(first, first + size)
            ]
            for first in range(0, checks - checks % size, size)
        ]
        for turn in range(first_turn, first_turn + rounds)
    ]


def _result(number: int, turn: int, dispatch_id: str, chosen: random.Random, status: RunStatus) -> Finished:
    due_ms = START_MS + turn * PACE_MS + number
    duration_ms = chosen.lognormvariate(4.6, 0.4)
    return Finished(
        run_id=slot_run_id(_check(number), "local", due_ms),
        organization_id=ORGANIZATION,
        check_id=_check(number),
        check_version=1,
        location="local",
        at_ms=due_ms,
        status=status,
        error=None if status is RunStatus.SUCCESS else RunError("assertion_failed", "status was 500"),
        started_ms=due_ms + 2,
        completed_ms=due_ms + 102,
        duration_ms=duration_ms,
        metrics=Metrics(dns_ms=0.1, connect_ms=1.2, ttfb_ms=duration_ms - 1, download_ms=1.0),
        assertions=(AssertionResult("status_code", "less_than", 400, 200, passed=True),),
        response=RESPONSE,
        probe_id="prb_benchmark",
        dispatch_id=dispatch_id,
    )


def dispatch(database: Database, batches: list[list[Finished]]) -> None:
    with database.write(EVERY_ORGANIZATION, Urgency.RESULTS) as session:
        session.execute(
            insert(Dispatch),
            [
                {
                    "id": batch[0].dispatch_id, "organization_id": ORGANIZATION, "location": "local",
                    "kind": "network", "priority": 1, "token": 1, "created_ms": 0, "first_limit_ms": 0,
                    "last_limit_ms": 0,
                    "runs": [[run.run_id, run.check_id, run.at_ms, run.at_ms + PACE_MS, "schedule"] for run in batch],
                }
                for batch in batches
            ],
        )  # fmt: skip


def measure(name: str, database: Database, asked: argparse.Namespace) -> None:
    fill(database, asked.checks)
    if asked.rules or asked.failing:
        add_rules(database)
    status = RunStatus.FAILED if asked.failing else RunStatus.SUCCESS
    for size in BATCHES:
        turns = rounds_of_results(asked.rounds, asked.checks, size, status)
        batches = [batch for turn in turns for batch in turn]
        dispatch(database, batches)
        pids = [os.getpid(), *_backend(database)]
        used = [0.0 for _ in pids]
        began = 0.0
        for place, batch in enumerate(batches):
            if place == 2 * len(turns[0]):  # by then the rows of the hour and what is kept in memory are there
                _analyze(database)
                used, began = [cpu_seconds([pid]) for pid in pids], time.perf_counter()
            with database.write(EVERY_ORGANIZATION, Urgency.RESULTS) as session:
                record(session, batch, START_MS)
        wall = time.perf_counter() - began
        results = sum(len(batch) for turn in turns[2:] for batch in turn)
        cpu = [(cpu_seconds([pid]) - before) / results * 1e6 for pid, before in zip(pids, used, strict=True)]
        backend = f"{cpu[1]:12.1f}" if len(cpu) > 1 else f"{'-':>12}"
        print(f"{name:12}{size:6}{cpu[0]:16.1f}{backend}{wall / results * 1e6:15.1f}", flush=True)


def _backend(database: Database) -> list[int]:
    """The process of PostgreSQL that serves us: the pool has one connection, and gives it again."""
    if database.sqlite:
        return []
    with database.engine.connect() as connection:
        return [int(connection.exec_driver_sql("SELECT pg_backend_pid()").scalar_one())]


def _analyze(database: Database) -> None:
    """What autovacuum does in a server that has been running for a minute."""
    if not database.sqlite:
        with database.engine.begin() as connection:
            connection.exec_driver_sql("ANALYZE")


@contextmanager
def databases() -> Iterator[dict[str, Database]]:
    with tempfile.TemporaryDirectory() as folder, running_postgres() as server:
        urls = {"SQLite": f"sqlite:///{Path(folder) / 'tracer.db'}", "PostgreSQL": server.address(server.create())}
        for url in urls.values():
            upgrade(url)
        opened = {name: Database(url) for name, url in urls.items()}
        for database in opened.values():
            database.seal_with(Keyring({"k1": bytes(32)}).signature)
        try:
            yield opened
        finally:
            for database in opened.values():
                database.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--checks", type=int, default=1000)
    parser.add_argument("--rules", action="store_true")
    parser.add_argument("--failing", action="store_true")
    asked = parser.parse_args()
    print(f"{'store':12}{'batch':>6}{'CPU us/result':>16}{'backend us':>12}{'wall us':>15}")
    with databases() as opened:
        for name, database in opened.items():
            measure(name, database, asked)


if __name__ == "__main__":
    main()
