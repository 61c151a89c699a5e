"""Whole processes: an error that is reported is told to a webhook within seconds, once, though servers are killed."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.alerts.channels.http_sink import HttpSink, http_sink
from tests.system.processes import wait_for
from tests.system.stack import Stack
from tests.telemetry.reporting import message

GROUPS = 6


@pytest.fixture
def sink() -> Iterator[HttpSink]:
    with http_sink() as receiver:
        yield receiver


def report(stack: Stack, key: str, name: str, kind: str) -> None:
    body = json.dumps({"events": [message(name, "x", level="error", tags={"kind": kind})]}).encode()
    request = urllib.request.Request(f"{stack.url}/v1/events", body, {"X-Open-Sentry-Key": key})
    with urllib.request.urlopen(request, timeout=15) as answer:
        assert answer.status == 202


def told(sink: HttpSink) -> dict[str, set[str]]:
    """Group -> ids of the notices that told that its alert began: the same id is the same notice."""
    found: dict[str, set[str]] = {}
    for received in list(sink.received):
        body = received.json
        if body["type"] == "alert.triggered":
            found.setdefault(body["data"]["alert"]["group_key"], set()).add(received.headers["webhook-id"])
    return found


def test_an_error_is_told_within_seconds_and_each_group_once_though_servers_are_killed(
    make_stack: Callable[[], Stack], sink: HttpSink
) -> None:
    stack = make_stack()
    hook = {"name": "ops", "type": "webhook", "config": {"url": sink.url}}
    channel = stack.api("POST", "/v1/alert-channels", hook)["data"]["id"]
    project: Any = stack.api("POST", "/v1/projects", {"name": "Shop", "slug": "shop"})
    key = project["keys"][0]["public_key"]
    rule = {"name": "r", "project": "shop", "query": "level:error", "group_by": "kind", "channels": [channel]}
    stack.api("POST", "/v1/alerts/rules", rule)
    report(stack, key, "first", "first")
    sink.wait_for(1, 20)
    victims = ["server"] if stack.sqlite else ["scheduler-1", "scheduler-2", "server"]
    for number in range(GROUPS):
        report(stack, key, f"e{number}", f"k{number}")
        victim = stack.processes[victims[number % len(victims)]]
        victim.kill()
        victim.start()
        wait_for(stack.healthy, "a healthy server", 40)
        report(stack, key, f"again{number}", f"k{number}")
    wanted = {"first", *(f"k{number}" for number in range(GROUPS))}
    wait_for(lambda: told(sink).keys() == wanted, f"each group told: {told(sink)}", 60)
    assert {group: len(ids) for group, ids in told(sink).items()} == dict.fromkeys(wanted, 1)
    firings = stack.api("GET", "/v1/alerts/firings")["firings"]
    assert sorted(firing["group_key"] for firing in firings) == sorted(wanted)
    assert len(stack.api("GET", "/v1/alerts")["data"]) == len(wanted)
