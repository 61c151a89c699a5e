"""How long `GET /v1/query` takes over millions of events, as a client sees it; on both stores.

    python -m benchmarks.telemetry_query [--rows 5000000] [--asks 300] [--stores sqlite postgresql] [--keep FOLDER]
                                         [--realtime]

A day of events of one project, evenly spread: exceptions with ten frames, a user, tags and breadcrumbs
(benchmarks/ingest.py), of which 5,000 are made by the intake's own reading and stored again and again under other ids:
row by row as the intake writes them, but in large transactions. A server in this process is asked over a socket, one
question after the other, each query in turn, as if it were the end of that day still. CPU is of this process, which
also asks. With --keep a SQLite file is made once and asked again; with --realtime what asks and answers runs before any
other process of the machine (SCHED_FIFO), but for the database of PostgreSQL.

The figures: `level:error in:5m` p99 <= 50 ms; a free-text word over 24 h <= 300 ms.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import random
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from benchmarks.ingest import DAY_MS, event
from benchmarks.measure import percentile

MADE = 5_000
AT_ONCE = 20_000
PER_KEY = 55
"""Of the sixty that a token may ask in a minute."""
QUERIES = ("level:error in:5m", "needle in:24h", "haystack in:24h", "refused in:24h", "refused -timeout in:24h",
           '"payment checkout" in:24h', "release:web@2.4.7 level:error in:24h", "user.id:u17", "level:fatal in:24h",
           "")  # fmt: skip
"""needle: 100 in all; haystack: one in a thousand; refused: every other event."""


def rows_of(first: int, count: int, rows: int, start_ms: int, made: list[Any]) -> Iterator[tuple[Any, ...]]:
    """Event rows with numbers from `first` + 1 on."""
    for number in range(first, first + count):
        found = made[number % MADE]
        at_ms = start_ms + DAY_MS * number // rows
        search = found.search
        if number % 50_000 == 777:
            search += "needle "
        if number % 1_000 == 3:
            search += "haystack "
        level = "fatal" if number % 9_973 == 0 else found.level
        yield (
            number + 1, 1, f"e{number}", number % 200 + 1, level, at_ms, at_ms, found.environment, found.release,
            found.user_key, None, found.tags, search, found.payload,
        )  # fmt: skip


COLUMNS = (
    "seq, project, event_id, issue, level, at_ms, received_ms, environment, release, user_key, trace_id, tags, search, "
    "payload"
)


def fill(url: str, rows: int) -> None:
    """A project and so many events of the last day."""
    from migrations.upgrade import upgrade
    from store.organizations import create_organization
    from store.projects import NewProject, create_project
    from store.sessions import EVERY_ORGANIZATION, Database
    from store.write_lock import Urgency
    from telemetry.events import read_event

    upgrade(url)
    start_ms = time.time_ns() // 1_000_000 - DAY_MS
    database, dice = Database(url), random.Random(1)
    database.seal_with(lambda _purpose, _text: b"")
    with database.write(EVERY_ORGANIZATION, Urgency.PEOPLE) as session:
        organization = create_organization(session, "o", ["local"], 1)
        create_project(session, organization.id, NewProject("Shop", "shop"), 1)
    made = [read_event(event(dice, f"m{number}"), 1, start_ms) for number in range(MADE)]
    with database.telemetry.engine.connect() as connection:
        raw: Any = connection.connection.driver_connection
        for first in range(0, rows, AT_ONCE):
            _store(raw, list(rows_of(first, min(AT_ONCE, rows - first), rows, start_ms, made)), sqlite=database.sqlite)
            if first % 500_000 == 0:
                print(f"  {first:,} events stored", flush=True)
        marks: list[tuple[int, ...]] = [
            (minute, (minute - start_ms) * rows // DAY_MS)
            for minute in range(start_ms - start_ms % 60_000, start_ms + DAY_MS, 60_000)
        ]
        _finish(raw, marks, rows, sqlite=database.sqlite)
    database.close()


def _store(raw: Any, batch: list[tuple[Any, ...]], *, sqlite: bool) -> None:
    if sqlite:
        raw.execute("PRAGMA synchronous=OFF")
        raw.execute("BEGIN")
        marks = ", ".join("?" * len(batch[0]))
        raw.executemany(f"INSERT INTO events ({COLUMNS}) VALUES ({marks})", batch)  # noqa: S608
        raw.executemany("INSERT INTO events_text (rowid, search) VALUES (?, ?)", [(row[0], row[12]) for row in batch])
        raw.execute("COMMIT")
        return
    with raw.cursor() as cursor:
        with cursor.copy(f"COPY events ({COLUMNS}) FROM STDIN") as copy:
            for row in batch:
                copy.write_row(row)
        raw.commit()


def _finish(raw: Any, marks: list[tuple[int, ...]], rows: int, *, sqlite: bool) -> None:
    cursor = raw.cursor()
    place = "?" if sqlite else "%s"
    cursor.executemany(
        f"INSERT INTO marks (minute_ms, events, spans, generations) VALUES ({', '.join([place] * 4)})",  # noqa: S608
        [(minute, max(0, events), 0, 0) for minute, events in marks],
    )
    cursor.execute(f"UPDATE intake SET events = {place}, issues = 200", (rows,))  # noqa: S608
    if not sqlite:
        cursor.execute("ANALYZE events")
    raw.commit()


def ask(url: str, asks: int) -> list[str]:
    """A line for each query: how many it found; p50, p99, longest, CPU (ms)."""
    import structlog

    from api.app import create_app
    from api.server import Server
    from model.settings import Settings
    from store.api_keys import NewApiKey, create_api_key
    from store.keyring import Keyring
    from store.sessions import EVERY_ORGANIZATION, Database
    from store.statements import rows
    from store.write_lock import Urgency

    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    look = Database(url)
    with look.telemetry.read(EVERY_ORGANIZATION) as session:
        [[end_ms]] = rows(session, "SELECT received_ms FROM events ORDER BY seq DESC LIMIT 1")
    look.close()
    database, keyring = Database(url, now_ms=lambda: int(end_ms) + 1), Keyring({"k1": bytes(range(32))}, b"pepper")
    database.seal_with(keyring.signature)
    with database.write(EVERY_ORGANIZATION, Urgency.PEOPLE) as session:
        [[organization]] = rows(session, "SELECT id FROM organizations")
    with database.write(organization, Urgency.PEOPLE) as session:
        keys = [
            create_api_key(session, keyring, NewApiKey(organization, "k", ("read",), None), 1)[1]
            for _ in range(asks * len(QUERIES) // PER_KEY + 2)
        ]
    took: dict[str, list[float]] = {query: [] for query in QUERIES}
    used = dict.fromkeys(QUERIES, 0.0)
    found: dict[str, int] = {}
    with Server(create_app(database, keyring, Settings(port=0)), database, keyring, Settings(port=0)) as server:
        connection = http.client.HTTPConnection("127.0.0.1", server.port)
        for number in range(asks * len(QUERIES)):
            query = QUERIES[number % len(QUERIES)]
            headers = {"Authorization": f"Bearer {keys[number // PER_KEY]}"}
            began, used_before = time.perf_counter(), time.process_time()
            connection.request("GET", f"/v1/query?project=shop&limit=100&q={quote(query)}", headers=headers)
            answer = connection.getresponse()
            said = answer.read()
            took[query].append((time.perf_counter() - began) * 1000)
            used[query] += (time.process_time() - used_before) * 1000
            if answer.status != 200:
                raise RuntimeError(said.decode())
            found[query] = len(json.loads(said)["events"])
    database.close()
    return [
        f"| `{query}` | {found[query]} | {percentile(each, 50):.1f} | {percentile(each, 99):.1f} | {max(each):.1f} | "
        f"{used[query] / asks:.1f} |"
        for query, each in took.items()
    ]


@contextmanager
def _address(store: str, keep: str | None) -> Iterator[str]:
    with ExitStack() as parts:
        if store == "sqlite":
            folder = keep or parts.enter_context(tempfile.TemporaryDirectory())
            yield f"sqlite:///{Path(folder) / 'query.db'}"
            return
        from tests.postgres import running_postgres

        server = parts.enter_context(running_postgres())
        yield server.address(server.create())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=5_000_000)
    parser.add_argument("--asks", type=int, default=300)
    parser.add_argument("--stores", nargs="+", default=["sqlite", "postgresql"])
    parser.add_argument("--keep", help="a folder for the SQLite file")
    parser.add_argument("--realtime", action="store_true", help="keep a busy machine out of the figures (needs root)")
    given = parser.parse_args()
    for store in given.stores:
        with _address(store, given.keep) as url:
            print(f"## {store}\n", flush=True)
            began = time.monotonic()
            if not (store == "sqlite" and given.keep and (Path(given.keep) / "query.db").exists()):
                fill(url, given.rows)
            lasted = time.monotonic() - began
            print(f"{given.rows:,} events of a day, stored in {lasted:.0f} s; each query {given.asks} times,")
            print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}\n")
            print("| query | found | p50 ms | p99 ms | max | CPU ms |")
            print("|---|---|---|---|---|---|")
            if given.realtime:
                os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(5))
            print("\n".join(ask(url, given.asks)), flush=True)
            os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))


if __name__ == "__main__":
    main()
