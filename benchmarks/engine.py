"""One HTTP check over a fresh connection: CPU of our engine alone, beside blackbox_exporter in the same run.

    .venv/bin/python -m benchmarks.engine [--seconds 4] [--rounds 5]

Ours: a plan visited in a closed loop of 20 (resolve, vet, exchange, phases; no assertions, spool or report), CPU by
getrusage of that process. blackbox_exporter: `/probe` asked by wrk over 20 connections, CPU of its process by /proc.
Both are pinned to core 0 and take turns; nginx, wrk and the name server share core 1. TLS is verified against one
authority by both, with no resumption. For names both ask a name server of the benchmark's own for A and AAAA with each
check; blackbox_exporter reads its address in a mount namespace of its own (needs root, else that row is left out).
Needs nginx, wrk and prometheus-blackbox-exporter (Debian packages).
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import resource
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import trustme
import uvloop

from benchmarks.measure import cpu_seconds
from egress.door import Egress
from egress.resolver import Resolver
from model.addresses import AddressPolicy, networks_of
from probes.checks.url import UrlCheck
from probes.http.engine import HttpEngine
from probes.http.visit import visit
from tests.system.processes import free_port

IN_FLIGHT = 20
NAME = "target.bench.test"
MEASURED_CORE, SERVER_CORE = 0, 1


@contextmanager
def running(command: list[str], core: int) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        ["taskset", "-c", str(core), *command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        yield process
    finally:
        process.terminate()
        process.wait()


def wait_for(port: int) -> None:
    for _ in range(100):
        with socket.socket() as client:
            if client.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise SystemExit(f"nothing listens on port {port}")


def _write_nginx(folder: Path, plain: int, tls: int) -> Path:
    authority = trustme.CA()
    issued = authority.issue_cert("127.0.0.1", "localhost")
    authority.cert_pem.write_to_path(folder / "ca.pem")
    issued.private_key_and_cert_chain_pem.write_to_path(folder / "server.pem")
    configuration = folder / "nginx.conf"
    pem = folder / "server.pem"
    configuration.write_text(
        f"""
        daemon off; pid {folder}/nginx.pid; error_log /dev/null; worker_processes 1;
        events {{ worker_connections 4096; }}
        http {{
          access_log off; default_type text/plain;
          server {{ listen 127.0.0.1:{plain} backlog=4096; return 200 "ok"; }}
          server {{
            listen 127.0.0.1:{tls} ssl backlog=4096; ssl_certificate {pem}; ssl_certificate_key {pem};
            ssl_session_tickets off; return 200 "ok";
          }}
        }}
        """
    )
    return configuration


def serve_names(address: str) -> None:
    """Answers A with 127.0.0.1 and AAAA with nothing, whatever the name."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind((address, 53))
        while True:
            query, client = server.recvfrom(512)
            end = query.index(b"\x00", 12) + 5
            asked = query[12:end]
            head = query[:2] + b"\x81\x80\x00\x01"
            if asked[-4:-2] == b"\x00\x01":
                record = b"\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x3c\x00\x04\x7f\x00\x00\x01"
                server.sendto(head + b"\x00\x01\x00\x00\x00\x00" + asked + record, client)
            else:
                server.sendto(head + b"\x00\x00\x00\x00\x00\x00" + asked, client)


async def ours(url: str, seconds: float, ca_file: str, resolv_conf: str) -> dict[str, float]:
    """Visits in a closed loop; CPU us a check, checks a second."""
    loop = asyncio.get_running_loop()
    egress = Egress(AddressPolicy(networks_of(["127.0.0.0/8"])), Resolver(resolv_conf=Path(resolv_conf)))
    http = HttpEngine(ca_file)
    plan = UrlCheck.model_validate({"name": "bench", "type": "url", "url": url}).plan
    done = 0
    until = loop.time() + 0.5

    async def worker() -> None:
        nonlocal done
        while loop.time() < until:
            seen = await visit(plan, "run_bench", egress=egress, http=http, deadline=loop.time() + 10)
            if seen.failure is not None:
                raise SystemExit(seen.failure.message)
            done += 1

    await asyncio.gather(*(worker() for _ in range(IN_FLIGHT)))
    done, until = 0, loop.time() + seconds
    before = resource.getrusage(resource.RUSAGE_SELF)
    await asyncio.gather(*(worker() for _ in range(IN_FLIGHT)))
    after = resource.getrusage(resource.RUSAGE_SELF)
    http.close()
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"us": used / done * 1e6, "rate": done / seconds}


