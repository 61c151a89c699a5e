"""How far reported phases are from what happened: against a server that records how long it kept each answer back.

    .venv/bin/python -m benchmarks.timing_truth [--rates 100,1000] [--seconds 8] [--rounds 3] [--realtime]

The server (core 1) answers each request after a random 250-750 ms and records the true delay, from its first byte in
to its first byte out. Checks arrive at random (Poisson) over fresh connections. The error is the reported wait for the
first byte (ours: ttfb_ms without dns, connect and TLS; blackbox_exporter: phase "processing") less that record. Both
run on core 0 and take turns; what drives blackbox_exporter runs on core 1. Needs prometheus-blackbox-exporter.
`--realtime` runs all of it, the peer too, before any other process of the machine (SCHED_FIFO).
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import os
import random
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

import trustme
import uvloop

from benchmarks.engine import MEASURED_CORE, SERVER_CORE, blackbox_exporter, running, wait_for
from benchmarks.measure import cpu_seconds, percentile
from egress.door import Egress
from model.addresses import AddressPolicy, networks_of
from probes.checks.url import UrlCheck
from probes.http.engine import HttpEngine
from probes.http.visit import visit
from tests.system.processes import free_port

SHORTEST_S, LONGEST_S = 0.25, 0.75
_ID = re.compile(rb"id=([a-z0-9]+)")
_PHASE = re.compile(rb'probe_http_duration_seconds\{phase="processing"\} ([0-9.e+-]+)')
_OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"


class Recorder(asyncio.Protocol):
    """One connection: `/?id=x` is kept back and recorded, `/records` answers with all records and forgets them."""

    records: dict[str, float] = {}  # noqa: RUF012 - shared by all connections of the one server process

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: asyncio.Transport = transport  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        received = time.perf_counter()
        asked = _ID.search(data)
        if asked is None:
            body = json.dumps(self.records).encode()
            self.records.clear()
            self._transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
            self._transport.close()
            return
        loop = asyncio.get_running_loop()
        loop.call_later(random.uniform(SHORTEST_S, LONGEST_S), self._answer, asked[1].decode(), received)

    def _answer(self, name: str, received: float) -> None:
        self.records[name] = (time.perf_counter() - received) * 1000
        self._transport.write(_OK)
        self._transport.close()


async def serve(port: int) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Recorder, "127.0.0.1", port, backlog=4096)
    await server.serve_forever()


def _records(port: int) -> dict[str, float]:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/records") as answer:
        found: dict[str, float] = json.loads(answer.read())
    return found


async def _at_random(rate: float, seconds: float, start: object) -> None:
    """Calls `start(number)` as a Poisson process, and waits for all it started."""
    loop = asyncio.get_running_loop()
    tasks: set[asyncio.Task[None]] = set()
    due = begun = loop.time()
    number = 0
    while due < begun + seconds:
        due += random.expovariate(rate)
        if (wait := due - loop.time()) > 0:
            await asyncio.sleep(wait)
        task = asyncio.create_task(start(number))  # type: ignore[operator]
        tasks.add(task)
        task.add_done_callback(tasks.discard)
        number += 1
    if tasks:
        await asyncio.wait(tasks)


async def ours(port: int, rate: float, seconds: float) -> dict[str, object]:
    """Reported waits by id, and CPU us a check."""
    egress = Egress(AddressPolicy(networks_of(["127.0.0.0/8"])))
    http = HttpEngine()
    loop = asyncio.get_running_loop()
    reported: dict[str, float] = {}

    # As in a probe, definitions are read before their runs are due.
    urls = (f"http://127.0.0.1:{port}/?id=n{number}" for number in range(int(2 * rate * seconds) + 100))
    plans = [UrlCheck.model_construct(name="n", type="url", url=url).plan for url in urls]

    async def check(number: int) -> None:
        seen = await visit(plans[number], "run_bench", egress=egress, http=http, deadline=loop.time() + 10)
        if seen.failure is not None or seen.metrics.ttfb_ms is None or seen.metrics.connect_ms is None:
            raise SystemExit(f"a check failed: {seen.failure}")
        reported[f"n{number}"] = seen.metrics.ttfb_ms - seen.metrics.connect_ms

    gc.collect()
    gc.freeze()
    before = resource.getrusage(resource.RUSAGE_SELF)
    await _at_random(rate, seconds, check)
    after = resource.getrusage(resource.RUSAGE_SELF)
    http.close()
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"reported": reported, "us": used / len(reported) * 1e6}


async def through_blackbox(port: int, blackbox: int, rate: float, seconds: float) -> dict[str, object]:
    """Asks blackbox_exporter for each check; reported waits by id."""
    reported: dict[str, float] = {}

    async def check(number: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", blackbox)
        target = f"http://127.0.0.1:{port}/%3Fid=n{number}"
        request = f"GET /probe?module=http&target={target} HTTP/1.1\r\nHost: b\r\nConnection: close\r\n\r\n"
        writer.write(request.encode())
        found = _PHASE.search(await reader.read(-1))
        writer.close()
        if found is None:
            raise SystemExit("blackbox_exporter reported no phases")
        reported[f"n{number}"] = float(found[1]) * 1000

    await _at_random(rate, seconds, check)
    return {"reported": reported}


def _child(core: int, *arguments: object) -> dict[str, object]:
    command = [sys.executable, "-m", "benchmarks.timing_truth", "--child", *map(str, arguments)]
    output = subprocess.run(["taskset", "-c", str(core), *command], check=True, capture_output=True, text=True).stdout
    found: dict[str, object] = json.loads(output)
    return found


def _errors(reported: object, records: dict[str, float]) -> list[float]:
    return [abs(value - records[name]) for name, value in reported.items()]  # type: ignore[attr-defined]


def _shown(name: str, rate: float, errors: list[float], cpu_us: list[float]) -> None:
    figures = [percentile(errors, share) for share in (50, 99)]
    cpu = sorted(cpu_us)[len(cpu_us) // 2]
    print(
        f"{name:<20}{rate:>8g}{len(errors):>9}{figures[0]:>10.2f}{figures[1]:>10.2f}{max(errors):>10.1f}{cpu:>12.0f}",
        flush=True,
    )


def _compare(rates: list[float], seconds: float, rounds: int) -> None:
    with tempfile.TemporaryDirectory() as place:
        folder, port = Path(place), free_port()
        trustme.CA().cert_pem.write_to_path(folder / "ca.pem")
        server = [sys.executable, "-m", "benchmarks.timing_truth", "--child", "serve", str(port)]
        with running(server, SERVER_CORE):
            wait_for(port)
            print(f"{'error, ms':<20}{'rate /s':>8}{'checks':>9}{'p50':>10}{'p99':>10}{'max':>10}{'CPU us each':>12}")
            for rate in rates:
                engine: list[float] = []
                peer: list[float] = []
                engine_us: list[float] = []
                peer_us: list[float] = []
                for _ in range(rounds):
                    found = _child(MEASURED_CORE, "ours", port, rate, seconds)
                    engine += _errors(found["reported"], _records(port))
                    engine_us.append(float(found["us"]))  # type: ignore[arg-type]
                    with blackbox_exporter(folder, None) as (pid, blackbox):
                        before = cpu_seconds([pid])
                        found = _child(SERVER_CORE, "blackbox", port, blackbox, rate, seconds)
                        errors = _errors(found["reported"], _records(port))
                        peer_us.append((cpu_seconds([pid]) - before) / len(errors) * 1e6)
                        peer += errors
                _shown("Tracer", rate, engine, engine_us)
                _shown("blackbox_exporter", rate, peer, peer_us)
                ratio = percentile(peer, 99) / percentile(engine, 99)
                print(f"{'':<20}{rate:>8g}   blackbox_exporter's p99 is {ratio:.1f} times Tracer's", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rates", default="100,1000")
    parser.add_argument("--seconds", type=float, default=8)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--realtime", action="store_true", help="keep a busy machine out of the figures (needs root)")
    parser.add_argument("--child", nargs="+", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.realtime:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(5))
    if not given.child:
        if not shutil.which("prometheus-blackbox-exporter"):
            raise SystemExit("not installed: prometheus-blackbox-exporter")
        return _compare([float(rate) for rate in given.rates.split(",")], given.seconds, given.rounds)
    role, *numbers = given.child
    if role == "serve":
        return uvloop.run(serve(int(numbers[0])))
    if role == "ours":
        found = uvloop.run(ours(int(numbers[0]), float(numbers[1]), float(numbers[2])))
    else:
        port, blackbox, rate, seconds = numbers
        found = uvloop.run(through_blackbox(int(port), int(blackbox), float(rate), float(seconds)))
    return print(json.dumps(found))


if __name__ == "__main__":
    main()
