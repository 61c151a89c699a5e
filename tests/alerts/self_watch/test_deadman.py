"""The dead-man ping comes while all of Tracer works and stops when any part of it stands still."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from alerts.self_watch.deadman import Deadman
from model.settings import Settings
from store.service_clock import beat
from store.sessions import EVERY_ORGANIZATION, Database
from store.tables import ProbeInstance, Shard
from store.write_lock import Urgency
from tests.alerts.noticing import Owners
from tests.conftest import Clock
from tests.scheduler.world import World

PATH = "/secret-uuid?x=1"


class _Watcher(BaseHTTPRequestHandler):
    """The service outside: it keeps what it was asked and answers what the test wants."""

    asked: list[tuple[str, str]]
    answer: dict[str, Any]

    def do_GET(self) -> None:
        self.asked.append((self.command, self.path))
        if self.answer.get("hang"):
            self.answer["hang"].wait(20)
        self.send_response(self.answer["status"])
        self.send_header("Location", "/elsewhere")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Quiet."""


@pytest.fixture
def watcher() -> Iterator[Any]:
    """A receiver on loopback: `.asked`, `.answer`, `.url`."""
    handler = type("Handler", (_Watcher,), {"asked": [], "answer": {"status": 200}})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        handler.url = f"http://127.0.0.1:{server.server_port}{PATH}"  # type: ignore[attr-defined]
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield handler
        server.shutdown()
        thread.join()


@pytest.fixture
def owners(database: Database, clock: Clock, organization: str) -> Owners:
    return Owners(database, clock, organization)


@pytest.fixture
def world(database: Database, clock: Clock, organization: str) -> World:
    return World(database, clock, organization)


@pytest.fixture
def works(world: World) -> Callable[[], None]:
    """A function that makes every part of Tracer work at this moment."""

    def all_of_it() -> None:
        with world.database.write(EVERY_ORGANIZATION, Urgency.RESULTS) as session:
            beat(session, world.clock.now_ms)
            session.query(Shard).update({"checkpoint_ms": world.clock.now_ms})
            session.query(ProbeInstance).update({"lease_until_ms": world.clock.now_ms + 6_000})

    return all_of_it


def deadman(clock: Clock, url: str, *allow: str, stopping: threading.Event | None = None) -> Deadman:
    settings = Settings(allow_nets=allow)
    return Deadman(url, settings, stopping or threading.Event(), monotonic_s=lambda: clock.now_ms / 1_000)


def test_it_is_asked_every_thirty_seconds(
    watcher: Any, world: World, works: Callable[[], None], clock: Clock, database: Database
) -> None:
    ping = deadman(clock, watcher.url, "127.0.0.0/8")
    for _ in range(24):
        works()
        ping(database)
        clock.advance(5_000)
    assert watcher.asked == [("GET", PATH)] * 4


@pytest.mark.parametrize("part", ["scheduler", "api", "probe"])
def test_it_is_not_asked_when_a_part_stands_still(
    watcher: Any, world: World, works: Callable[[], None], clock: Clock, database: Database, part: str
) -> None:
    world.check()
    world.probe(lease_ms=6_000)
    works()
    ping = deadman(clock, watcher.url, "127.0.0.0/8")
    ping(database)
    assert len(watcher.asked) == 1
    for _ in range(12):
        clock.advance(5_000)
        stopped_ms = clock.now_ms
        works()
        with database.write(EVERY_ORGANIZATION, Urgency.RESULTS) as session:
            if part == "scheduler":
                session.query(Shard).update({"checkpoint_ms": stopped_ms - 10_001})
            elif part == "api":
                session.connection().exec_driver_sql("UPDATE service_clock SET seen_ms = seen_ms - 3001")
            else:
                session.query(ProbeInstance).update({"lease_until_ms": stopped_ms})
        ping(database)
    assert len(watcher.asked) == 1
    works()
    ping(database)
    assert len(watcher.asked) == 2, "at once when all is well"


def test_a_name_is_looked_up_judged_and_asked(
    watcher: Any, works: Callable[[], None], clock: Clock, database: Database
) -> None:
    named = watcher.url.replace("127.0.0.1", "localhost")
    works()
    deadman(clock, named)(database)
    assert watcher.asked == []
    deadman(clock, named, "127.0.0.0/8", "::1/128")(database)
    assert watcher.asked == [("GET", PATH)]


def test_with_nothing_to_run_no_probe_is_needed(
    watcher: Any, works: Callable[[], None], clock: Clock, database: Database
) -> None:
    works()
    deadman(clock, watcher.url, "127.0.0.0/8")(database)
    assert len(watcher.asked) == 1


def test_an_address_inside_is_refused_unless_its_network_is_allowed_and_owners_hear_why(
    watcher: Any, owners: Owners, works: Callable[[], None], clock: Clock, database: Database
) -> None:
    owners.channel()
    refused = deadman(clock, watcher.url)
    for _ in range(3):
        assert owners.notices() == []
        works()
        refused(database)
        clock.advance(30_000)
    assert watcher.asked == []
    assert owners.open() == [("deadman_failing", "TRACER_DEADMAN_URL")]
    message = owners.notices()[0].message
    assert "127.0.0.1 is not a public address; TRACER_ALLOW_NETS decides" in message
    assert "secret-uuid" not in message
    works()
    deadman(clock, watcher.url, "127.0.0.0/8")(database)
    assert owners.open() == []


@pytest.mark.parametrize("store", ["sqlite"], indirect=True)
@pytest.mark.parametrize("status", [302, 404, 500])
def test_only_2xx_counts_and_redirects_are_not_followed(
    watcher: Any, owners: Owners, works: Callable[[], None], clock: Clock, database: Database, status: int
) -> None:
    watcher.answer["status"] = status
    ping = deadman(clock, watcher.url, "127.0.0.0/8")
    for _ in range(3):
        works()
        ping(database)
        clock.advance(30_000)
    assert watcher.asked == [("GET", PATH)] * 3
    assert f"127.0.0.1 answered {status}" in owners.notices()[0].message


@pytest.mark.parametrize("store", ["sqlite"], indirect=True)
def test_a_ping_that_hangs_does_not_keep_tracer_from_stopping(
    watcher: Any, works: Callable[[], None], clock: Clock, database: Database, organization: str
) -> None:
    answered, stopping = threading.Event(), threading.Event()
    watcher.answer["hang"] = answered
    works()
    pinging = threading.Thread(target=deadman(clock, watcher.url, "127.0.0.0/8", stopping=stopping), args=[database])
    begun = time.monotonic()
    pinging.start()
    stopping.set()
    pinging.join()
    answered.set()
    assert time.monotonic() - begun < 8, "the ping alone may take 10 s"
