"""SIGKILL while many writers append: what was acknowledged is there, once, at its place, and every order is intact."""

from __future__ import annotations

import http.client
import itertools
import json
import os
import threading
from dataclasses import dataclass, field
from typing import Any

import pytest

from store.api_keys import NewApiKey, create_api_key
from store.keyring import Keyring
from store.sessions import EVERY_ORGANIZATION, Database
from store.statements import rows
from store.write_lock import Urgency
from tests.telemetry.test_kills import one_life

KILLS = int(os.environ.get("TRACER_TEST_AGENT_KILLS", "6")) // 2
"""Half of them on each store."""
SHARED = "shared"


@dataclass
class Writer:
    """One that writes to a run of its own, and then to one that all write to. What it was not told about, it sends
    again as it was."""

    name: str
    key: str
    told: dict[tuple[str, str], int] = field(default_factory=dict)
    """The `seq` of what was acknowledged, by run and key."""
    number: int = 0
    pending: dict[str, dict[str, Any]] = field(default_factory=dict)

    def write_until_it_dies(self, port: int, told: threading.Event, enough: int) -> None:
        """`enough`: acknowledgements, after which it may be killed."""
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        try:
            last = {name: self._begin(connection, name) for name in (self.name, SHARED)}
            for name in itertools.cycle(last):
                last[name] = self._append(connection, name, last[name])
                enough -= 1
                if enough == 0:
                    told.set()
        except (OSError, http.client.HTTPException):
            return
        finally:
            connection.close()

    def _begin(self, connection: http.client.HTTPConnection, name: str) -> int:
        status, found = self._ask(connection, "/api/traces", {"name": "n", "session_id": name})
        assert status in (200, 201), found
        return int(found["last_seq"])

    def _append(self, connection: http.client.HTTPConnection, name: str, last: int) -> int:
        """The next event, or the one that nobody answered for, until it has its place; that place."""
        event = self.pending.get(name)
        if event is None:
            self.number += 1
            event = self.pending[name] = {
                "seq": last + 1, "type": "log", "timestamp": "2024-01-15T10:29:00Z",
                "idempotency_key": f"{self.name}:{self.number}", "payload": {"number": self.number},
            }  # fmt: skip
        while True:
            status, answer = self._ask(connection, f"/api/traces/{name}/events", event)
            if status in (200, 201):
                break
            assert status in (409, 503), answer
            if status == 409:  # somebody else was there first
                event["seq"] += 1
        self.told[name, event["idempotency_key"]] = event["seq"]
        del self.pending[name]
        return int(event["seq"])

    def _ask(self, connection: http.client.HTTPConnection, path: str, body: Any) -> tuple[int, Any]:
        headers = {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"}
        connection.request("POST", path, json.dumps(body), headers)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())


@dataclass
class Crew:
    """As a server's life wants it (tests/telemetry/test_kills.py): each of its threads is one of these writers."""

    writers: list[Writer]
    lock: threading.Lock = field(default_factory=threading.Lock)
    turns: int = 0

    def send_until_it_dies(self, port: int, told: threading.Event) -> None:
        with self.lock:
            self.turns += 1
            writer = self.writers[self.turns % len(self.writers)]
            enough = 1 + self.turns // len(self.writers) * 13 % 50
        writer.write_until_it_dies(port, told, enough)


@pytest.fixture
def crew(database: Database, keyring: Keyring, organization: str) -> Crew:
    with database.write(organization, Urgency.PEOPLE) as session:
        _, key = create_api_key(session, keyring, NewApiKey(organization, "k", ("ingest",)), 1_705_314_600_000)
    return Crew([Writer(f"w{number}", key) for number in range(4)])


def lost(database: Database, crew: Crew) -> list[str]:
    """What was acknowledged and is not there, once, at its place."""
    query = (
        "SELECT s.id, e.idempotency_key, e.seq FROM agent_events e JOIN agent_sessions s "
        "ON s.organization_id = e.organization_id AND s.number = e.session"
    )
    with database.telemetry.read(EVERY_ORGANIZATION) as session:
        stored = rows(session, query)
    places = {(name, key): seq for name, key, seq in stored}
    assert len(places) == len(stored)
    return [str(each) for writer in crew.writers for each, seq in writer.told.items() if places.get(each) != seq]


def faults(database: Database) -> list[str]:
    """What is wrong with the orders, and with the store itself."""
    found = []
    with database.telemetry.read(EVERY_ORGANIZATION) as session:
        if database.sqlite:
            found += [row[0] for row in rows(session, "PRAGMA integrity_check") if row[0] != "ok"]
        [(given,)] = rows(session, "SELECT stream_seq FROM agent_heads")
        stream = [row[0] for row in rows(session, "SELECT stream_seq FROM agent_events ORDER BY stream_seq")]
        if stream != list(range(1, given + 1)):
            found.append(f"{given} numbers were given, {len(stream)} events stored")
        for name, number, last, count in rows(session, "SELECT id, number, last_seq, events FROM agent_sessions"):
            seqs = rows(session, "SELECT seq FROM agent_events WHERE session = ? ORDER BY stream_seq", number)
            order = [row[0] for row in seqs]
            if order != sorted(set(order)) or len(order) != count or (order or [0])[-1] != last:
                found.append(f"{name}: {count} counted, {len(order)} there, up to {last}")
            if name != SHARED and order != list(range(1, count + 1)):
                found.append(f"{name} has holes")
    return found


@pytest.mark.timeout(60 + KILLS * 6)
def test_nothing_that_was_acknowledged_is_lost_and_every_order_is_intact(
    database: Database, database_url: str, crew: Crew
) -> None:
    for _ in range(KILLS):
        one_life(database_url, crew)
    told = sum(len(writer.told) for writer in crew.writers)
    print(f"{KILLS} kills, {told} acknowledged")
    assert told >= KILLS
    assert lost(database, crew) == []
    assert faults(database) == []


@pytest.mark.parametrize("store", ["sqlite"], indirect=True)
def test_a_build_that_acknowledges_before_it_commits_is_caught(
    database: Database, database_url: str, crew: Crew
) -> None:
    one_life(database_url, crew, "acknowledges agents before it commits")
    assert lost(database, crew), "the killing has no teeth"
