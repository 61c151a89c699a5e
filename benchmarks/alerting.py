"""How fast an outage reaches its receivers, and what becomes of a storm: whole processes, real receivers on loopback.

    .venv/bin/python -m benchmarks.alerting [--monitors 1000] [--seconds 120] [--transitions 5000] [--store sqlite]

Pace: monitors run every 10 s, some of their targets break and mend, and for each message the time from the API's
acknowledgement of the result to the receiver's 2xx is taken. Storm: so many monitors are due at the same second (a
cron schedule), and all of their targets break at once. Needs nginx as the storm's target.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

from benchmarks.alerting_receivers import Acknowledged, Receivers, alerts_on_the_page, receivers
from benchmarks.measure import cpu_seconds, percentile, process_tree
from benchmarks.whole_path import nginx
from tests.postgres import running_postgres
from tests.system.ledger import Target
from tests.system.processes import wait_for
from tests.system.stack import Stack

PEOPLE = 8
"""Channels of each kind that people read. With a change every EVERY_S each has under five messages in 30 s: singly."""
EVERY_S = 10.0
DRAINED_S = 180.0
"""How long a storm is watched."""


@contextmanager
def started(store: str, folder: Path, to: Receivers) -> Iterator[tuple[Stack, Acknowledged]]:
    """A whole Tracer whose probe reports over a wire that notes when each result was acknowledged."""
    (folder / "data").mkdir(parents=True)
    mail = {"TRACER_SMTP_URL": f"smtp://127.0.0.1:{to.mail.port}", "TRACER_SMTP_FROM": "tracer@example.com"}
    with database(store) as url:
        stack = Stack(url, folder, **mail).start()
        wire = Acknowledged(stack.url)
        try:
            stack.add_probe("probe-1", wire.url)
            yield stack, wire
        finally:
            wire.close()
            stack.close()


@contextmanager
def database(store: str) -> Iterator[str]:
    if store == "sqlite":
        yield "sqlite"
        return
    with running_postgres() as server:
        yield server.address(server.create())


def create(stack: Stack, bodies: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Monitors, by several people at once."""
    with ThreadPoolExecutor(4) as people:
        return list(people.map(lambda body: stack.monitor(**body), bodies))


def rule(stack: Stack, name: str, apply_to: dict[str, Any], channels: Sequence[dict[str, Any]]) -> None:
    """The first failure is told to these channels."""
    ids = [stack.api("POST", "/v1/alert-channels", channel)["data"]["id"] for channel in channels]
    body = {"name": name, "type": "consecutive_failures", "threshold": 1, "apply_to": apply_to, "channels": ids}
    stack.api("POST", "/v1/alert-rules", body)


def pace(store: str, monitors: int, seconds: int, folder: Path) -> dict[str, list[float]]:
    """Seconds from acknowledged result to 2xx, by kind of channel."""
    target, dice = Target(), random.Random(1)
    with receivers() as to, started(store, folder, to) as (stack, wire):
        rule(stack, "programs", {"all": True}, [to.webhook_channel()])
        for number in range(PEOPLE):
            rule(stack, f"people {number}", {"tags": [f"people-{number}"]}, to.people_channels(number))
        bodies = [
            {"url": f"{target.url}{n}", "name": f"m{n}", "interval": 10, "tags": [f"people-{n}"] if n < PEOPLE else []}
            for n in range(monitors)
        ]
        ids = {monitor["name"]: monitor["id"] for monitor in create(stack, bodies)}
        wait_for(lambda: len(target.hits) >= 2 * monitors, "all monitors running", 120)
        began_s, turn = time.monotonic(), 0
        while time.monotonic() < began_s + seconds:
            turn += 1
            changing = [turn % PEOPLE, dice.randrange(PEOPLE, monitors), dice.randrange(PEOPLE, monitors)]
            target.failing ^= {f"/{number}" for number in changing}
            time.sleep(max(0.0, began_s + turn * EVERY_S / PEOPLE - time.monotonic()))
        wait_for(lambda: nothing_waits(stack), "everything told", 60)
        told = to.told(ids)
        target.close()
    return {kind: [at_s - wire.caused(*what, at_s) for what, at_s in messages] for kind, messages in told.items()}


def nothing_waits(stack: Stack) -> bool:
    return not stack.api("GET", "/v1/notifications?status=pending&per_page=1")["data"]


