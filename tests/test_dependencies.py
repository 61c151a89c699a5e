"""What Tracer is built on: pinned by hash, from wherever an index is; and asked about, where that can be done."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LOCKS = (ROOT / "requirements.lock", ROOT / "requirements-dev.lock")
HASH = f"--hash=sha256:{'0' * 64}"
WEAK = {
    "id": "OSV-1", "aliases": ["CVE-1"], "summary": "s", "details": "d", "modified": "2026-01-01T00:00:00Z",
    "affected": [{
        "package": {"name": "weak", "ecosystem": "PyPI"},
        "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "2.0"}]}],
    }],
}  # fmt: skip


class _Osv(BaseHTTPRequestHandler):
    """Knows a weakness of `weak` alone."""

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        body = json.dumps({"vulns": [WEAK]} if asked["package"]["name"] == "weak" else {}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Silent."""


@pytest.fixture
def osv() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), _Osv)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/v1/query"
    server.shutdown()
    thread.join()
    server.server_close()


def audited(lock: Path, osv: str) -> tuple[int, str]:
    command = [sys.executable, str(ROOT / ".ci" / "audit.py"), str(lock), osv]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    return found.returncode, found.stdout + found.stderr


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    path = tmp_path / "a.lock"
    path.write_text(f"fine==1.0 {HASH}\n")
    return path


def test_a_known_weakness_is_a_failure_and_says_what_to_install(lock: Path, osv: str) -> None:
    assert audited(lock, osv) == (0, "Dependencies: 1 asked about, 0 known weaknesses\n")
    lock.write_text(f"fine==1.0 {HASH}\nweak==1.5 {HASH}\n")
    code, said = audited(lock, osv)
    assert code == 1
    assert "weak 1.5: OSV-1; fixed in 2.0" in said or "weak 1.5: CVE-1; fixed in 2.0" in said
    assert "2 asked about, 1 known" in said


def test_a_source_that_is_away_is_said_and_is_no_failure(lock: Path) -> None:
    assert audited(lock, "http://127.0.0.1:9/v1/query") == (
        0, "Dependencies: not asked about, http://127.0.0.1:9/v1/query can't be reached from here\n",
    )  # fmt: skip


def test_a_lock_that_can_not_be_read_is_a_failure(lock: Path, osv: str) -> None:
    lock.write_text("fine>=1\n")
    assert audited(lock, osv)[0] != 0


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_locks_name_hashes_for_every_version_and_no_index(lock: Path) -> None:
    text = lock.read_text()
    entries = re.split(r"\n(?=[a-z0-9])", text, flags=re.IGNORECASE)
    pinned = [entry for entry in entries if not entry.startswith("#")]
    assert len(pinned) > 40
    for entry in pinned:
        assert re.match(r"[A-Za-z0-9._-]+(\[[a-z,0-9]+\])?==\S+", entry), entry[:80]
        assert "--hash=sha256:" in entry, entry[:80]
    assert not re.search(r"://|--index|--extra-index|--find-links|file:", text)
