"""Whole processes that stop: owners get one notice within a minute, the dead-man ping stops, no target is blamed."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from tests.alerts.channels.http_sink import HttpSink, http_sink
from tests.system.ledger import Target
from tests.system.processes import wait_for
from tests.system.stack import LOCATION, Stack


class Watcher:
    """The service outside that is pinged; `heard`: when, by the monotonic clock."""

    def __init__(self) -> None:
        heard = self.heard = []  # type: list[float]

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                heard.append(time.monotonic())
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}/uuid"

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture
def watcher(monkeypatch: pytest.MonkeyPatch) -> Iterator[Watcher]:
    service = Watcher()
    monkeypatch.setenv("TRACER_DEADMAN_URL", service.url)
    yield service
    service.close()


@pytest.fixture
def owners() -> Iterator[HttpSink]:
    with http_sink() as sink:
        yield sink


def watched(stack: Stack, target: Target) -> dict[str, Any]:
    """A monitor of a healthy target, measured once."""
    monitor = stack.monitor(target.url, name="healthy", interval=2)
    wait_for(lambda: stack.api.history(monitor["id"], status="success"), "a first success")
    return monitor


def notices(stack: Stack, status: str) -> list[tuple[str, str]]:
    # The disk this runs on may be nearly full: that is not the matter here.
    found = stack.api("GET", f"/v1/notices?status={status}")["data"]
    return [(notice["kind"], notice["severity"]) for notice in found if not notice["kind"].startswith("disk_")]


def nobody_blames_the_target(stack: Stack, monitor: dict[str, Any]) -> bool:
    return not stack.api.history(monitor["id"], status="failed")


@pytest.mark.parametrize("store", ["sqlite"], indirect=True)
def test_a_probe_that_is_frozen_is_one_notice_and_silence_for_the_watcher(
    watcher: Watcher, make_stack: Callable[[], Stack], target: Target
) -> None:
    stack = make_stack()
    probe = stack.add_probe("probe-1")
    monitor = watched(stack, target)
    wait_for(lambda: watcher.heard, "a first ping", 15)
    probe.signal(signal.SIGSTOP)
    frozen = time.monotonic()
    wait_for(lambda: notices(stack, "open") == [("location_offline", "high")], "a notice", 60)
    told = time.monotonic()
    assert [at for at in watcher.heard if at > frozen + 15] == []
    probe.signal(signal.SIGCONT)
    wait_for(lambda: notices(stack, "resolved") == [("location_offline", "high")], "the end of it", 15)
    wait_for(lambda: watcher.heard[-1] > told, "the ping again", 45)
    assert notices(stack, "open") == []
    assert nobody_blames_the_target(stack, monitor)
    (notice,) = stack.api("GET", "/v1/notices?kind=location_offline")["data"]
    assert f"No probe of the location {LOCATION} has been online since" in notice["message"]
    assert "1 check is not measured there: healthy." in notice["message"]


@pytest.mark.parametrize("store", ["postgresql"], indirect=True)
def test_schedulers_that_are_frozen_are_told_by_the_api(
    watcher: Watcher, make_stack: Callable[[], Stack], target: Target, owners: HttpSink
) -> None:
    stack = make_stack()
    stack.add_probe("probe-1")
    stack.api("POST", "/v1/alert-channels", {"name": "hook", "type": "webhook", "config": {"url": owners.url}})
    monitor = watched(stack, target)
    wait_for(lambda: watcher.heard, "a first ping", 15)
    schedulers = [stack.processes["scheduler-1"], stack.processes["scheduler-2"]]
    for scheduler in schedulers:
        scheduler.signal(signal.SIGSTOP)
    frozen = time.monotonic()
    wait_for(lambda: notices(stack, "open") == [("scheduler_stopped", "critical")], "a notice", 60)
    wait_for(lambda: owners.received, "owners told in the scheduler's place", 20)
    assert [at for at in watcher.heard if at > frozen + 1] == []
    for scheduler in schedulers:
        scheduler.signal(signal.SIGCONT)
    wait_for(lambda: notices(stack, "resolved") == [("scheduler_stopped", "critical")], "the end of it", 20)
    wait_for(lambda: len(owners.received) == 2, "owners told of the end", 20)
    assert [bool(each.json["data"]["resolved_at"]) for each in owners.received] == [False, True]
    assert notices(stack, "open") == []
    assert nobody_blames_the_target(stack, monitor)
