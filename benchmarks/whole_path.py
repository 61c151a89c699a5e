"""The whole path: 1,000 monitors every 10 s through scheduler, dispatch, probe, ingest and state, on SQLite.

    .venv/bin/python -m benchmarks.whole_path [--monitors 1000] [--interval 10] [--seconds 300] [--no-peer]

Prints lateness, holes, and CPU per check (user + system of every process of Tracer), beside Prometheus with
blackbox_exporter checking the same server in the same run (Debian packages `prometheus` and
`prometheus-blackbox-exporter`; left out with a word when they are missing). Needs nginx as the target.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.measure import cpu_seconds, percentile, process_tree
from tests.system.ledger import SCHEDULE_BEGINS_AFTER_MS, account, due_slots, milliseconds
from tests.system.processes import free_port, wait_for
from tests.system.stack import LOCATION, Stack


@contextmanager
def nginx(folder: Path, breaks_with: Path | None = None) -> Iterator[int]:
    """A quick target on loopback; yields its port. `breaks_with`: while this file exists it answers 503."""
    port = free_port()
    broken = f"if (-f {breaks_with}) {{ return 503; }}" if breaks_with else ""
    configuration = folder / "nginx.conf"
    configuration.write_text(
        f"""
        daemon off; pid {folder}/nginx.pid; error_log /dev/null; worker_processes 1;
        events {{ worker_connections 4096; }}
        http {{ access_log off; server {{ listen 127.0.0.1:{port} backlog=4096; {broken} return 200 "ok"; }} }}
        """
    )
    server = subprocess.Popen(["nginx", "-p", str(folder), "-c", str(configuration)], stderr=subprocess.DEVNULL)
    try:
        yield port
    finally:
        server.terminate()
        server.wait()


def tracer(target: str, monitors: int, interval: int, seconds: int, folder: Path) -> dict[str, float]:
    """Run Tracer for a while; its figures."""
    stack = Stack("sqlite", folder).start()
    try:
        stack.add_probe("probe-1")
        created = [stack.monitor(target, name=f"m{number}", interval=interval) for number in range(monitors)]
        time.sleep(interval + 5)
        pids = [pid for process in stack.processes.values() for pid in process_tree(process.pid)]
        began_cpu, began = cpu_seconds(pids), time.time()
        time.sleep(seconds)
        used, ended = cpu_seconds(pids) - began_cpu, time.time()
        time.sleep(5)
        begin_ms, end_ms = int(began * 1000), int(ended * 1000)
        late: list[float] = []
        holes = other = due_total = 0
        for monitor in created:
            begins = max(begin_ms, milliseconds(monitor["created_at"]) + SCHEDULE_BEGINS_AFTER_MS)
            due = due_slots(monitor["id"], LOCATION, interval * 1000, begins, end_ms)
            history = stack.api.history(monitor["id"])
            book = account(due, history)
            due_total += len(due)
            holes += len(book.missing) + len(book.doubled) + len(book.strangers)
            other += len(due) - book.by_status["success"]
            for entry in history:
                at = milliseconds(entry["scheduled_at"])
                if entry.get("started_at") and begin_ms < at <= end_ms:
                    late.append(milliseconds(entry["started_at"]) - at)
        return {
            "checks": due_total,
            "holes": holes,
            "not passed": other,
            "late p50 ms": percentile(late, 50),
            "late p99 ms": percentile(late, 99),
            "late max ms": max(late, default=0),
            "CPU us/check": used * 1e6 / max(1, due_total),
            "CPU of 2 cores %": 100 * used / (2 * (ended - began)),
        }
    finally:
        stack.close()


def peer(target: str, monitors: int, interval: int, seconds: int, folder: Path) -> dict[str, float]:
    """Prometheus scraping the same target through blackbox_exporter, as its documentation shows."""
    exporter_port, port = free_port(), free_port()
    modules = folder / "blackbox.yml"
    modules.write_text(json.dumps({"modules": {"http_2xx": {"prober": "http", "timeout": "5s"}}}))
    relabel = [
        {"source_labels": ["__address__"], "target_label": "__param_target"},
        {"source_labels": ["__param_target"], "target_label": "instance"},
        {"target_label": "__address__", "replacement": f"127.0.0.1:{exporter_port}"},
    ]
    job = {
        "job_name": "blackbox",
        "metrics_path": "/probe",
        "params": {"module": ["http_2xx"]},
        "static_configs": [{"targets": [f"{target}?{number}" for number in range(monitors)]}],
        "relabel_configs": relabel,
    }
    scrape = folder / "prometheus.yml"
    scrape.write_text(json.dumps({"global": {"scrape_interval": f"{interval}s"}, "scrape_configs": [job]}))
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    processes = [
        subprocess.Popen(
            [
                "prometheus-blackbox-exporter",
                f"--config.file={modules}",
                f"--web.listen-address=127.0.0.1:{exporter_port}",
            ],
            **quiet,
        ),
        subprocess.Popen(
            [
                "prometheus",
                f"--config.file={scrape}",
                f"--storage.tsdb.path={folder}/tsdb",
                f"--web.listen-address=127.0.0.1:{port}",
            ],
            **quiet,
        ),
    ]
    try:
        time.sleep(interval + 5)
        pids = [process.pid for process in processes]
        began_cpu, began = cpu_seconds(pids), time.time()
        time.sleep(seconds)
        used, lasted = cpu_seconds(pids) - began_cpu, time.time() - began
        checks = monitors * lasted / interval
        return {"checks": checks, "CPU us/check": used * 1e6 / checks, "CPU of 2 cores %": 100 * used / (2 * lasted)}
    finally:
        for process in processes:
            process.terminate()
            process.wait()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--monitors", type=int, default=1000)
    parser.add_argument("--interval", type=int, default=10)
    parser.add_argument("--seconds", type=int, default=300)
    parser.add_argument("--no-peer", action="store_true")
    given = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="tracer-bench-"))
    (folder / "ours").mkdir()
    (folder / "ours" / "data").mkdir()
    try:
        with nginx(folder) as port:
            target = f"http://127.0.0.1:{port}/"
            ours = tracer(target, given.monitors, given.interval, given.seconds, folder / "ours")
            show("Tracer (SQLite)", ours)
            missing = [name for name in ("prometheus", "prometheus-blackbox-exporter") if not shutil.which(name)]
            if given.no_peer or missing:
                print(f"Prometheus + blackbox_exporter left out ({', '.join(missing) or 'as asked'})")
                return
            theirs = peer(target, given.monitors, given.interval, min(given.seconds, 60), folder)
            show("Prometheus + blackbox_exporter", theirs)
            print(f"\nTracer is {theirs['CPU us/check'] / ours['CPU us/check']:.1f}x cheaper per check")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def show(name: str, figures: dict[str, float]) -> None:
    print(f"\n{name}")
    for label, value in figures.items():
        print(f"  {label:18} {value:12.1f}")


if __name__ == "__main__":
    os.environ.setdefault("PYTHONUNBUFFERED", "1")
    wait_for(lambda: shutil.which("nginx"), "nginx on this machine (Debian package nginx-light)", 0.1)
    main()
