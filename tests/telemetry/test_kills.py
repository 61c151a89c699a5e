"""SIGKILL right after a 2xx: what was acknowledged is there, once, and the store is whole."""

from __future__ import annotations

import http.client
import itertools
import json
import os
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Protocol

import pytest
from sqlalchemy import text

from store.projects import NewProject, create_project, keys_of
from store.sessions import EVERY_ORGANIZATION, Database
from store.statements import rows
from store.write_lock import Urgency
from tests.conftest import Clock
from tests.system.processes import FORKS
from tests.telemetry.reporting import event, span

KILLS = int(os.environ.get("TRACER_TEST_INGEST_KILLS", "50")) // 2
"""Half of them on each store; thousands by the environment."""
SENDERS = 4


class Sender(Protocol):
    """Sends, in several threads at once."""

    def send_until_it_dies(self, port: int, told: threading.Event) -> None: ...


@dataclass
class Ledger:
    """What was acknowledged, by whatever name it can be found again."""

    key: str
    events: Counter[str] = field(default_factory=Counter)
    spans: Counter[str] = field(default_factory=Counter)
    messages: Counter[str] = field(default_factory=Counter)
    numbers: itertools.count[int] = field(default_factory=itertools.count)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def send_until_it_dies(self, port: int, told: threading.Event) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        try:
            while True:
                path, book, names, body = self._next()
                connection.request("POST", path, body, {"X-Open-Sentry-Key": self.key})
                answer = connection.getresponse()
                said = answer.read()
                if answer.status == 202:
                    assert json.loads(said).get("dropped", []) == []
                    with self.lock:
                        book.update(names)
                    told.set()
                elif answer.status != 503:
                    raise AssertionError(f"{answer.status} {said!r}")
        except (OSError, http.client.HTTPException):
            return
        finally:
            connection.close()

    def _next(self) -> tuple[str, Counter[str], list[str], bytes]:
        with self.lock:
            number = next(self.numbers)
        names = [f"{number}-{part}" for part in range(3)]
        if number % 3 == 0:
            began = {"start_timestamp": time.time(), "end_timestamp": None}
            sent = {"spans": [span(name, trace_id=f"t{number}", **began) for name in names]}
            return "/v1/traces", self.spans, names, json.dumps(sent).encode()
        if number % 3 == 1:
            sent = {"events": [event(name) for name in names]}
            return "/v1/events", self.events, names, json.dumps(sent).encode()
        items = [{"type": "error", "exception": {"type": "E", "value": "v"}, "message": name} for name in names]
        return "/v1/ingest", self.messages, names, json.dumps(items).encode()


def one_life(url: str, ledger: Sender, sabotage: str = "") -> None:
    """A server that is killed as soon as somebody has been told that something is stored."""
    ours, theirs = FORKS.Pipe()
    from tests.telemetry.killed_server import serve

    process = FORKS.Process(target=serve, args=(url, theirs, sabotage), daemon=True)
    process.start()
    assert ours.poll(40), "it did not start"
    port, told = ours.recv(), threading.Event()
    senders = [threading.Thread(target=ledger.send_until_it_dies, args=(port, told)) for _ in range(SENDERS)]
    for sender in senders:
        sender.start()
    assert told.wait(20), "nothing was acknowledged"
    process.kill()
    process.join()
    for sender in senders:
        sender.join()


@pytest.fixture
def ledger(database: Database, organization: str, clock: Clock) -> Ledger:
    with database.write(EVERY_ORGANIZATION, Urgency.PEOPLE) as session:
        project = create_project(session, organization, NewProject("Shop", "shop"), clock.now_ms)
        return Ledger(keys_of(session, [project])[project.id][0].public_key)


def lost(database: Database, ledger: Ledger) -> list[str]:
    """What was acknowledged and is not there exactly once."""
    with database.telemetry.read(EVERY_ORGANIZATION) as session:
        events = Counter(row[0] for row in rows(session, "SELECT event_id FROM events"))
        spans = Counter(row[0] for row in rows(session, "SELECT span_id FROM spans"))
        found = rows(session, "SELECT search FROM events WHERE event_id LIKE 'ev_%'")
        messages = Counter("-".join(row[0].split()[1:3]) for row in found)
    return [
        name
        for book, stored in ((ledger.events, events), (ledger.spans, spans), (ledger.messages, messages))
        for name in book
        if stored[name] != 1
    ]


def whole(database: Database) -> list[str]:
    """What is wrong with the store itself."""
    with database.telemetry.write(EVERY_ORGANIZATION, Urgency.HOUSEKEEPING) as session:
        faults = []
        if database.sqlite:
            faults += [row[0] for row in rows(session, "PRAGMA integrity_check") if row[0] != "ok"]
            session.execute(text("INSERT INTO events_text (events_text) VALUES ('integrity-check')"))
        [[stored]] = rows(session, "SELECT count(*) FROM events")
        [[counted]] = rows(session, "SELECT COALESCE(sum(count), 0) FROM issues")
        [[used]] = rows(session, "SELECT COALESCE(sum(count), 0) FROM usage WHERE kind = 'events'")
        [[head]] = rows(session, "SELECT events FROM intake")
        if not stored == int(counted) == int(used) == head:
            faults.append(f"{stored} events, {counted} in issues, {used} in usage, {head} numbers")
    return faults


@pytest.mark.timeout(60 + KILLS * 6)
def test_nothing_that_was_acknowledged_is_lost_however_often_the_server_is_killed(
    database: Database, database_url: str, ledger: Ledger
) -> None:
    for _ in range(KILLS):
        one_life(database_url, ledger)
    told = sum(len(book) for book in (ledger.events, ledger.spans, ledger.messages))
    print(f"{KILLS} kills, {told} acknowledged")
    assert told >= KILLS
    assert lost(database, ledger) == []
    assert whole(database) == []


@pytest.mark.parametrize("store", ["sqlite"], indirect=True)
def test_a_build_that_acknowledges_before_it_commits_is_caught(
    database: Database, database_url: str, ledger: Ledger
) -> None:
    one_life(database_url, ledger, "acknowledges before it commits")
    assert lost(database, ledger), "the killing has no teeth"
