"""What it costs to take events, with every 2xx on disk, and how long a query over many takes; on both stores.

    python -m benchmarks.ingest [--seconds 5] [--senders 8] [--rows 200000] [--stores sqlite postgresql]

A server in a process of its own takes `POST /v1/events`, 20 to a request, from `--senders` connections held by another
process; each event is an exception with ten frames, a user, tags and breadcrumbs, some 1.4 kB. CPU is the server's, on
PostgreSQL also that of the database (the tests' server: it does not wait for the disk). Then `--rows` events are put in
by the intake itself, spread over a day, and queries are asked as the API asks them.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.measure import cpu_seconds, percentile, process_tree

BATCH = 20
DAY_MS = 86_400_000
WORDS = (
    "connection", "refused", "by", "upstream", "payment", "checkout", "cart", "session", "token", "invalid", "missing",
    "field", "timeout", "retry",
)  # fmt: skip
QUERIES = ("level:error in:5m", "level:fatal in:24h", "refused in:24h", "needle in:24h", '"payment checkout" in:24h',
           "release:web@2.4.7 level:error", "", "user.id:u17")  # fmt: skip


def event(dice: random.Random, event_id: str) -> dict[str, Any]:
    """An error as a browser's SDK sends it."""
    place = dice.randrange(200)
    frames = [
        {"filename": f"src/module{place % 40}/file{number}.ts", "function": f"call{place}", "lineno": number * 7,
         "in_app": number > 3}
        for number in range(10)
    ]  # fmt: skip
    said = " ".join(dice.choice(WORDS) for _ in range(8))
    return {
        "event_id": event_id, "level": dice.choice(("error", "error", "error", "warning", "info")),
        "environment": "production", "release": f"web@2.4.{dice.randrange(20)}",
        "exception": {"type": "TypeError", "value": said, "stacktrace": {"frames": frames}},
        "user": {"id": f"u{dice.randrange(5000)}"},
        "tags": {"region": dice.choice(("us", "eu")), "browser": "Firefox 133"},
        "breadcrumbs": [{"category": "navigation", "message": "opened settings"}] * 3,
    }  # fmt: skip


def serve(url: str) -> None:
    """Say where, and with which key, on one line; then serve until standard input ends."""
    import structlog

    from api.app import create_app
    from api.server import Server
    from migrations.upgrade import upgrade
    from model.settings import Settings
    from store.keyring import Keyring
    from store.organizations import create_organization
    from store.projects import NewProject, create_project, keys_of
    from store.sessions import EVERY_ORGANIZATION, Database
    from store.write_lock import Urgency

    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    upgrade(url)
    database, keyring = Database(url), Keyring({"k1": bytes(range(32))}, b"pepper")
    database.seal_with(keyring.signature)
    with database.write(EVERY_ORGANIZATION, Urgency.PEOPLE) as session:
        organization = create_organization(session, "o", ["local"], 1)
        project = create_project(session, organization.id, NewProject("Shop", "shop"), 1)
        key = keys_of(session, [project])[project.id][0].public_key
    with Server(create_app(database, keyring, Settings(port=0)), database, keyring, Settings(port=0)) as server:
        print(json.dumps({"port": server.port, "key": key}), flush=True)
        sys.stdin.read()