def storm(store: str, transitions: int, folder: Path) -> dict[str, Any]:
    """What receivers saw after the second at which all targets had broken."""
    with nginx(folder, breaks_with=folder / "down") as port, receivers() as to, \
            started(store, folder / "tracer", to) as (stack, wire):  # fmt: skip
        rule(stack, "all", {"all": True}, [to.webhook_channel(), *to.people_channels(0)])
        bodies = [
            {"url": f"http://127.0.0.1:{port}/", "name": f"m{number}", "interval": None, "cron": "* * * * *"}
            for number in range(transitions)
        ]
        create(stack, bodies)
        wait_for(lambda: wire.counted("success") >= transitions, "every monitor passed once", 180)
        begins_s = next_minute()
        wire.forget()
        (folder / "down").touch()
        pids = [pid for process in stack.processes.values() for pid in process_tree(process.pid)]
        used_s = cpu_seconds(pids)
        time.sleep(max(0.0, begins_s - time.monotonic()))
        watched = drained(lambda: len(to.webhook.received) >= transitions and nothing_waits(stack))
        used_s = cpu_seconds(pids) - used_s
        hooks = to.webhook.received
        accepted = sorted(wire.at_s.values())[:transitions]
        return {
            "transitions": transitions,
            "results accepted after, first .. last s": (accepted[0] - begins_s, accepted[-1] - begins_s),
            "first message after, webhook s": hooks[0].at_s - begins_s,
            **people_figures(to, begins_s),
            "webhook: POSTs, ids": (len(hooks), len({each.headers["webhook-id"] for each in hooks})),
            "webhooks drained after s": hooks[-1].at_s - begins_s,
            "all drained after s": watched,
            "alerts told by webhook": len({each.json["data"]["alert"]["id"] for each in hooks}),
            "alerts on the page the digests link to": len(alerts_on_the_page(stack.url)),
            "CPU of Tracer s": used_s,
        }  # fmt: skip


def people_figures(to: Receivers, begins_s: float) -> dict[str, Any]:
    figures: dict[str, Any] = {}
    for kind, messages in to.messages_to_people().items():
        moments = [at_s for at_s, _ in messages]
        digests = [at_s for at_s, size in messages if size > 1]
        figures[f"first message after, {kind} s"] = moments[0] - begins_s
        figures[f"{kind}: messages singly, digests"] = (len(moments) - len(digests), len(digests))
        figures[f"{kind}: least time between digests s"] = min(
            (later - earlier for earlier, later in pairwise(digests)), default=0.0
        )
        figures[f"{kind}: transitions told"] = sum(size for _, size in messages)
    return figures


def next_minute() -> float:
    """By the monotonic clock; at least 8 s from now, so that nothing of the minute before is on its way."""
    left_s = 60 - time.time() % 60
    return time.monotonic() + (left_s if left_s > 8 else left_s + 60)


def drained(done: Callable[[], bool]) -> float:
    began_s = time.monotonic()
    while not done() and time.monotonic() < began_s + DRAINED_S:
        time.sleep(0.5)
    return time.monotonic() - began_s


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--monitors", type=int, default=1000)
    parser.add_argument("--seconds", type=int, default=120)
    parser.add_argument("--transitions", type=int, default=5000)
    parser.add_argument("--store", choices=("sqlite", "postgresql"), default="sqlite")
    parser.add_argument("--only", choices=("pace", "storm"))
    given = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="tracer-bench-"))
    folder.chmod(0o755)  # nginx, as a user of its own, looks for the file that breaks it
    try:
        if given.only != "storm":
            print(f"\nfrom accepted result to 2xx, {given.monitors} monitors every 10 s, {given.store}")
            for kind, seconds in pace(given.store, given.monitors, given.seconds, folder / "pace").items():
                show(f"{kind}: messages", len(seconds))
                for share in (50, 99, 100):
                    show(f"{kind}: p{share} s", percentile(seconds, share))
        if given.only != "pace":
            (folder / "storm").mkdir()
            print(f"\n{given.transitions} transitions at one second, {given.store}")
            for name, value in storm(given.store, given.transitions, folder / "storm").items():
                show(name, value)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def show(name: str, value: Any) -> None:
    values = value if isinstance(value, tuple) else (value,)
    shown = (f"{each:10.2f}" if isinstance(each, float) else f"{each:10}" for each in values)
    print(f"  {name:42}", *shown, flush=True)


if __name__ == "__main__":
    os.environ.setdefault("PYTHONUNBUFFERED", "1")
    wait_for(lambda: shutil.which("nginx"), "nginx on this machine (Debian package nginx-light)", 0.1)
    main()
