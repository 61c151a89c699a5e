"""How streams and long polls are held: what one small request costs while 500 streams and 100 polls are open.

    .venv/bin/python -m benchmarks.serving [--rounds 3] [--seconds 5] [--python OTHER] [CANDIDATE ...]

Candidates that are not dependencies of Tracer are skipped when the interpreter that serves (`--python`) lacks them:
an environment with all of them is `uv venv OTHER`, then `uv pip install -e . a2wsgi granian gunicorn waitress` in it.
CPU is what the kernel says of the server's processes (user and system), so the load generator and its core do not
count. Figures are medians of rounds in turn. Needs wrk.
"""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import os
import re
import signal
import socket
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

STREAMS, POLLS, THREADS = 500, 100, 640
CONNECTIONS = 16
_TICKS = os.sysconf("SC_CLK_TCK")
_APP = "benchmarks.serving_app"

CANDIDATES: dict[str, list[str]] = {
    "tracer (uvicorn, own bridge)": ["-m", _APP, "{port}"],
    "uvicorn + a2wsgi": ["-m", "uvicorn", f"{_APP}:asgi", "--port", "{port}", "--log-level", "error",
                         "--loop", "uvloop", "--lifespan", "off"],
    "granian ASGI + a2wsgi": ["-m", "granian", f"{_APP}:asgi", "--port", "{port}", "--interface", "asginl", "--no-log"],
    "granian WSGI": ["-m", "granian", f"{_APP}:wsgi", "--port", "{port}", "--interface", "wsgi", "--no-log",
                     "--blocking-threads", str(THREADS), "--backpressure", str(THREADS)],
    "gunicorn gthread": ["-m", "gunicorn", f"{_APP}:wsgi", "-b", "127.0.0.1:{port}", "-k", "gthread",
                         "--threads", str(THREADS), "--log-level", "error"],
    "waitress": ["-m", "waitress", "--listen=127.0.0.1:{port}", f"--threads={THREADS}", "--connection-limit=2000",
                 f"{_APP}:wsgi"],
}  # fmt: skip


@dataclass
class Figures:
    """`cpu_us`: of the server, per request. `idle_cpu`: share of a core with only streams and polls open."""

    cpu_us: float
    bare_cpu_us: float
    per_s: float
    p99_ms: float
    idle_cpu: float
    memory_mb: float
    held: float


class Served:
    """One candidate in processes of its own."""

    def __init__(self, python: str, arguments: list[str]) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port: int = free.getsockname()[1]
        filled = [argument.format(port=self.port) for argument in arguments]
        self._process = subprocess.Popen(
            [python, *filled], start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        )

    def ready(self) -> bool:
        """Whether it answers within 10 s; False also when the candidate is not installed."""
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline and self._process.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                return True
            except OSError:
                time.sleep(0.05)
        return False

    def _pids(self) -> list[int]:
        group = os.getpgid(self._process.pid)
        found = []
        for entry in Path("/proc").iterdir():
            try:
                if entry.name.isdigit() and os.getpgid(int(entry.name)) == group:
                    found.append(int(entry.name))
            except ProcessLookupError:
                continue
        return found

    def cpu_s(self) -> float:
        ticks = 0
        for pid in self._pids():
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12])
        return ticks / _TICKS

    def memory_mb(self) -> float:
        """Proportional set size: shared pages are counted once."""
        pages = [Path(f"/proc/{pid}/smaps_rollup").read_text() for pid in self._pids()]
        return sum(int(re.findall(r"^Pss:\s+(\d+)", text, re.M)[0]) for text in pages) / 1024

    def stop(self) -> None:
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.communicate()


class Waiting:
    """The streams and polls, held open by one client."""

    def __init__(self, port: int) -> None:
        self._port = port
        self.streams = self.polls = 0
        self.all_held = asyncio.Event()

    async def hold(self) -> None:
        async with asyncio.TaskGroup() as group:
            for number in range(STREAMS):
                group.create_task(self._stream(number))
            for number in range(POLLS):
                group.create_task(self._poll(number))

    def _tell(self) -> None:
        if self.streams >= STREAMS and self.polls >= POLLS:
            self.all_held.set()

    async def _stream(self, number: int) -> None:
        await asyncio.sleep(number / 500)
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        writer.write(b"GET /stream HTTP/1.1\r\nHost: x\r\n\r\n")
        await reader.readuntil(b": \n\n")
        self.streams += 1
        self._tell()
        while await reader.read(4096):
            pass

    async def _poll(self, number: int) -> None:
        await asyncio.sleep(number / 100)
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        while True:
            writer.write(b"POST /poll HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}")
            head = await reader.readuntil(b"\r\n\r\n")
            self.polls += 1
            self._tell()
            length = re.search(rb"content-length: (\d+)", head.lower())
            await (reader.readexactly(int(length[1])) if length else reader.readuntil(b"0\r\n\r\n"))


