"""The ledger kept outside the product: what the targets saw, and what the configuration alone says was due.

It imports nothing of Tracer, on purpose: the hash of the phase and the identity of a run are written again from
docs/architecture.md, so a change of either is seen here.
"""

from __future__ import annotations

import hashlib
import threading
import time
import uuid
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

RUN_NAMESPACE = uuid.UUID("6d0c2f0e-7a43-4d0e-9a0e-5f9f1d2b7c11")
SCHEDULE_BEGINS_AFTER_MS = 2000


def due_slots(check_id: str, location: str, interval_ms: int, after_ms: int, until_ms: int) -> list[int]:
    """The due times in (after, until] of an interval check, by its documented phase."""
    digest = hashlib.blake2b(f"{check_id}/{location}".encode(), digest_size=8).digest()
    phase = int.from_bytes(digest, "big") % interval_ms
    first = (after_ms - phase) // interval_ms + 1
    last = (until_ms - phase) // interval_ms
    return [number * interval_ms + phase for number in range(first, last + 1)]


def run_id(check_id: str, location: str, due_ms: int) -> str:
    return "run_" + uuid.uuid5(RUN_NAMESPACE, f"{check_id}/{location}/{due_ms}").hex


def milliseconds(text: str) -> int:
    return round(datetime.fromisoformat(text).timestamp() * 1000)


class Target:
    """A web server that remembers the run id of every hit. `delay_s`: how long it thinks. `status`: what it answers;
    `failing`: paths that answer 500; `failed`: run ids that were answered so."""

    def __init__(self) -> None:
        self.delay_s = 0.0
        self.status = 200
        self.failing: set[str] = set()
        self.blinks = 0
        """So many hits more are answered 500."""
        self.failed: list[str] = []
        self.hits: Counter[str] = Counter()
        self._lock = threading.Lock()
        target = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                target.saw(self.headers.get("X-Tracer-Run", "none"))
                time.sleep(target.delay_s)
                self.send_response(target.answers(self.path, self.headers.get("X-Tracer-Run", "none")))
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"ok")

            def log_message(self, format: str, *args: Any) -> None:
                """Quiet."""

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 512

            def handle_error(self, request: Any, client_address: Any) -> None:
                """A client that was killed is what these tests are about."""

        self._server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def saw(self, run: str) -> None:
        with self._lock:
            self.hits[run] += 1

    def answers(self, path: str, run: str) -> int:
        with self._lock:
            status = 500 if path in self.failing or self.blinks else self.status
            self.blinks = max(0, self.blinks - 1)
            if status >= 500:
                self.failed.append(run)
            return status

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@dataclass
class Account:
    """What a product's history says of one check's slots, held against what was due."""

    missing: list[int] = field(default_factory=list)
    doubled: list[int] = field(default_factory=list)
    strangers: list[int] = field(default_factory=list)
    by_status: Counter[str] = field(default_factory=Counter)
    run_ids: dict[int, str] = field(default_factory=dict)

    @property
    def exact(self) -> bool:
        return not (self.missing or self.doubled or self.strangers)


def account(due: list[int], history: Iterable[dict[str, Any]]) -> Account:
    """`history`: every entry of GET /v1/monitors/:id/runs for one location, gaps included."""
    book = Account()
    seen: Counter[int] = Counter()
    window = set(due)
    first, last = (due[0], due[-1]) if due else (0, -1)
    for entry in history:
        if "slots" in entry:
            slots = [at for at in due if milliseconds(entry["from"]) <= at <= milliseconds(entry["to"])]
        elif entry.get("trigger") == "schedule":
            slots = [milliseconds(entry["scheduled_at"])]
            book.run_ids[slots[0]] = entry["id"]
        else:
            continue
        for at in slots:
            if first <= at <= last:
                seen[at] += 1
                book.by_status[entry["status"]] += 1
                if at not in window:
                    book.strangers.append(at)
    book.missing = [at for at in due if not seen[at]]
    book.doubled = [at for at, times in seen.items() if times > 1]
    return book
