"""The overview of 1,000 checks: what a request costs, what goes over the wire, when Chromium has painted it, and how
soon an open page shows a result that was stored.

    .venv/bin/python -m benchmarks.overview [--checks 1000] [--asks 40] [--changes 20] [--store sqlite]

Every check has two locations and a day of hours behind it; every fiftieth is down. The server stands in a process of
its own. `CPU` is what the kernel says of it, per request, of one browser's worth of requests, one after the other.
Goals: 50 ms, 150 kB, 1 s, 1 s.
"""

from __future__ import annotations

import argparse
import gzip
import http.client
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.measure import cpu_seconds

if TYPE_CHECKING:
    from playwright.sync_api import Page

LOCATIONS = ("eu-west", "us-east")
_LARGEST = """() => new Promise(done => new PerformanceObserver(list => done(list.getEntries().at(-1).startTime))
    .observe({type: "largest-contentful-paint", buffered: true}))"""
_WATCH = """() => { const begun = document.querySelector("#answer h1").textContent; window.changed = null;
    new MutationObserver(() => { const now = document.querySelector("#answer h1").textContent;
        if (now !== begun && window.changed === null) window.changed = Date.now(); })
    .observe(document.body, {subtree: true, childList: true, characterData: true}); }"""


def serve(checks: int, store: str) -> None:
    """Say where and with which key on one line; then turn the last check around at every line, and say when that was
    stored."""
    import structlog

    from api.app import create_app
    from api.server import Server
    from migrations.upgrade import upgrade
    from model.collector import spare_the_collector
    from model.settings import Settings
    from store.bootstrap import bootstrap
    from store.keyring import Keyring
    from store.sessions import Database
    from tests.alerts.recording import measured, record_all
    from tests.postgres import running_postgres

    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    with ExitStack() as parts:
        folder = Path(parts.enter_context(tempfile.TemporaryDirectory()))
        url = f"sqlite:///{folder / 'tracer.db'}"
        if store == "postgresql":
            url = parts.enter_context(running_postgres()).new_database()
        upgrade(url)
        database, keyring = Database(url), Keyring({"k1": bytes(range(32))}, b"pepper")
        parts.callback(database.close)
        database.seal_with(keyring.signature)
        key = "the-owner-of-a-thousand-checks"
        settings = Settings(port=0, api_key=key)
        organization = bootstrap(database, keyring, settings).organization_id
        last = _fill(database, organization, checks)
        with Server(create_app(database, keyring, settings), database, keyring, settings) as server:
            spare_the_collector()  # as a server does
            print(json.dumps({"port": server.port, "key": key}), flush=True)
            passed = True
            for number, _ in enumerate(sys.stdin):
                passed = not passed
                at_ms = time.time_ns() // 1_000_000 + number
                runs = [measured(organization, last, at_ms, passed=passed, location=place) for place in LOCATIONS]
                record_all(database, [runs], now_ms=at_ms)
                print(json.dumps({"stored_ms": time.time() * 1000}), flush=True)


def _fill(database: Any, organization: str, checks: int) -> str:
    """So many checks with a day behind them; the id of the last."""
    from model.times import HOUR_MS
    from tests.alerts.recording import add_check, measured, record_all

    ids = [add_check(database, organization, interval_ms=3_600_000, locations=LOCATIONS) for _ in range(checks)]
    now_ms = time.time_ns() // 1_000_000
    for hour in range(24, -1, -1):
        at_ms = now_ms - hour * HOUR_MS - 60_000
        runs = [
            measured(organization, check, at_ms, location=location, passed=number % 50 != 0 or hour > 1)
            for number, check in enumerate(ids)
            for location in LOCATIONS
        ]
        record_all(database, [runs[place : place + 500] for place in range(0, len(runs), 500)], now_ms=at_ms + 1_000)
    return ids[-1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--checks", type=int, default=1_000)
    parser.add_argument("--asks", type=int, default=40)
    parser.add_argument("--changes", type=int, default=20)
    parser.add_argument("--store", choices=("sqlite", "postgresql"), default="sqlite")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        serve(options.checks, options.store)
        return
    again = [sys.executable, "-m", "benchmarks.overview", "--serve", "--checks", str(options.checks)]
    server = subprocess.Popen(
        [*again, "--store", options.store], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        told = json.loads(_line(server))
        measure(server, told["port"], told["key"], options)
    finally:
        if server.stdin is not None:
            server.stdin.close()
        server.wait()


def measure(server: subprocess.Popen[str], port: int, key: str, options: argparse.Namespace) -> None:
    from playwright.sync_api import sync_playwright

    from journeys import chromium

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium.find(), chromium_sandbox=os.geteuid() != 0)
        page = browser.new_page()
        page.goto(f"http://127.0.0.1:{port}/login")
        page.get_by_label("API key").fill(key)
        page.get_by_role("button", name="Sign in").last.click()
        page.wait_for_url(lambda url: "/login" not in url)
        cookie = "; ".join(f"{held['name']}={held['value']}" for held in page.context.cookies())
        page.goto("about:blank")
        took, cpu, sizes = ask(server.pid, port, cookie, options.asks)
        print(f"{options.checks} checks, {options.store}")
        print(f"request   median {statistics.median(took):6.1f} ms   CPU {cpu:6.1f} ms")
        print(f"wire      {sizes[0] / 1000:6.1f} kB gzipped, {sizes[1] / 1000:.1f} kB plain")
        paints = []
        for _ in range(5):
            page.goto(f"http://127.0.0.1:{port}/")
            paints.append(page.evaluate(_LARGEST))
        print(f"painted   median {statistics.median(paints):6.0f} ms, at most {max(paints):.0f} ms (LCP in Chromium)")
        shown = [change(server, page) for _ in range(options.changes)]
        print(f"shown     median {statistics.median(shown):6.0f} ms after it was stored, at most {max(shown):.0f} ms")
        browser.close()


def ask(pid: int, port: int, cookie: str, count: int) -> tuple[list[float], float, tuple[int, int]]:
    """(ms of each, mean CPU ms, (bytes gzipped, bytes plain))."""
    connection = http.client.HTTPConnection("127.0.0.1", port)
    took: list[float] = []
    sizes = (0, 0)
    for number in range(count + 5):
        if number == 5:
            before = cpu_seconds([pid])
        began = time.perf_counter()
        connection.request("GET", "/", headers={"Cookie": cookie, "Accept-Encoding": "gzip"})
        answer = connection.getresponse()
        body = answer.read()
        took.append((time.perf_counter() - began) * 1000)
        if answer.status != 200:
            raise RuntimeError(f"answered {answer.status}")
        sizes = (len(body), len(gzip.decompress(body)))
    return took[5:], (cpu_seconds([pid]) - before) * 1000 / count, sizes


def change(server: subprocess.Popen[str], page: Page) -> float:
    """Milliseconds from the commit of a result to the answer on the open page."""
    page.evaluate(_WATCH)
    if server.stdin is None:
        raise RuntimeError("the server has no standard input")
    server.stdin.write("turn\n")
    server.stdin.flush()
    stored_ms = json.loads(_line(server))["stored_ms"]
    page.wait_for_function("() => window.changed !== null", timeout=10_000)
    return float(page.evaluate("() => window.changed")) - float(stored_ms)


def _line(server: subprocess.Popen[str]) -> str:
    if server.stdout is None or not (line := server.stdout.readline()):
        raise RuntimeError("the server said nothing")
    return line


if __name__ == "__main__":
    main()
