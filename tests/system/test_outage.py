"""An outage reaches the on-call once, whatever dies on the way; real processes, real receivers, both stores."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest

from tests.alerts.channels.http_sink import HttpSink, http_sink
from tests.alerts.channels.mail_sink import MailSink, mail_sink
from tests.system.failpoints import PLACES, WHILE_RECORDING, in_flight_file
from tests.system.ledger import Target
from tests.system.processes import wait_for
from tests.system.stack import Stack

DIGESTS_BEGIN = 2
"""After five messages in half a minute people's channels get digests: only the webhook is counted then."""


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


def alerted(stack: Stack, outages: int) -> bool:
    return not revive(stack) and stack.healthy() and len(alerts(stack)) >= outages


def passed_once(stack: Stack, monitor: dict[str, Any]) -> bool:
    return bool(stack.api("GET", f"/v1/monitors/{monitor['id']}/runs?status=success&per_page=1")["data"])


def died(stack: Stack) -> bool:
    """The file of the armed place goes just before its process does: both must be gone."""
    return not stack.armed.exists() and not all(process.alive for process in stack.processes.values())


def revive(stack: Stack) -> list[str]:
    """Start again what has died; which that was."""
    dead = [name for name, process in stack.processes.items() if not process.alive]
    for name in dead:
        stack.processes[name].start()
    return dead


def told_of(stack: Stack, receivers: Receivers, outages: int) -> bool:
    """Whether every receiver has heard of the end of so many outages, reviving what dies meanwhile."""
    revive(stack)
    hooks = len({identity for name, identity in receivers.webhook_ids() if name == "alert.resolved"})
    mails = sum("recovered" in str(message["Subject"]).lower() for message in list(receivers.mail.received))
    slack = sum("recovered" in each.body.decode().lower() for each in list(receivers.slack.received))
    return hooks >= outages and (outages > DIGESTS_BEGIN or min(mails, slack) >= outages)


def test_an_outage_is_told_once_by_each_channel_and_so_is_its_end(
    make_stack: Callable[..., Stack], receivers: Receivers, target: Target
) -> None:
    stack = started(make_stack, receivers)
    monitor = stack.monitor(target.url, interval=1, name="Shop")
    wait_for(lambda: passed_once(stack, monitor), "a first good run")
    target.status = 500
    everybody = (receivers.webhook.received, receivers.slack.received, receivers.mail.received)
    wait_for(lambda: all(everybody), "all three told", 20)
    [alert] = alerts(stack)
    assert (alert["status"], alert["monitor_id"]) == ("triggered", monitor["id"])
    target.status = 200
    wait_for(lambda: told_of(stack, receivers, 1), "all three told of the end", 20)
    [alert] = alerts(stack)
    assert alert["status"] == "resolved"
    assert sorted(name for name, _ in receivers.webhook_ids().elements()) == ["alert.resolved", "alert.triggered"]
    assert (len(receivers.slack.received), len(receivers.mail.received)) == (2, 2)


@dataclass
class Story:
    """What went wrong in a series of outages, and what the webhook's receiver heard again: times, by id."""

    faults: list[str]
    repeats: Counter[str]


def outages_with_deaths(
    stack: Stack, receivers: Receivers, target: Target, places: Sequence[str], patience_s: float = 25
) -> Story:
    """One outage a place, during which the process that comes there dies; then a blink: one single run that fails, with
    a death again. Everybody must be told once of each, and every failed run must belong to an alert."""
    story = Story([], Counter())
    monitor = stack.monitor(target.url, interval=1, name="Shop")
    wait_for(lambda: passed_once(stack, monitor), "a first good run")
    for number, place in enumerate(places, start=1):
        stack.armed.write_text(place)
        target.blinks, target.status = (1, 200) if place == "between" or number % 2 == 0 else (0, 500)
        try:
            wait_for(partial(died, stack), f"{place}: a death", patience_s)
            wait_for(lambda: not revive(stack) and stack.healthy(), "everybody back", 30)
            wait_for(partial(alerted, stack, number), f"{place}: an alert", patience_s)
            target.status = 200
            wait_for(partial(told_of, stack, receivers, number), f"{place}: told", patience_s)
        except AssertionError as error:
            story.faults.append(f"{place}: {error}")
            return story
        stack.armed.unlink(missing_ok=True)
    proven = {run for alert in alerts(stack) for run in alert["run_ids"]}
    story.faults += [f"{run} failed, and no alert says so" for run in set(target.failed) - proven]
    if len(alerts(stack)) != len(places):
        story.faults.append(f"{len(alerts(stack))} alerts for {len(places)} outages")
    ids = receivers.webhook_ids()
    ends = [name for name, _ in ids if name == "alert.resolved"]
    story.faults += [f"{len(ends)} ends told for {len(places)} outages"] if len(ends) != len(places) else []
    story.repeats = Counter({identity: times - 1 for (_, identity), times in ids.items() if times > 1})
    in_flight = Counter(in_flight_file(stack.armed).read_text().split())
    story.faults += [f"{identity} came again for no reason" for identity in story.repeats - in_flight]
    return story


@pytest.mark.timeout(240)
def test_a_death_at_any_named_place_loses_nothing_and_doubles_no_id(
    make_stack: Callable[..., Stack], receivers: Receivers, target: Target
) -> None:
    stack = started(make_stack, receivers, "failpoints")
    places = [*PLACES, *WHILE_RECORDING]
    story = outages_with_deaths(stack, receivers, target, places)
    print(f"{len(places)} deaths, raw repeats by webhook-id: {dict(story.repeats)}")
    assert story.faults == []


@pytest.mark.timeout(150)
@pytest.mark.parametrize("store", ["sqlite"], indirect=True)
@pytest.mark.parametrize("build", ["alerts_in_a_transaction_of_their_own", "marks_sent_before_it_sends"])
def test_a_bad_build_is_caught(
    make_stack: Callable[..., Stack], receivers: Receivers, target: Target, build: str
) -> None:
    stack = started(make_stack, receivers, build)
    # What it loses does not come later either.
    assert outages_with_deaths(stack, receivers, target, ["between"], patience_s=12).faults != []


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
