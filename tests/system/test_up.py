"""`tracer up` from Ctrl-C to the next start: what was due meanwhile is run, or missed for a true reason."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import pytest

from tests.system.ledger import Target, account, due_slots, milliseconds
from tests.system.processes import OWNER_KEY, Api, Process, free_port, wait_for

EVERY_S, CHECKS = 2, 8


@pytest.mark.timeout(240)
@pytest.mark.parametrize("store", ["sqlite"])
def test_between_a_stop_in_order_and_the_next_start_no_probe_is_blamed(
    store: str, target: Target, tmp_path: Path
) -> None:
    """The last answers take six seconds, and nearly so does the stop: slots come due that nobody will take."""
    port = free_port()
    settings = {"TRACER_DATA_DIR": str(tmp_path), "TRACER_PORT": str(port), "TRACER_API_KEY": OWNER_KEY}
    up = Process(["up"], settings, tmp_path / "log").start()
    try:
        api = Api(f"http://127.0.0.1:{port}", patience_s=60)
        fields = {"type": "url", "url": target.url, "timeout": 10, "interval": EVERY_S}
        checks = [
            api("POST", "/v1/monitors", {**fields, "name": f"check {number}"})["data"]["id"] for number in range(CHECKS)
        ]
        wait_for(lambda: all(api.history(check, status="success") for check in checks), "first results", 60)
        target.delay_s = 6.0
        hits = target.hits.total()
        wait_for(lambda: target.hits.total() >= hits + CHECKS, "runs in flight", 30)
        stopped_ms = _now_ms()
        up.signal(signal.SIGINT)
        wait_for(lambda: not up.alive, "the end", 30)
        ended_ms = _now_ms()
        target.delay_s = 0.0
        up.start()
        ends: dict[str, set[str]] = {}
        for check in checks:
            wait_for(lambda check=check: _newest(api, check) > ended_ms, "results after the start", 60)
            due = due_slots(check, "local", EVERY_S * 1000, stopped_ms, ended_ms)
            wait_for(lambda check=check, due=due: account(due, api.history(check)).exact, "every slot accounted for")
            for entry in api.history(check):
                at_ms = milliseconds(entry.get("scheduled_at") or entry["from"])
                if stopped_ms < at_ms <= ended_ms:
                    ends.setdefault(entry["status"], set()).add((entry["error"] or {}).get("code", ""))
    finally:
        up.kill()
    assert ends.keys() <= {"success", "missed"}, ends
    assert ends.get("missed", set()) <= {"api_unreachable"}, ends
    assert ends["missed"], "such a stop leaves slots that nobody took"


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def _newest(api: Api, check: str) -> int:
    entries = api("GET", f"/v1/monitors/{check}/runs?status=success&per_page=1")["data"]
    return milliseconds(entries[0]["scheduled_at"]) if entries else 0