async def _wrk(port: int, seconds: int) -> tuple[int, float, float]:
    """Requests done, requests/s, p99 in ms."""
    process = await asyncio.create_subprocess_exec(
        "wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "--latency", f"http://127.0.0.1:{port}/small",
        stdout=subprocess.PIPE,
    )  # fmt: skip
    text = (await process.communicate())[0].decode()
    if "Non-2xx" in text:
        raise RuntimeError(text)
    value, unit = re.findall(r"99%\s+([\d.]+)(us|ms|s)", text)[0]
    p99_ms = float(value) * {"us": 0.001, "ms": 1, "s": 1000}[unit]
    per_s = float(re.findall(r"Requests/sec:\s+([\d.]+)", text)[0])
    return int(re.findall(r"(\d+) requests in", text)[0]), per_s, p99_ms


async def measure(served: Served, seconds: int) -> Figures:
    """Bare first, then with everything held open."""
    await _wrk(served.port, 1)
    before = served.cpu_s()
    bare_requests, _, _ = await _wrk(served.port, seconds)
    bare_cpu_us = (served.cpu_s() - before) / bare_requests * 1e6

    waiting = Waiting(served.port)
    held = asyncio.create_task(waiting.hold())
    try:
        async with asyncio.timeout(20):
            await waiting.all_held.wait()
    except TimeoutError:
        print(f"  only {waiting.streams} streams and {waiting.polls} polls were held", file=sys.stderr)
    before = served.cpu_s()
    await asyncio.sleep(seconds)
    idle_cpu = (served.cpu_s() - before) / seconds
    before = served.cpu_s()
    requests, per_s, p99_ms = await _wrk(served.port, seconds)
    cpu_us = (served.cpu_s() - before) / requests * 1e6
    memory_mb = served.memory_mb()
    held.cancel()
    await asyncio.wait([held])
    return Figures(cpu_us, bare_cpu_us, per_s, p99_ms, idle_cpu, memory_mb, waiting.streams)


def measured_once(name: str, python: str, seconds: int) -> Figures | None:
    """One candidate from start to stop; None when it is not installed."""
    served = Served(python, CANDIDATES[name])
    try:
        return asyncio.run(measure(served, seconds)) if served.ready() else None
    finally:
        served.stop()


def middle(several: list[Figures]) -> Figures:
    """The median of each figure."""
    return Figures(*(statistics.median(values) for values in zip(*map(dataclasses.astuple, several), strict=True)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("candidates", nargs="*", default=list(CANDIDATES))
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--python", default=sys.executable)
    given = parser.parse_args()
    rounds: dict[str, list[Figures]] = {name: [] for name in given.candidates}
    for _ in range(given.rounds):
        for name, several in rounds.items():
            figures = measured_once(name, given.python, given.seconds)
            if figures is not None:
                several.append(figures)
    print_table({name: middle(several) for name, several in rounds.items() if several})


def print_table(found: dict[str, Figures]) -> None:
    """Ratios are to the first row."""
    first = next(iter(found.values()))
    print(f"{'':30}{'CPU us':>8}{'ratio':>7}{'bare':>7}{'req/s':>8}{'p99 ms':>8}{'idle CPU':>10}{'MB':>6}{'ratio':>7}")
    for name, got in found.items():
        print(
            f"{name:30}{got.cpu_us:8.0f}{got.cpu_us / first.cpu_us:7.2f}{got.bare_cpu_us:7.0f}{got.per_s:8.0f}"
            f"{got.p99_ms:8.1f}{got.idle_cpu:10.1%}{got.memory_mb:6.0f}{got.memory_mb / first.memory_mb:7.2f}"
        )


if __name__ == "__main__":
    main()