def _run_ours(url: str, seconds: float, folder: Path) -> float:
    command = [sys.executable, "-m", "benchmarks.engine", "--child", url, str(seconds), str(folder)]
    output = subprocess.run(["taskset", "-c", str(MEASURED_CORE), *command], check=True, capture_output=True).stdout
    return float(json.loads(output)["us"])


def _run_blackbox(pid: int, port: int, url: str, seconds: float) -> float:
    probe = f"http://127.0.0.1:{port}/probe?module=http&target={url}"
    with urllib.request.urlopen(probe) as answer:
        if b"probe_success 1" not in answer.read():
            raise SystemExit(f"blackbox_exporter can't reach {url}")
    load = ["taskset", "-c", str(SERVER_CORE), "wrk", "-t1", f"-c{IN_FLIGHT}", f"-d{seconds:g}s", probe]
    before = cpu_seconds([pid])
    output = subprocess.run(load, check=True, capture_output=True, text=True).stdout
    used = cpu_seconds([pid]) - before
    return used / int(output.split(" requests in")[0].split()[-1]) * 1e6


@contextmanager
def blackbox_exporter(folder: Path, resolv_conf: Path | None) -> Iterator[tuple[int, int]]:
    """(its pid, its port); with `resolv_conf` in a mount namespace where that file is the machine's."""
    port = free_port()
    configuration = folder / "blackbox.yml"
    tls = f"tls_config: {{ca_file: {folder}/ca.pem}}"
    configuration.write_text(f"modules: {{http: {{prober: http, timeout: 10s, http: {{{tls}}}}}}}\n")
    command = ["prometheus-blackbox-exporter", f"--config.file={configuration}", "--log.level=error"]
    command.append(f"--web.listen-address=127.0.0.1:{port}")
    if resolv_conf is not None:
        script = f"mount --bind {resolv_conf} /etc/resolv.conf && exec {' '.join(command)}"
        command = ["unshare", "--mount", "sh", "-c", script]
    with running(command, MEASURED_CORE) as process:
        wait_for(port)
        yield process.pid, port


def _shown(name: str, engine: list[float], peer: list[float]) -> None:
    ratios = statistics.median(peer) / statistics.median(engine)
    columns = [f"{statistics.median(v):6.1f} ({min(v):.0f}..{max(v):.0f})" for v in (engine, peer)]
    print(f"{name:<28}{columns[0]:>20}{columns[1]:>24}{ratios:>10.2f}x")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=4)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--child", nargs=3, help=argparse.SUPPRESS)
    parser.add_argument("--names", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.names:
        return serve_names(given.names)
    if given.child:
        url, seconds, folder = given.child
        found = uvloop.run(ours(url, float(seconds), f"{folder}/ca.pem", f"{folder}/resolv.conf"))
        return print(json.dumps(found))
    missing = [name for name in ("nginx", "wrk", "prometheus-blackbox-exporter") if not shutil.which(name)]
    if missing:
        raise SystemExit(f"not installed: {', '.join(missing)}")
    return _compare(given.seconds, given.rounds)


def _compare(seconds: float, rounds: int) -> None:
    with tempfile.TemporaryDirectory() as place, ExitStack() as stack:
        folder = Path(place)
        folder.chmod(0o755)
        plain, tls, name_server = free_port(), free_port(), "127.0.0.153"
        (folder / "resolv.conf").write_text(f"nameserver {name_server}\n")
        configuration = _write_nginx(folder, plain, tls)
        stack.enter_context(running(["nginx", "-p", str(folder), "-c", str(configuration)], SERVER_CORE))
        rows: list[tuple[str, str, bool]] = [
            ("HTTP, an address", f"http://127.0.0.1:{plain}/", False),
            ("HTTPS, an address", f"https://127.0.0.1:{tls}/", False),
        ]
        if os.geteuid() == 0:
            names = [sys.executable, "-m", "benchmarks.engine", "--names", name_server]
            stack.enter_context(running(names, SERVER_CORE))
            rows.append(("HTTP, a name looked up", f"http://{NAME}:{plain}/", True))
        else:
            print("no root: the row with a name is left out")
        wait_for(tls)
        time.sleep(1)
        print(f"{'CPU us a check':<28}{'Tracer':>20}{'blackbox_exporter':>24}{'ratio':>11}")
        for name, url, named in rows:
            engine: list[float] = []
            peer: list[float] = []
            for _ in range(rounds):
                engine.append(_run_ours(url, seconds, folder))
                with blackbox_exporter(folder, folder / "resolv.conf" if named else None) as (pid, port):
                    peer.append(_run_blackbox(pid, port, url, seconds))
            _shown(name, engine, peer)


if __name__ == "__main__":
    main()
