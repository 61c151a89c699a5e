"""An outage reaches the on-call once, whatever dies on the way; real processes, real receivers, both stores."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.alerts.channels.http_sink import HttpSink, http_sink
from tests.alerts.channels.mail_sink import MailSink, mail_sink
from tests.system.failpoints import PLACES
from tests.system.ledger import Target
from tests.system.processes import wait_for
from tests.system.stack import Stack


@dataclass
class Receivers:
    webhook: HttpSink
    slack: HttpSink
    mail: MailSink

    def webhook_ids(self) -> Counter[tuple[str, str]]:
        """(type, webhook-id) of every POST."""
        return Counter((each.json["type"], each.headers["webhook-id"]) for each in list(self.webhook.received))


@pytest.fixture
def receivers() -> Iterator[Receivers]:
    with http_sink() as webhook, http_sink() as slack, mail_sink() as mail:
        yield Receivers(webhook, slack, mail)


def on_call(stack: Stack, receivers: Receivers, **rule: Any) -> None:
    """Three channels and a rule that tells all of them at the first failure."""
    channels = [
        {"name": "hook", "type": "webhook", "config": {"url": receivers.webhook.url}},
        {"name": "ops", "type": "slack", "config": {"webhook_url": receivers.slack.url}},
        {"name": "mail", "type": "email", "config": {"recipients": ["on-call@example.com"]}},
    ]
    ids = [stack.api("POST", "/v1/alert-channels", channel)["data"]["id"] for channel in channels]
    body = {"name": "down", "type": "consecutive_failures", "threshold": 1, "apply_to": {"all": True}, "channels": ids}
    stack.api("POST", "/v1/alert-rules", {**body, **rule})


def started(make_stack: Callable[..., Stack], receivers: Receivers, sabotage: str = "") -> Stack:
    stack = make_stack(
        sabotage,
        TRACER_SMTP_URL=f"smtp://127.0.0.1:{receivers.mail.port}",
        TRACER_SMTP_FROM="tracer@example.com",
    )
    stack.add_probe("probe-1")
    on_call(stack, receivers)
    return stack


def alerts(stack: Stack) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = stack.api("GET", "/v1/alerts?per_page=100")["data"]
    return found


def passed_once(stack: Stack, monitor: dict[str, Any]) -> bool:
    return bool(stack.api("GET", f"/v1/monitors/{monitor['id']}/runs?status=success&per_page=1")["data"])


def revive(stack: Stack) -> list[str]:
    """Start again what has died; which that was."""
    dead = [name for name, process in stack.processes.items() if not process.alive]
    for name in dead:
        stack.processes[name].start()
    return dead


def told_of(stack: Stack, receivers: Receivers, kind: str) -> bool:
    """Whether every receiver was told, reviving what dies meanwhile."""
    revive(stack)
    word = {"alert.triggered": "is down", "alert.resolved": "recovered"}[kind]
    hooks = any(name == kind for name, _ in receivers.webhook_ids())
    mails = [str(message["Subject"]).lower() for message in list(receivers.mail.received)]
    slack = [each.body.decode().lower() for each in list(receivers.slack.received)]
    return hooks and any(word in text for text in mails) and any(word in text for text in slack)


def test_an_outage_is_told_once_by_each_channel_and_so_is_its_end(
    make_stack: Callable[..., Stack], receivers: Receivers, target: Target
) -> None:
    stack = started(make_stack, receivers)
    monitor = stack.monitor(target.url, interval=1, name="Shop")
    wait_for(lambda: passed_once(stack, monitor), "a first good run")
    target.status = 500
    wait_for(lambda: told_of(stack, receivers, "alert.triggered"), "all three told", 20)
    [alert] = alerts(stack)
    assert (alert["status"], alert["monitor_id"]) == ("triggered", monitor["id"])
    target.status = 200
    wait_for(lambda: told_of(stack, receivers, "alert.resolved"), "all three told of the end", 20)
    [alert] = alerts(stack)
    assert alert["status"] == "resolved"
    assert sorted(name for name, _ in receivers.webhook_ids().elements()) == ["alert.resolved", "alert.triggered"]
    assert (len(receivers.slack.received), len(receivers.mail.received)) == (2, 2)


def outage_with_a_death(stack: Stack, receivers: Receivers, target: Target) -> list[str]:
    """An outage during which a process dies once, and what was wrong about the telling of it."""
    monitor = stack.monitor(target.url, interval=1, name="Shop")
    wait_for(lambda: passed_once(stack, monitor), "a first good run")
    target.status = 500
    try:
        wait_for(lambda: told_of(stack, receivers, "alert.triggered"), "told", 25)
    except AssertionError:
        return [f"not told: {alerts(stack)}, {receivers.webhook_ids()}"]
    wait_for(lambda: (stack.folder / "died").exists(), "the death", 20)
    wait_for(lambda: not revive(stack) and stack.healthy(), "everybody back", 30)
    target.status = 200
    try:
        wait_for(lambda: told_of(stack, receivers, "alert.resolved"), "told of the end", 25)
    except AssertionError:
        return [f"not told of the end: {alerts(stack)}, {receivers.webhook_ids()}"]
    faults = [f"{len(alerts(stack))} alerts"] if len(alerts(stack)) != 1 else []
    ids = receivers.webhook_ids()
    per_event = Counter(name for name, _ in ids)
    faults += [f"{count} ids for one {name}" for name, count in per_event.items() if count > 1]
    raw = sum(ids.values()) - len(ids), len(receivers.slack.received) - 2, len(receivers.mail.received) - 2
    print(f"raw repeats: webhook {raw[0]}, slack {raw[1]}, mail {raw[2]}")
    faults += [f"{raw} raw repeats (webhook, slack, mail)"] if max(raw) > 1 else []
    return faults


@pytest.mark.timeout(150)
@pytest.mark.parametrize("place", PLACES)
def test_a_death_at_any_named_place_loses_nothing_and_doubles_no_id(
    make_stack: Callable[..., Stack], receivers: Receivers, target: Target, place: str
) -> None:
    stack = started(make_stack, receivers, f"dies_at:{place}")
    assert outage_with_a_death(stack, receivers, target) == []


@pytest.mark.timeout(150)
@pytest.mark.parametrize("store", ["sqlite"], indirect=True)
@pytest.mark.parametrize("build", ["alerts_in_a_transaction_of_their_own", "marks_sent_before_it_sends"])
def test_a_bad_build_is_caught(
    make_stack: Callable[..., Stack], receivers: Receivers, target: Target, build: str
) -> None:
    stack = started(make_stack, receivers, build)
    assert outage_with_a_death(stack, receivers, target) != []


@pytest.mark.timeout(240)
def test_outages_during_kills_are_all_told(
    make_stack: Callable[..., Stack], receivers: Receivers, target: Target
) -> None:
    """Every transition leads to one alert, and every alert to a receiver's 2xx, while processes die at random."""
    stack = started(make_stack, receivers)
    monitors = [stack.monitor(f"{target.url}{number}", interval=1, name=f"m{number}") for number in range(8)]
    wait_for(lambda: all(passed_once(stack, monitor) for monitor in monitors), "first good runs")
    dice, kills = random.Random(7), 0
    for number in range(8):
        target.failing.add(f"/{number}")
        time.sleep(dice.uniform(0.5, 1.5))
        victims = [name for name in sorted(stack.processes) if not name.startswith("probe")]
        stack.processes[dice.choice(victims)].kill()
        kills += 1
        time.sleep(dice.uniform(0, 0.5))
        revive(stack)
    wait_for(lambda: stack.healthy() and not revive(stack), "everybody back", 30)
    down = {monitor["id"] for monitor in monitors}
    wait_for(lambda: {alert["monitor_id"] for alert in alerts(stack)} == down, "an alert for each", 40)
    target.failing.clear()
    wait_for(lambda: all(alert["status"] == "resolved" for alert in alerts(stack)), "all resolved", 40)

    def delivered() -> bool:
        pending = stack.api("GET", "/v1/notifications?status=pending&per_page=100")["data"]
        return not pending

    wait_for(delivered, "everything delivered", 80)
    assert stack.api("GET", "/v1/notifications?status=failed")["data"] == []
    assert len(alerts(stack)) == len(monitors), "one alert an outage"
    ids = receivers.webhook_ids()
    ended = [name for name, _ in ids if name == "alert.resolved"]
    assert len(ended) == len(monitors)
    assert sum(ids.values()) - len(ids) <= kills