def send(port: int, key: str, seconds: float, senders: int) -> dict[str, Any]:
    """Requests of 20 events from so many connections; how many, and how long each took (ms)."""
    took: list[float] = []
    until = time.monotonic() + seconds

    def one(number: int) -> None:
        dice = random.Random(number)
        ready = [[event(dice, "") for _ in range(BATCH)] for _ in range(20)]
        connection, sent = http.client.HTTPConnection("127.0.0.1", port), 0
        while time.monotonic() < until:
            batch = ready[sent % len(ready)]
            for place, item in enumerate(batch):
                item["event_id"] = f"{number}-{sent}-{place}"
            body = json.dumps({"events": batch})
            began = time.perf_counter()
            connection.request("POST", "/v1/events", body, {"X-Open-Sentry-Key": key})
            answer = connection.getresponse()
            said = answer.read()
            took.append((time.perf_counter() - began) * 1000)
            if answer.status != 202:
                raise RuntimeError(said.decode())
            sent += 1

    threads = [threading.Thread(target=one, args=(number,)) for number in range(senders)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return {"requests": len(took), "p50": percentile(took, 50), "p99": percentile(took, 99)}


def measure_intake(url: str, backends: Any, seconds: float, senders: int) -> str:
    command = [sys.executable, "-m", "benchmarks.ingest"]
    server = subprocess.Popen([*command, "--serve", url], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    assert server.stdin is not None
    place = json.loads(server.stdout.readline())
    asked = json.dumps({**place, "seconds": 1.0, "senders": senders})
    subprocess.run([*command, "--send", asked], check=True, capture_output=True)  # warm
    before, behind = cpu_seconds([server.pid]), cpu_seconds(backends())
    began = time.monotonic()
    sender = subprocess.run(
        [*command, "--send", asked.replace('"seconds": 1.0', f'"seconds": {seconds}')],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    lasted, told = time.monotonic() - began, json.loads(sender.stdout)
    used, behind = cpu_seconds([server.pid]) - before, cpu_seconds(backends()) - behind
    server.stdin.close()
    server.wait(20)
    events = told["requests"] * BATCH
    return (
        f"{events / lasted:,.0f} events/s | {used / events * 1e6:.0f} | {behind / events * 1e6:.0f} | "
        f"{told['p50']:.1f} | {told['p99']:.1f}"
    )


def measure_queries(url: str, rows: int) -> list[str]:
    from migrations.upgrade import upgrade
    from store.sessions import EVERY_ORGANIZATION, Database
    from store.statements import is_sqlite
    from telemetry.events import read_event
    from telemetry.queries import parse
    from telemetry.stored.intake import Intake
    from telemetry.stored.reading import find_events
    from telemetry.stored.storing import Submission

    upgrade(url)
    start_ms = time.time_ns() // 1_000_000 - DAY_MS
    now = [start_ms]
    database = Database(url, now_ms=lambda: now[0])
    intake, dice = Intake(database.telemetry), random.Random(1)
    made = [event(dice, "") for _ in range(500)]
    for first in range(0, rows, 500):
        now[0] = start_ms + DAY_MS * first // rows
        events = []
        for number, item in enumerate(made, first):
            item["event_id"] = f"e{number}"
            found = read_event(item, 1, now[0])
            if number % 50_000 == 777:
                found.search += "needle "
            if number % 997 == 0:
                found.level = "fatal"
            events.append(found)
        intake.keep(Submission(1, events=events))
    lines = []
    with database.telemetry.write(EVERY_ORGANIZATION, 2) as session:  # type: ignore[arg-type]
        if not is_sqlite(session):
            session.connection().exec_driver_sql("ANALYZE events")
    for query in QUERIES:
        took, found_rows = [], 0
        for _ in range(30):
            began = time.perf_counter()
            with database.telemetry.read(EVERY_ORGANIZATION) as session:
                found_rows = len(find_events(session, [1], parse(query), now[0], before=None, limit=101))
            took.append((time.perf_counter() - began) * 1000)
        lines.append(f"| `{query}` | {found_rows} | {percentile(took, 50):.1f} | {percentile(took, 99):.1f} |")
    database.close()
    return lines


@contextmanager
def place(store: str) -> Iterator[tuple[Any, Any]]:
    """A function that makes an address, and one that tells whose CPU to count beside the server's."""
    if store == "sqlite":
        with tempfile.TemporaryDirectory() as folder:
            yield (lambda name: f"sqlite:///{Path(folder) / name}.db"), (list)
        return
    from tests.postgres import running_postgres

    with running_postgres() as server:

        def fresh(_name: str) -> str:
            return server.address(server.create())

        def backends() -> list[int]:
            folders = (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit())
            own = [pid for pid in folders if b"tracer-pg-" in _cmdline(pid)]
            return process_tree(min(own)) if own else []

        yield fresh, backends


def _cmdline(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--senders", type=int, default=8)
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--stores", nargs="+", default=["sqlite", "postgresql"])
    parser.add_argument("--serve", help=argparse.SUPPRESS)
    parser.add_argument("--send", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.serve:
        serve(given.serve)
        return
    if given.send:
        print(json.dumps(send(**json.loads(given.send))))
        return
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}; {BATCH} events a request, {given.senders} senders\n")
    for store in given.stores:
        with place(store) as (address, backends):
            print(f"## {store}\n\nrate | CPU us/event | database's | request p50 ms | p99")
            print(measure_intake(address("intake"), backends, given.seconds, given.senders))
            print(f"\n{given.rows:,} events in a day; the newest 101 that fit\n\n| query | found | p50 ms | p99 ms |")
            print("|---|---|---|---|")
            print("\n".join(measure_queries(address("queries"), given.rows)), flush=True)
            print()


if __name__ == "__main__":
    main()
