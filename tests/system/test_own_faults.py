"""Whatever fails in Tracer itself while targets are healthy: no run is called failed, and nobody is told of an outage.

The strictest rules are in force: one failed run would do. TRACER_TEST_FAULT_S is how long each fault lasts; the default
is longer than the lease of a probe's runs.
"""

from __future__ import annotations

import os
import signal
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import psycopg
import pytest

from tests.alerts.channels.http_sink import HttpSink, http_sink
from tests.system.island import TARGETS, Island, why_none
from tests.system.ledger import Target
from tests.system.processes import wait_for
from tests.system.stack import Stack
from tests.system.test_absences import newest_success, now_ms

FAULT_S = float(os.environ.get("TRACER_TEST_FAULT_S", "8"))


@pytest.fixture
def on_call() -> Iterator[HttpSink]:
    with http_sink() as sink:
        yield sink


def under_strict_rules(stack: Stack, on_call: HttpSink) -> None:
    channel = {"name": "hook", "type": "webhook", "config": {"url": on_call.url}}
    channel_id = stack.api("POST", "/v1/alert-channels", channel)["data"]["id"]
    strict = {"channels": [channel_id], "apply_to": {"all": True}}
    stack.api("POST", "/v1/alert-rules", {"name": "once", "type": "consecutive_failures", "threshold": 1, **strict})
    stack.api("POST", "/v1/alert-rules", {"name": "rate", "type": "failure_rate", "failures": 1, "runs": 5, **strict})


def all_run(stack: Stack, monitors: list[dict[str, Any]], after_ms: int = 0) -> None:
    """Returns when each has passed in a slot after that."""
    wait_for(lambda: all(newest_success(stack, m["id"]) > after_ms for m in monitors), "all run", 40)


def accusations(stack: Stack, on_call: HttpSink, monitors: list[dict[str, Any]]) -> list[str]:
    """Runs that blame a target, alerts, and what the on-call was told of checks."""
    failed = [
        f"{monitor['name']}: {entry['error']}"
        for monitor in monitors
        for entry in stack.api("GET", f"/v1/monitors/{monitor['id']}/runs?status=failed&per_page=100")["data"]
    ]
    alerts = [alert["title"] for alert in stack.api("GET", "/v1/alerts?per_page=100")["data"]]
    told = [each.json["type"] for each in on_call.received if each.json["type"] != "notice"]
    return [*failed, *alerts, *told]


def reasons(stack: Stack, monitors: list[dict[str, Any]]) -> set[str]:
    """Why runs of these were not measured."""
    found = [entry for monitor in monitors for entry in stack.api.history(monitor["id"])]
    return {entry["error"]["code"] for entry in found if entry.get("error")}


def schedulers(stack: Stack) -> list[str]:
    return ["server"] if stack.sqlite else ["scheduler-1", "scheduler-2"]


def paused(stack: Stack) -> None:
    for name in schedulers(stack):
        stack.processes[name].signal(signal.SIGSTOP)
    time.sleep(FAULT_S)
    for name in schedulers(stack):
        stack.processes[name].signal(signal.SIGCONT)


@contextmanager
def database_locked(stack: Stack) -> Iterator[None]:
    """Somebody outside holds what every writer needs."""
    if stack.sqlite:
        locked = sqlite3.connect(stack.folder / "data" / "tracer.db", timeout=30, isolation_level=None)
        locked.execute("BEGIN IMMEDIATE")
        yield
        locked.execute("ROLLBACK")
        locked.close()
        return
    with psycopg.connect(stack.database_url.replace("+psycopg", "")) as connection:
        connection.execute("LOCK TABLE dispatches, shards, location_states IN ACCESS EXCLUSIVE MODE")
        yield
        connection.rollback()


def locked(stack: Stack) -> None:
    with database_locked(stack):
        time.sleep(FAULT_S)


def killed(stack: Stack) -> None:
    stack.processes["server"].kill()
    time.sleep(3)
    stack.processes["server"].start()
    wait_for(stack.healthy, "the server again", 30)


