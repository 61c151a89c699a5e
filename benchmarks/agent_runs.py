"""How fast runs of agents are recorded, and how soon those who listen hear of it.

    python -m benchmarks.agent_runs [--sessions 1000] [--events 200] [--writers 20] [--batch 50]
                                    [--streams 500] [--appends 200] [--per-second 20] [--store sqlite | postgresql]

The server stands in a process of its own; the writers are threads of another, each with a connection of its own that
records one run after the other. Then streams are opened by a third process, and single events appended at a steady
rate: from before the request is sent until a client has the message, by the machine's one monotonic clock. CPU is of
the server's process alone (not of PostgreSQL's). The figures: events a second, append to client p99 <= 500 ms.
"""

from __future__ import annotations

import argparse
import asyncio
import http.client
import json
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from benchmarks.agent_analysis import said
from benchmarks.measure import cpu_seconds, percentile

PER_KEY = 4
"""Streams that a key may have."""


def serve(keys: int, store: str) -> None:
    """Say where, and with which keys, on one line; then serve until standard input ends."""
    import structlog

    from api.app import create_app
    from api.server import Server
    from api.services import services_of
    from migrations.upgrade import upgrade
    from model.settings import Settings
    from store.api_keys import NewApiKey, create_api_key
    from store.keyring import Keyring
    from store.organizations import create_organization
    from store.sessions import EVERY_ORGANIZATION, Database
    from store.write_lock import Urgency

    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    with ExitStack() as stack:
        if store == "sqlite":
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tracer-agents-")))
            url = f"sqlite:///{folder / 'tracer.db'}"
        else:
            from tests.postgres import running_postgres

            running = stack.enter_context(running_postgres())
            url = running.address(running.create())
        upgrade(url)
        database, keyring, settings = Database(url), Keyring({"k1": bytes(range(32))}, b"pepper"), Settings(port=0)
        database.seal_with(keyring.signature)
        with database.write(EVERY_ORGANIZATION, Urgency.PEOPLE) as session:
            wanted = NewApiKey(create_organization(session, "o", ["local"], 1).id, "b", ("read", "ingest"), None)
            made = [create_api_key(session, keyring, wanted, 1)[1] for _ in range(keys)]
        app = create_app(database, keyring, settings)
        with Server(app, database, keyring, settings, quota=services_of(app).artifact_quota) as server:
            print(json.dumps({"port": server.port, "keys": made}), flush=True)
            sys.stdin.read()


class Recorder:
    """One connection that records runs."""

    def __init__(self, port: int, key: str) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        self._headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
        self.took_ms: list[float] = []

    def begin(self, name: str) -> None:
        self._post("/api/traces", {"name": name, "session_id": name})

    def append(self, name: str, body: Any) -> None:
        began = time.perf_counter()
        self._post(f"/api/traces/{name}/events", body)
        self.took_ms.append((time.perf_counter() - began) * 1000)

    def record(self, name: str, events: int, batch: int) -> None:
        self.begin(name)
        for first in range(0, events, batch):
            self.append(name, [event(name, number, events) for number in range(first, min(first + batch, events))])

    def _post(self, path: str, body: Any) -> None:
        while True:
            self._connection.request("POST", path, json.dumps(body), self._headers)
            answer = self._connection.getresponse()
            told = answer.read()
            if answer.status in (200, 201):
                return
            if answer.status not in (429, 503):
                raise RuntimeError(f"{answer.status} {told!r}")
            time.sleep(float(answer.headers.get("Retry-After", 1)))


def event(name: str, number: int, events: int, **more: Any) -> dict[str, Any]:
    kind, payload = said(number, events)
    return {
        "seq": number + 1, "type": kind, "timestamp": "2024-01-15T10:29:00Z", "idempotency_key": f"{name}:{number}",
        "step": number // 5, "payload": {**payload, **more},
    }  # fmt: skip


def write(port: int, key: str, options: argparse.Namespace) -> None:
    """All writers; prints how long their requests took, and how long all of it did."""
    names = iter([f"run-{number}" for number in range(options.sessions)])
    recorders = [Recorder(port, key) for _ in range(options.writers)]
    lock = threading.Lock()

    def work(recorder: Recorder) -> None:
        while True:
            with lock:
                name = next(names, None)
            if name is None:
                return
            recorder.record(name, options.events, options.batch)

    threads = [threading.Thread(target=work, args=(recorder,)) for recorder in recorders]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    took = [each for recorder in recorders for each in recorder.took_ms]
    print(
        json.dumps({"seconds": time.perf_counter() - began, "p50": percentile(took, 50), "p99": percentile(took, 99)})
    )


