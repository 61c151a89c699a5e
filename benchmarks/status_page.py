"""What a crowd on a status page costs: requests a second of a page with 20 components and 90 days, beside a bare ASGI
app that sends about as many bytes.

    .venv/bin/python -m benchmarks.status_page [--rounds 3] [--seconds 5]

Both are pinned to one core, the load generator to another where there is one. `CPU` is what the kernel says of the
serving process, per request. Needs wrk.
"""

from __future__ import annotations

import argparse
import os
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

CONNECTIONS, COMPONENTS = 64, 20
_TICKS = os.sysconf("SC_CLK_TCK")
_ZIPPED = "Accept-Encoding: gzip"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--serve", help=argparse.SUPPRESS)
    parser.add_argument("--port", type=int, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.serve:
        serve(given.serve, given.port)
        return
    with tempfile.TemporaryDirectory() as folder:
        peers = {kind: _start(kind, folder) for kind in ("tracer", "bare")}
        try:
            rounds: dict[str, list[tuple[float, float]]] = {kind: [] for kind in peers}
            for _ in range(given.rounds):
                for kind, (process, port) in peers.items():
                    rounds[kind].append(_load(process.pid, port, given.seconds))
        finally:
            for process, _ in peers.values():
                process.terminate()
                process.wait()
    medians = {kind: [statistics.median(part) for part in zip(*found, strict=True)] for kind, found in rounds.items()}
    for kind, (per_s, cpu_us) in medians.items():
        print(f"{kind:8} {per_s:8.0f} requests/s   CPU {cpu_us:6.1f} us a request")
    print(f"ratio    {medians['tracer'][0] / medians['bare'][0]:8.2f} of the bare answer's requests/s")


def _start(kind: str, folder: str) -> tuple[subprocess.Popen[bytes], int]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    command = [sys.executable, "-m", "benchmarks.status_page", "--serve", folder if kind == "tracer" else "bare"]
    process = subprocess.Popen([*command, "--port", str(port)])
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return process, port
        except OSError:
            time.sleep(0.1)
    raise SystemExit(f"{kind} did not start")


def _load(pid: int, port: int, seconds: int) -> tuple[float, float]:
    """(requests a second, CPU in us a request)"""
    wrk = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "-H", _ZIPPED, f"http://127.0.0.1:{port}/status/acme"]
    last = sorted(os.sched_getaffinity(0))[-1]
    before = _cpu_s(pid)
    told = subprocess.run(["taskset", "-c", str(last), *wrk], check=True, capture_output=True, text=True).stdout
    spent = _cpu_s(pid) - before
    if "Non-2xx" in told:
        raise SystemExit(told)
    [count], [per_s] = re.findall(r"(\d+) requests in", told), re.findall(r"Requests/sec:\s+([\d.]+)", told)
    return float(per_s), spent / int(count) * 1e6


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def serve(what: str, port: int) -> None:
    """In a process of its own: the product on a filled database, or the bare answer. Until it is ended."""
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    if what == "bare":
        _serve_bare(port)
    else:
        _serve_tracer(Path(what), port)


def _serve_tracer(folder: Path, port: int) -> None:
    from api.app import create_app
    from api.server import Server
    from migrations.upgrade import upgrade
    from model.settings import Settings
    from store.bootstrap import bootstrap
    from store.keyring import Keyring
    from store.sessions import Database

    settings = Settings(data_dir=folder, port=port, api_key="a-key-of-the-benchmark-alone")
    url = f"sqlite:///{folder / 'tracer.db'}"
    upgrade(url)
    database = Database(url)
    keyring = Keyring.load(settings, database)
    bootstrap(database, keyring, settings)
    app = create_app(database, keyring, settings)
    client, headers = app.test_client(), {"Authorization": f"Bearer {settings.api_key}"}
    ids = []
    for number in range(COMPONENTS):
        body = {"name": f"Component {number}", "type": "url", "url": "https://example.com", "locations": ["local"]}
        ids.append(client.post("/v1/monitors", json=body, headers=headers).get_json()["data"]["id"])
    _fill(database, ids)
    groups = [{"name": "All", "checks": ids}]
    client.post("/v1/status-pages", json={"slug": "acme", "title": "Acme", "groups": groups}, headers=headers)
    with Server(app, database, keyring, settings) as server:
        while server.alive:
            time.sleep(1)


def _fill(database: object, ids: list[str]) -> None:
    """90 days of each, a tenth of them with a failure."""
    from model.times import DAY_MS
    from store.sessions import EVERY_ORGANIZATION, Database
    from store.tables import Check, RollupDay
    from store.write_lock import Urgency

    assert isinstance(database, Database)
    with database.write(EVERY_ORGANIZATION, Urgency.HOUSEKEEPING) as session:
        today = database.now_ms(session) // DAY_MS * DAY_MS
        for check_id in ids:
            owner = session.get_one(Check, check_id).organization_id
            for day in range(90):
                failed = int(day % 10 == 0)
                session.add(
                    RollupDay(
                        check_id=check_id, location="local", bucket_ms=today - day * DAY_MS, organization_id=owner,
                        planned=1440, success=1440 - failed, failed=failed, maintenance=0, duration_sum_ms=1.0,
                    )
                )  # fmt: skip


def _serve_bare(port: int) -> None:
    import uvicorn

    body = os.urandom(6_000)  # as large as the page is when it is gzipped
    headers = [(b"content-type", b"text/html"), (b"content-length", str(len(body)).encode())]

    async def app(_scope: object, _receive: object, send: object) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": headers})  # type: ignore[operator]
        await send({"type": "http.response.body", "body": body})  # type: ignore[operator]

    uvicorn.run(app, port=port, log_level="error", loop="uvloop", http="httptools", lifespan="off", access_log=False)


if __name__ == "__main__":
    main()