@pytest.mark.timeout(240)
def test_nobody_is_blamed_for_a_scheduler_paused_a_database_locked_or_an_api_killed(
    stack: Stack, target: Target, on_call: HttpSink
) -> None:
    stack.add_probe("probe-1")
    under_strict_rules(stack, on_call)
    target.delay_s = 0.3  # so that runs are in flight whenever something happens
    monitors = [stack.monitor(target.url, name=f"check {number}", interval=1, timeout=2) for number in range(6)]
    all_run(stack, monitors)
    for fault in (paused, locked, killed):
        fault(stack)
        all_run(stack, monitors, now_ms())
        assert accusations(stack, on_call, monitors) == [], fault.__name__


@pytest.mark.timeout(240)
@pytest.mark.parametrize("store", ["sqlite"], indirect=True)
def test_nobody_is_blamed_for_a_probe_frozen_or_with_a_wrong_clock_or_without_network_or_names(
    make_stack: Callable[..., Stack], target: Target, on_call: HttpSink
) -> None:
    """One after the other would take a minute; each has a location of its own."""
    refusal = why_none()
    if refusal is not None:
        pytest.skip(f"this test makes networks: {refusal}")
    stack = make_stack()
    under_strict_rules(stack, on_call)
    with ExitStack() as islands:
        cut, silent, nameless = (island_of(stack, name, islands) for name in ("cut", "silent", "nameless"))
        frozen = stack.add_probe("probe-frozen", location="frozen")
        stack.add_probe("probe-ahead", location="ahead", sabotage="clock_an_hour_ahead")
        stack.add_probe("probe-behind", location="behind", sabotage="clock_an_hour_behind")
        target.delay_s = 0.3
        here = [
            stack.monitor(target.url, name=f"{place} {number}", interval=1, timeout=2, locations=[place])
            for place in ("frozen", "ahead", "behind")
            for number in range(3)
        ]
        addresses, names = list(TARGETS.values()), list(TARGETS)
        there = {
            place: [
                stack.monitor(f"http://{host}/", name=f"{place} {host}", interval=2, timeout=2, locations=[place])
                for host in hosts
            ]
            for place, hosts in (("cut", addresses), ("silent", addresses), ("nameless", names))
        }
        monitors = [*here, *(monitor for each in there.values() for monitor in each)]
        all_run(stack, monitors)
        frozen.signal(signal.SIGSTOP)
        cut.cut()
        silent.silence()
        nameless.silence_names(True)
        time.sleep(FAULT_S)
        frozen.signal(signal.SIGCONT)
        cut.mend()
        silent.mend()
        nameless.silence_names(False)
        all_run(stack, monitors, now_ms())
        assert accusations(stack, on_call, monitors) == []
        assert reasons(stack, there["cut"]) == {"network_unavailable"}
        assert reasons(stack, there["silent"]) == {"network_unavailable"}
        assert reasons(stack, there["nameless"]) == {"resolver_unavailable"}
        assert reasons(stack, here[3:]) == set(), "a wrong clock is no reason not to measure"


def island_of(stack: Stack, name: str, islands: ExitStack) -> Island:
    """An island with a probe on it."""
    island = Island(stack.folder / f"island-{name}", stack.port)
    islands.callback(island.close)
    networks = ",".join(f"{address}/32" for address in TARGETS.values())
    stack.add_probe(f"probe-{name}", island.url, location=name, enter=island.enter, TRACER_ALLOW_NETS=networks)
    return island


def test_an_outage_is_told_all_the_same(stack: Stack, target: Target, on_call: HttpSink) -> None:
    """The rules of this file do fire: their silence says something."""
    stack.add_probe("probe-1")
    under_strict_rules(stack, on_call)
    monitor = stack.monitor(target.url, name="healthy until now", interval=1)
    all_run(stack, [monitor])
    target.status = 500
    wait_for(lambda: accusations(stack, on_call, [monitor])[-2:] == ["alert.triggered"] * 2, "both rules told", 20)
