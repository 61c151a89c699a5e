"""What Tracer adds to a browser: the five-step login journey of seed 003 against a site on loopback.

    .venv/bin/python -m benchmarks.journeys [--seconds 40] [--rounds 3] [--no-peer]

Three walk the same steps with the same Chromium, a warm browser and a fresh context each time, in turns: Tracer (the
pool of a probe, its vetting proxy, variables masked, screenshot, trace, HAR and console kept), bare Playwright (the
steps and nothing else), and pytest-playwright, plain and with `--tracing on --screenshot on`. Each is pinned to core 0
with its browser, the site runs on core 1: so a count is journeys per minute per core. pytest-playwright is installed
into a folder of the benchmark's own.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.async_api import async_playwright

from journeys import chromium
from journeys.browser import spare_screenshots
from journeys.definition import JourneyCheck
from journeys.pool import BrowserPool
from model.outcome import RunStatus
from tests.journeys.site import Site

PASSWORD = "correct horse battery staple"  # noqa: S105 - of a site that is made here
WALKERS = ("tracer", "bare")
_PEER_PACKAGES = ("pytest-playwright", "pytest-base-url", "python-slugify", "text-unidecode")
_PEER_WAYS = {"pytest": (), "pytest traced": ("--tracing", "on", "--screenshot", "on")}
_LOGIN = """<form action=/signed-in method=post>
<input id=email name=email><input id=password type=password name=password><button type=submit>Log in</button></form>"""
_PEER = """
import pytest, time
LOG = {log!r}

@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args):
    return {{**browser_type_launch_args, "executable_path": {program!r}, "chromium_sandbox": {sandbox!r}}}

@pytest.mark.parametrize("number", range({count}))
def test_login(page, number):
    began = time.perf_counter()
    page.goto("{url}/login")
    page.fill("#email", "me@example.com")
    page.fill("#password", {password!r})
    page.click("button[type=submit]")
    page.locator(".dashboard").wait_for()
    with open(LOG, "a") as log:
        log.write(f"{{time.perf_counter()}} {{time.perf_counter() - began}}\\n")
"""


def serve() -> None:
    """The site, until its input ends; prints its address."""
    site = Site()
    site.page("/login", _LOGIN)
    site.page("/signed-in", "<h1 class=dashboard>Welcome</h1>")
    with site.running():
        print(site.url, flush=True)
        sys.stdin.read()


def definition(url: str) -> bytes:
    steps = [
        {"type": "goto", "url": f"{url}/login"},
        {"type": "fill", "selector": "#email", "value": "me@example.com"},
        {"type": "fill", "selector": "#password", "value": "{{PASSWORD}}"},
        {"type": "click", "selector": "button[type=submit]"},
        {"type": "expect_visible", "selector": ".dashboard"},
    ]
    journey = JourneyCheck.model_validate({"name": "Log in", "steps": steps, "variables": {"PASSWORD": PASSWORD}})
    return journey.model_dump_json(exclude_none=True).encode()


async def with_tracer(url: str, seconds: float, folder: Path) -> list[float]:
    """Wall seconds of each journey."""
    pool = BrowserPool(folder / "browsers", 1, {"TRACER_ALLOW_NETS": "127.0.0.1"})
    order = definition(url)

    async def once() -> None:
        outcome = await pool.walk(order, "run_1", 60)
        if outcome.status is not RunStatus.SUCCESS:
            raise SystemExit(f"a journey failed: {outcome.error}")

    try:
        return await _repeated(once, seconds)
    finally:
        await pool.close()


async def with_bare_playwright(url: str, seconds: float, _: Path) -> list[float]:
    """Wall seconds of each journey."""
    async with async_playwright() as driver:
        browser = await driver.chromium.launch(executable_path=chromium.find(), chromium_sandbox=chromium.sandboxed())

        async def once() -> None:
            context = await browser.new_context()
            page = await context.new_page()
            await page.goto(f"{url}/login")
            await page.fill("#email", "me@example.com")
            await page.fill("#password", PASSWORD)
            await page.click("button[type=submit]")
            await page.locator(".dashboard").wait_for()
            await context.close()

        return await _repeated(once, seconds)


async def _repeated(once, seconds: float) -> list[float]:  # type: ignore[no-untyped-def]
    for _ in range(3):
        await once()
    walls: list[float] = []
    began = time.perf_counter()
    while time.perf_counter() - began < seconds:
        started = time.perf_counter()
        await once()
        walls.append(time.perf_counter() - started)
    return walls


def walk_here(walker: str, url: str, seconds: float) -> None:
    """In a process of its own on core 0; prints the wall seconds of each journey as JSON."""
    os.sched_setaffinity(0, {0})
    spare_screenshots()
    run = {"tracer": with_tracer, "bare": with_bare_playwright}[walker]
    with tempfile.TemporaryDirectory() as folder:
        print(json.dumps(asyncio.run(run(url, seconds, Path(folder)))))


def with_pytest(url: str, seconds: float, packages: Path, options: tuple[str, ...]) -> float:
    """Journeys per second between the first test's end and the last's."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        log = folder / "log"
        (folder / "test_login.py").write_text(
            _PEER.format(
                log=str(log), program=str(chromium.find()), sandbox=chromium.sandboxed(), count=100_000, url=url,
                password=PASSWORD,
            )
        )  # fmt: skip
        process = subprocess.Popen(
            ["taskset", "-c", "0", sys.executable, "-m", "pytest", "-q", "-x", "--rootdir", name,
             "-p", "no:cacheprovider", *options, "--output", str(folder / "out"), str(folder / "test_login.py")],
            env={**os.environ, "PYTHONPATH": str(packages)}, cwd=name, stdout=subprocess.DEVNULL,
        )  # fmt: skip
        while not (log.exists() and len(log.read_text().splitlines()) > 3):
            if process.poll() is not None:
                raise SystemExit("pytest-playwright ended before its first journeys")
            time.sleep(0.1)
        time.sleep(seconds)
        process.terminate()
        process.wait()
        ends = [float(line.split()[0]) for line in log.read_text().splitlines()[3:]]
        return (len(ends) - 1) / (ends[-1] - ends[0])


