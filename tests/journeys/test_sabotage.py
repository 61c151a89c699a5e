"""Many journeys through a pool, one in six of them sabotaged: each ends by its limit with a typed reason, and nothing
is left running. 40 here; `TRACER_TEST_JOURNEYS=500` for the long run. Prints what it counted."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from journeys.definition import JourneyCheck
from journeys.descendants import memory_of_tree, processes_at_home
from journeys.pool import KILL_AFTER_S, BrowserPool
from model.evidence import StepResult
from model.outcome import Outcome
from tests.journeys.site import Answer, Site

JOURNEYS = int(os.environ.get("TRACER_TEST_JOURNEYS", "40"))
TIMEOUT_S = 20.0
SLOTS = 2
_SEED = 20260101

Kind = tuple[list[dict[str, Any]], frozenset[str], Callable[[], None] | None]


def kinds(site: Site, home: Path) -> dict[str, Kind]:
    """By name: the steps, how they may end (`success` or an error code), and what is done to the browser meanwhile."""
    wait = {"type": "wait_for", "selector": "#never", "timeout": 3}
    heading = {"type": "expect_visible", "selector": "h1", "timeout": 3}
    attachment = (("Content-Disposition", "attachment"),)
    site.on("/file", lambda _: Answer(b"x", content_type="application/zip", headers=attachment))
    site.page("/", "<h1>calm</h1>")
    site.page("/alerts", "<h1>x</h1><script>setTimeout(() => { for (;;) alert(1) }, 20)</script>")
    site.page("/spin", "<h1>x</h1><script>setTimeout(() => { for (;;); }, 20)</script>")
    site.page("/endless", "<h1>x</h1><img src=/slow>")
    site.on("/slow", _slow)
    site.page(
        "/nodes", "<h1>x</h1><script>document.body.append(...Array.from({length: 1e6}, () => new Text('x')))</script>"
    )

    def goto(path: str, **fields: Any) -> dict[str, Any]:
        return {"type": "goto", "url": f"{site.url}{path}", **fields}

    failed, crashed = frozenset({"step_failed", "journey_timeout"}), frozenset({"browser_crashed"})
    return {
        "calm": ([goto("/"), heading], frozenset({"success"}), None),
        "alerts": ([goto("/alerts"), heading, wait], failed | {"success"}, None),
        "spin": ([goto("/spin"), wait], failed, None),
        "endless": ([goto("/endless", timeout=3)], failed, None),
        "download": ([goto("/file")], failed, None),
        "nodes": ([goto("/nodes", timeout=10), heading], failed | {"success"}, None),
        "renderer killed": ([goto("/"), wait], crashed, lambda: _kill(home, "--type=renderer")),
        "browser killed": ([goto("/"), wait], crashed, lambda: _kill(home, "--remote-debugging-pipe")),
    }


@pytest.mark.timeout(3600)
def test_every_journey_ends_with_its_reason_and_leaves_nothing(
    tmp_path: Path, site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    home = tmp_path / "browsers"
    every = kinds(site, home)
    chosen = _mixed([name for name in every if name != "calm"])
    # One that kills what is at hand must have the browsers for itself: these run alone.
    together = [name for name in chosen if every[name][2] is None]
    alone = [name for name in chosen if every[name][2] is not None]
    ends: Counter[tuple[str, str]] = Counter()
    memory: list[int] = []

    async def scenario() -> None:
        pool = BrowserPool(home, SLOTS, {"TRACER_ALLOW_NETS": "127.0.0.1"})
        free = asyncio.Semaphore(SLOTS)

        async def one(name: str) -> None:
            async with free:
                outcome = await _walk(pool, every[name][0], every[name][2])
            memory.append(memory_of_tree(os.getpid()))
            end = outcome.status.value if outcome.error is None else str(outcome.error.code)
            ends[name, end] += 1
            assert end in every[name][1], f"{name}: {outcome.error}"

        try:
            await asyncio.gather(*(one(name) for name in together))
            for name in alone:
                await one(name)
        finally:
            await pool.close()

    asyncio.run(scenario())
    assert processes_at_home(home) == []
    with capsys.disabled():
        print(f"\n{sum(ends.values())} journeys, seed {_SEED}: {dict(ends)}; most memory {max(memory) >> 20} MiB")


async def _walk(pool: BrowserPool, steps: list[dict[str, Any]], act: Callable[[], None] | None) -> Outcome:
    definition = JourneyCheck.model_validate({"name": "x", "steps": steps}).model_dump_json(exclude_none=True).encode()

    def told(step: StepResult) -> None:
        if act is not None and step.index == 0:
            act()

    began = time.monotonic()
    outcome = await pool.walk(definition, "run_1", TIMEOUT_S, on_step=told)
    # The pool's own promise; a machine busy with other things may take a moment more to kill.
    assert time.monotonic() - began < TIMEOUT_S + KILL_AFTER_S + 15
    assert msgspec.json.decode(msgspec.json.encode(outcome), type=Outcome) == outcome
    return outcome


def _mixed(sabotage: list[str]) -> list[str]:
    """17% of the journeys are sabotaged, each way at least once, in an order that a seed decides."""
    count = max(round(JOURNEYS * 0.17), len(sabotage))
    names = ["calm"] * (JOURNEYS - count) + [sabotage[index % len(sabotage)] for index in range(count)]
    random.Random(_SEED).shuffle(names)
    return names


def _slow(_: object) -> Answer:
    time.sleep(30)
    return Answer(b"")


def _kill(home: Path, mark: str) -> None:
    for pid in processes_at_home(home):
        try:
            command = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ")
            if mark.encode() in command:
                os.kill(pid, signal.SIGKILL)
        except OSError:
            continue
