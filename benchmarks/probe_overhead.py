"""What a check costs the probe besides the check: leasing, timer, bookkeeping, spool, report; and with a real one.

    .venv/bin/python -m benchmarks.probe_overhead [--rate 1000] [--seconds 10] [--rounds 3] [--http]

A probe with a check type that does nothing, in a process of its own, is given runs by a stand-in API in this one, ten
definitions' worth a tenth of a second at a time, a second ahead as the scheduler does. CPU is the probe process's own,
all threads, user and system; the same for as long with no runs is printed beside it. Lateness is what the probe
reported.

`--http`: the checks are real ones, GET and a status assertion against nginx, and rounds alternate with as long of
blackbox_exporter probing the same at the same rate, asked over kept connections as Prometheus asks. Needs nginx and
prometheus-blackbox-exporter (Debian packages).
"""

from __future__ import annotations

import argparse
import asyncio
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import msgspec
import uvloop
from aiohttp import ClientSession, TCPConnector, web

from benchmarks.measure import cpu_seconds, percentile
from benchmarks.whole_path import nginx
from egress.resolver import Resolver
from model.collector import spare_the_collector
from model.outcome import Metrics, Outcome, RunStatus
from model.protocol import (
    PROTOCOL,
    LeaseAnswer,
    LeasedBatch,
    LeasedCheck,
    LeasedRun,
    LeaseRequest,
    ResultAnswer,
    ResultBatch,
)
from model.settings import Settings
from probes import registry
from probes.engine import address_policy, open_engine
from probes.process import Probe
from tests.system.processes import free_port

CHECKS = 1_000
TICK_S = 0.1
REFERENCES = 200
LEAD_MS = 1_000
DEFINITION = {
    "type": "url",
    "name": "one of a thousand",
    "interval": 1,
    "assertions": [{"type": "status_code", "operator": "equals", "value": 200}],
}
OUTCOME = Outcome(
    RunStatus.SUCCESS,
    duration_ms=12.345,
    metrics=Metrics(dns_ms=1.0, connect_ms=2.0, tls_ms=4.0, ttfb_ms=11.0, download_ms=1.3),
    response={"status_code": 200, "http_version": "1.1", "remote_ip": "192.0.2.1", "bytes": 512},
)


class Api:
    """Leases `rate` runs a second while `giving`; counts the results and keeps their lateness."""

    def __init__(self, rate: int, target: str) -> None:
        self._rate = rate
        self.giving = False
        self.late_ms: list[float] = []
        self._owed = 0.0
        self._at = time.monotonic()
        self._runs = 0
        definition = msgspec.Raw(msgspec.json.encode({**DEFINITION, "url": target}))
        self._checks = [LeasedCheck(f"mon_{number:026d}", 1, definition) for number in range(CHECKS)]

    async def lease(self, request: web.Request) -> web.Response:
        lease = msgspec.json.decode(await request.read(), type=LeaseRequest)
        begun = time.monotonic()
        answer = LeaseAnswer(PROTOCOL, "here", 1)
        if lease.capacity and self.giving:
            await asyncio.sleep(max(0.0, self._at + TICK_S - time.monotonic()))
            elapsed = time.monotonic() - self._at
            self._at += elapsed
            self._owed += elapsed * self._rate
            self._fill(answer, elapsed)
        elif lease.wait_ms:
            await asyncio.sleep(TICK_S)
            self._at = time.monotonic()
        answer.held_ms = (time.monotonic() - begun) * 1000
        return web.Response(body=msgspec.json.encode(answer), content_type="application/json")

    def _fill(self, answer: LeaseAnswer, elapsed: float) -> None:
        count, self._owed = int(self._owed), self._owed % 1
        runs = []
        for number in range(count):
            check = self._checks[self._runs % CHECKS]
            self._runs += 1
            due_in_ms = LEAD_MS + round(number / count * elapsed * 1000)
            runs.append(LeasedRun(f"run_{self._runs:032d}", check.check_id, due_in_ms))
            answer.checks.append(check)
        for first in range(0, count, 100):
            dispatch = f"dsp_{self._runs:014d}_{first:011d}"
            answer.batches.append(LeasedBatch(dispatch, 1, runs[first : first + 100]))

    async def results(self, request: web.Request) -> web.Response:
        batch = msgspec.json.decode(await request.read(), type=ResultBatch)
        self.late_ms += [result.late_ms for result in batch.results]
        answer = ResultAnswer(len(batch.results))
        return web.Response(body=msgspec.json.encode(answer), content_type="application/json")


class Nothing:
    """A check type that costs as good as nothing."""

    types = ("url",)

    def parse(self, raw: bytes) -> registry.CheckDefinition:
        return registry.parse(raw, from_newer=True)

    async def run(self, _check: object, _run_id: str, _deadline: float) -> Outcome:
        return OUTCOME


@asynccontextmanager
async def _opened() -> AsyncIterator[Nothing]:
    yield Nothing()


def probe(url: str, directory: str, kind: str) -> None:
    """The measured process. `kind`: `http` or `nothing`."""

    async def work() -> None:
        settings = Settings(data_dir=Path(directory), url=url, probe_key="tprb_bench", canaries=("127.0.0.1:9",))
        one = Probe(settings, location="here")
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, one.stop)
        resolver = Resolver()
        engine = open_engine(address_policy(("127.0.0.0/8",)), resolver) if kind == "http" else _opened()
        spare_the_collector()
        await one.run(engine, resolver)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(work())