async def listen(port: int, keys: list[str], streams: int, appends: int) -> None:
    """Hold the streams, say so, and print how long each event took to each of them."""
    took: list[float] = []
    held = 0
    slots = asyncio.Semaphore(20)

    async def one(number: int) -> None:
        nonlocal held
        async with slots:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            key = keys[number // PER_KEY]
            writer.write(f"GET /api/stream HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\n\r\n".encode())
            await reader.readuntil(b": connected\n\n")
        held += 1
        if held == streams:
            print("held", flush=True)
        heard = 0
        while heard < appends:
            line = await reader.readline()
            if not line:
                raise RuntimeError("a stream was cut")
            if b'"sent":' in line:
                now = time.monotonic()
                took.append((now - float(line.split(b'"sent":')[1].split(b"}")[0].split(b",")[0])) * 1000)
                heard += 1
        writer.close()

    await asyncio.gather(*(one(number) for number in range(streams)))
    print(json.dumps({"messages": len(took), "p50": percentile(took, 50), "p99": percentile(took, 99)}))


def run(options: argparse.Namespace) -> None:
    again = [sys.executable, "-m", "benchmarks.agent_runs"]
    for name in ("sessions", "events", "writers", "batch", "streams", "appends", "store"):
        again += [f"--{name}", str(getattr(options, name))]
    pipe = subprocess.PIPE
    server = subprocess.Popen([*again, "--serve"], stdin=pipe, stdout=pipe, text=True)
    assert server.stdout is not None
    given = json.loads(server.stdout.readline())
    asked = json.dumps(given)
    try:
        before = cpu_seconds([server.pid])
        wrote = subprocess.run([*again, "--write", asked], stdout=pipe, text=True, check=True)
        found, count = json.loads(wrote.stdout), options.sessions * options.events
        cpu_us = (cpu_seconds([server.pid]) - before) / count * 1e6
        print(
            f"{options.store}: {options.sessions:,} runs x {options.events} events, {options.writers} writers, "
            f"{options.batch} a request: {count / found['seconds']:,.0f} events/s, {cpu_us:.0f} us of CPU an event, "
            f"a request p50 {found['p50']:.0f} ms, p99 {found['p99']:.0f} ms",
            flush=True,
        )
        listening = subprocess.Popen([*again, "--listen", asked], stdout=pipe, text=True)
        assert listening.stdout is not None
        if listening.stdout.readline() != "held\n":
            raise RuntimeError("the streams did not open")
        before = cpu_seconds([server.pid])
        recorder = Recorder(given["port"], given["keys"][0])
        recorder.begin("told")
        for number in range(options.appends):
            recorder.append("told", event("told", number, options.appends, sent=time.monotonic()))
            time.sleep(1 / options.per_second)
        heard = json.loads(listening.stdout.read())
        cpu_us = (cpu_seconds([server.pid]) - before) / heard["messages"] * 1e6
        print(
            f"{options.streams} streams, {options.per_second:g} events/s: {heard['messages']:,} messages, append to "
            f"client p50 {heard['p50']:.0f} ms, p99 {heard['p99']:.0f} ms, {cpu_us:.0f} us of CPU a message",
            flush=True,
        )
        listening.wait()
    finally:
        server.communicate()


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--sessions", type=int, default=1_000)
    asked.add_argument("--events", type=int, default=200)
    asked.add_argument("--writers", type=int, default=20)
    asked.add_argument("--batch", type=int, default=50)
    asked.add_argument("--streams", type=int, default=500)
    asked.add_argument("--appends", type=int, default=200)
    asked.add_argument("--per-second", type=float, default=20)
    asked.add_argument("--store", default="sqlite", choices=["sqlite", "postgresql"])
    asked.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    asked.add_argument("--write", type=json.loads, help=argparse.SUPPRESS)
    asked.add_argument("--listen", type=json.loads, help=argparse.SUPPRESS)
    options = asked.parse_args()
    if options.serve:
        serve(max(1, -(-options.streams // PER_KEY)), options.store)
    elif options.write:
        write(options.write["port"], options.write["keys"][0], options)
    elif options.listen:
        asyncio.run(listen(options.listen["port"], options.listen["keys"], options.streams, options.appends))
    else:
        run(options)


if __name__ == "__main__":
    main()
