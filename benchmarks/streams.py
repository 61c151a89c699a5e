"""What live streams cost those who ask the API: p99 of one request with 500 streams open, against without.

    python -m benchmarks.streams [--streams 500] [--rounds 3] [--seconds 5] [--runs 10]

The server stands in a process of its own, with SQLite, and stores `--runs` results a second throughout, in both halves
of each round; every stream is told each of them. Streams are held by another process. The figure is the ratio.
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
from pathlib import Path

from benchmarks.measure import cpu_seconds, percentile

PER_KEY = 4


def serve(keys: int, runs_per_s: float) -> None:
    """Say where, and with which keys, on one line; then serve and store until standard input ends."""
    import structlog

    from api.app import create_app
    from api.server import Server
    from migrations.upgrade import upgrade
    from model.ids import new_id
    from model.settings import Settings
    from store.api_keys import NewApiKey, create_api_key
    from store.keyring import Keyring
    from store.sessions import EVERY_ORGANIZATION, Database
    from store.tables import Organization
    from store.write_lock import Urgency
    from tests.alerts.recording import add_check, measured, record_all

    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    url = f"sqlite:///{Path(tempfile.mkdtemp()) / 'tracer.db'}"
    upgrade(url)
    database, keyring = Database(url), Keyring({"k1": bytes(range(32))}, b"pepper")
    database.seal_with(keyring.signature)
    now_ms = time.time_ns() // 1_000_000
    organization = new_id("org", now_ms)
    with database.write(EVERY_ORGANIZATION, Urgency.PEOPLE) as session:
        session.add(Organization(id=organization, name="o", default_locations=["local"], created_ms=now_ms))
    with database.write(organization, Urgency.PEOPLE) as session:
        made = [
            create_api_key(session, keyring, NewApiKey(organization, "k", ("read",), None), now_ms)[1]
            for _ in range(keys)
        ]
    check = add_check(database, organization)
    settings = Settings(port=0)
    stopping = threading.Event()

    def store() -> None:
        number = 0
        while not stopping.wait(1 / runs_per_s):
            record_all(database, [[measured(organization, check, now_ms + 10_000 * number)]], now_ms=now_ms)
            number += 1

    with Server(create_app(database, keyring, settings), database, keyring, settings) as server:
        print(json.dumps({"port": server.port, "keys": made}), flush=True)
        storing = threading.Thread(target=store)
        storing.start()
        sys.stdin.read()
        stopping.set()
        storing.join()


async def hold(port: int, keys: list[str], count: int) -> None:
    """Keep so many streams open, and read them; a line once all are."""

    async def one(number: int, opened: asyncio.Event) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        asked = f"GET /v1/stream HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {keys[number // PER_KEY]}\r\n\r\n"
        writer.write(asked.encode())
        await reader.readuntil(b": connected\n\n")
        opened.set()
        held.append(number)
        if len(held) == count:
            print("held", flush=True)
        while piece := await reader.read(65536):
            heard[0] += piece.count(b"\nevent: ")

    held: list[int] = []
    heard = [0]
    slots = asyncio.Semaphore(20)

    async def open_one(number: int) -> None:
        opened = asyncio.Event()
        async with slots:
            task = asyncio.create_task(one(number, opened))
            await opened.wait()
        await task

    await asyncio.gather(*(open_one(number) for number in range(count)))


def ask(port: int, key: str, seconds: float) -> list[float]:
    """How long each request took, ms, one after the other."""
    connection = http.client.HTTPConnection("127.0.0.1", port)
    took: list[float] = []
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        began = time.perf_counter()
        connection.request("GET", "/v1/monitors?per_page=1", headers={"Authorization": f"Bearer {key}"})
        answer = connection.getresponse()
        answer.read()
        if answer.status != 200:
            raise RuntimeError(f"answered {answer.status}")
        took.append((time.perf_counter() - began) * 1000)
        time.sleep(0.005)
    return took


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--streams", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--runs", type=float, default=10)
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--hold", help=argparse.SUPPRESS)
    options = parser.parse_args()
    keys = -(-options.streams // PER_KEY)
    if options.serve:
        serve(keys, options.runs)
        return
    if options.hold:
        given = json.loads(options.hold)
        asyncio.run(hold(given["port"], given["keys"], options.streams))
        return
    again = [sys.executable, "-m", "benchmarks.streams", "--streams", str(options.streams), "--runs", str(options.runs)]
    server = subprocess.Popen([*again, "--serve"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    if server.stdout is None:
        raise RuntimeError("the server has no output")
    told = server.stdout.readline()
    given = json.loads(told)
    took: dict[str, list[float]] = {"without": [], "with": []}
    cpu: dict[str, float] = {"without": 0.0, "with": 0.0}
    try:
        for _ in range(options.rounds):
            for half in took:
                holder = None
                if half == "with":
                    holder = subprocess.Popen([*again, "--hold", told], stdout=subprocess.PIPE, text=True)
                    if holder.stdout is None or holder.stdout.readline() != "held\n":
                        raise RuntimeError("not every stream was opened")
                before = cpu_seconds([server.pid])
                took[half] += ask(given["port"], given["keys"][0], options.seconds)
                cpu[half] += cpu_seconds([server.pid]) - before
                if holder is not None:
                    holder.kill()
                    holder.wait()
                    time.sleep(2)  # places are given back
    finally:
        server.communicate("")
    print(f"{'':>10} {'requests':>9} {'p50 ms':>8} {'p99 ms':>8} {'CPU':>6}")
    for half, found in took.items():
        share = cpu[half] / options.rounds / options.seconds
        row = f"{half:>10} {len(found):9} {percentile(found, 50):8.1f} {percentile(found, 99):8.1f} {share:6.0%}"
        print(row)
    ratio = percentile(took["with"], 99) / percentile(took["without"], 99)
    print(f"p99 with {options.streams} streams: {ratio:.2f} x")


if __name__ == "__main__":
    main()