@contextmanager
def site() -> Iterator[str]:
    command = ["taskset", "-c", "1", sys.executable, "-m", "benchmarks.journeys", "--serve"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        assert server.stdin is not None
        yield server.stdout.readline().strip()
        server.stdin.close()


def compare(seconds: float, rounds: int, *, peer: bool) -> None:
    walls: dict[str, list[float]] = {walker: [] for walker in WALKERS}
    rates: dict[str, list[float]] = {}
    with site() as url, tempfile.TemporaryDirectory() as packages:
        if peer:
            install = [sys.executable, "-m", "pip", "install", "--quiet", "--target", packages, "--no-deps"]
            subprocess.run(
                [*install, "pytest-playwright", "pytest-base-url", "python-slugify", "text-unidecode"], check=True
            )
        for _ in range(rounds):
            for walker in WALKERS:
                command = [sys.executable, "-m", "benchmarks.journeys", "--walk", walker, url, str(seconds)]
                done = subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
                found = json.loads(done.stdout)
                walls[walker] += found
                rates.setdefault(walker, []).append(len(found) / sum(found))
            for name, options in (
                (("pytest", ()), ("pytest traced", ("--tracing", "on", "--screenshot", "on"))) if peer else ()
            ):
                rates.setdefault(name, []).append(with_pytest(url, seconds, Path(packages), options))
    medians = {walker: statistics.median(values) * 1000 for walker, values in walls.items()}
    print(f"one journey, wall ms (median): Tracer {medians['tracer']:.0f}, bare Playwright {medians['bare']:.0f}: "
          f"{medians['tracer'] / medians['bare']:.2f}x")  # fmt: skip
    print("journeys a minute on one core, median (min..max) of the rounds:")
    for name, found in rates.items():
        minute = sorted(rate * 60 for rate in found)
        print(f"  {name:14} {statistics.median(minute):5.0f} ({minute[0]:.0f}..{minute[-1]:.0f})")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=40)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--no-peer", action="store_true")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--walk", nargs=3, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.serve:
        serve()
    elif given.walk:
        walk_here(given.walk[0], given.walk[1], float(given.walk[2]))
    else:
        compare(given.seconds, given.rounds, peer=not given.no_peer)


if __name__ == "__main__":
    main()