def _reference_us() -> float:
    """CPU of a fixed piece of Python work, now: what the machine's noise is measured by."""
    begun = time.thread_time()
    for _ in range(REFERENCES):
        sum(number * number for number in range(1_000))
    return (time.thread_time() - begun) / REFERENCES * 1e6


def _memory_mib(pid: int) -> float:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * resource.getpagesize() / 2**20


@contextmanager
def blackbox_exporter(folder: Path) -> Iterator[tuple[int, str]]:
    """Its pid, and what to ask it with a target at the end."""
    modules, port = folder / "blackbox.yml", free_port()
    modules.write_text('{"modules": {"http_2xx": {"prober": "http", "timeout": "5s"}}}')
    listen = f"--web.listen-address=127.0.0.1:{port}"
    exporter = subprocess.Popen(
        ["prometheus-blackbox-exporter", f"--config.file={modules}", listen, "--log.level=error"],
        stderr=subprocess.DEVNULL,
    )
    try:
        yield exporter.pid, f"http://127.0.0.1:{port}/probe?module=http_2xx&target="
    finally:
        exporter.terminate()
        exporter.wait()


async def ask(address: str, rate: int, seconds: float) -> int:
    """Ask blackbox_exporter `rate` times a second, evenly; how many probes it called a success."""

    async def once() -> bool:
        async with session.get(address) as answer:
            return "probe_success 1" in await answer.text()

    loop = asyncio.get_running_loop()
    async with ClientSession(connector=TCPConnector(limit=0)) as session:
        begun, asked = loop.time(), []
        for number in range(round(rate * seconds)):
            if (wait := begun + number / rate - loop.time()) > 0:
                await asyncio.sleep(wait)
            asked.append(asyncio.create_task(once()))
        return sum(await asyncio.gather(*asked))


async def beside_the_peer(rate: int, seconds: float, rounds: int) -> None:
    with tempfile.TemporaryDirectory() as folder, nginx(Path(folder)) as port:
        target = f"http://127.0.0.1:{port}/"
        with blackbox_exporter(Path(folder)) as (pid, address):

            async def peer() -> None:
                await asyncio.sleep(1)
                before = cpu_seconds([pid])
                done = await ask(address + target, rate, seconds)
                cost = (cpu_seconds([pid]) - before) / done * 1e6
                print(f"{done / seconds:6.0f} runs/s  {cost:6.1f} us CPU each  blackbox_exporter")

            await measure(rate, seconds, rounds, target, peer)


async def measure(
    rate: int, seconds: float, rounds: int, target: str = "", peer: Callable[[], Awaitable[None]] | None = None
) -> None:
    """`peer` is awaited after each round, the probe having nothing to do meanwhile."""
    api = Api(rate, target or "https://example.com/health")
    app = web.Application(client_max_size=8 * 1024 * 1024)
    app.router.add_post("/v1/probe/lease", api.lease)
    app.router.add_post("/v1/probe/results", api.results)
    runner = web.AppRunner(app, shutdown_timeout=0)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    with tempfile.TemporaryDirectory() as directory:
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "benchmarks.probe_overhead", "--probe", url, directory,
            "http" if target else "nothing",
        )  # fmt: skip
        try:
            await asyncio.sleep(4)
            idle_from = cpu_seconds([child.pid])
            await asyncio.sleep(3)
            idle = (cpu_seconds([child.pid]) - idle_from) / 3
            for _ in range(rounds):
                api.giving = True
                await asyncio.sleep(2)
                done, before, reference = len(api.late_ms), cpu_seconds([child.pid]), _reference_us()
                await asyncio.sleep(seconds)
                runs, reference = len(api.late_ms) - done, (reference + _reference_us()) / 2
                cost = (cpu_seconds([child.pid]) - before) / runs * 1e6
                late = api.late_ms[done:]
                print(
                    f"{runs / seconds:6.0f} runs/s  {cost:6.1f} us CPU each  (reference work {reference:.1f} us, "
                    f"ratio {cost / reference:.2f})  late p50 {percentile(late, 50):.2f} "
                    f"p99 {percentile(late, 99):.2f} max {max(late):.1f} ms  {_memory_mib(child.pid):.0f} MiB"
                )
                if peer is not None:
                    api.giving = False
                    await asyncio.sleep(2)
                    await peer()
            print(f"with nothing to do: {idle * 100:.2f} % of a core")
        finally:
            child.send_signal(signal.SIGTERM)
            await child.wait()
    await runner.cleanup()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rate", type=int, default=1_000)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--http", action="store_true", help="real checks, beside blackbox_exporter")
    parser.add_argument("--probe", nargs=3, metavar=("URL", "DIRECTORY", "KIND"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.probe:
        probe(*given.probe)
    elif given.http:
        asyncio.run(beside_the_peer(given.rate, given.seconds, given.rounds))
    else:
        asyncio.run(measure(given.rate, given.seconds, given.rounds))


if __name__ == "__main__":
    main()
