"""The probe as a process: real signals, real exit codes, real checks."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web

from model.outcome import RunStatus
from probes.connection import AddressError
from tests.probes.bench import on_loop, probe_for
from tests.probes.fake_api import KEY, FakeApi

PROGRAM = """
import sys
from pathlib import Path
from model.settings import Settings
from probes.process import run_probe

directory, url, key, location = sys.argv[1:]
settings = Settings(data_dir=Path(directory), url=url, probe_key=key, allow_nets=("127.0.0.0/8",))
sys.exit(run_probe(settings, location=location))
"""


async def _started(
    api: FakeApi, directory: Path, *, key: str = KEY, location: str = "eu-test"
) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, "-c", PROGRAM, str(directory), api.url, key, location, stderr=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip


async def _ready(api: FakeApi, known: int = 0) -> None:
    """Until an instance beyond those known has asked for work."""
    await api.until(lambda: len({lease.instance for lease in api.leases if lease.capacity}) > known, within_s=20)


class Target:
    """An HTTP target that holds its answers until told, and knows which runs came."""

    def __init__(self) -> None:
        self.runs: list[str] = []
        self.release = asyncio.Event()
        self.came = asyncio.Event()
        self.url = ""

    async def answer(self, request: web.Request) -> web.Response:
        self.runs.append(request.headers["X-Tracer-Run"])
        self.came.set()
        await self.release.wait()
        return web.Response(text="fine")


@asynccontextmanager
async def _target() -> AsyncIterator[Target]:
    target = Target()
    app = web.Application()
    app.router.add_get("/", target.answer)
    runner = web.AppRunner(app, shutdown_timeout=0, handler_cancellation=True)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    target.url = f"http://127.0.0.1:{runner.addresses[0][1]}/"
    yield target
    await runner.cleanup()


async def _ended(process: asyncio.subprocess.Process) -> tuple[int | None, str]:
    said = b"".join(await asyncio.wait_for(process.communicate(), 20))
    return process.returncode, said.decode()


def test_a_killed_probe_loses_nothing_and_its_successor_takes_over_at_once(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with FakeApi() as api, _target() as target:
            await api.define("mon_1", {"type": "url", "url": target.url})
            first = await _started(api, tmp_path)
            await _ready(api)
            (held,) = await api.dispatch(["mon_1"])
            await target.came.wait()
            first.send_signal(signal.SIGKILL)
            await _ended(first)
            target.release.set()
            dead = api.leases[-1].instance
            second = await _started(api, tmp_path)
            assert (await api.result(held, within_s=20)).status is RunStatus.SUCCESS
            assert api.replaced == [dead]
            assert target.runs == [held, held]
            second.send_signal(signal.SIGTERM)
            code, _ = await _ended(second)
            assert code == 0

    on_loop(scenario)


def test_sigterm_finishes_what_runs_and_a_second_one_does_not_wait(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with FakeApi() as api, _target() as target:
            await api.define("mon_1", {"type": "url", "url": target.url})
            polite = await _started(api, tmp_path / "polite")
            await _ready(api)
            (run,) = await api.dispatch(["mon_1"])
            await target.came.wait()
            polite.send_signal(signal.SIGTERM)
            await api.until(lambda: any(lease.stopping for lease in api.leases))
            target.release.set()
            code, _ = await _ended(polite)
            assert code == 0
            assert api.results[run].status is RunStatus.SUCCESS

            target.release.clear()
            target.came.clear()
            hasty = await _started(api, tmp_path / "hasty")
            await _ready(api, known=1)
            (lost,) = await api.dispatch(["mon_1"])
            await target.came.wait()
            known = len(api.leases)
            hasty.send_signal(signal.SIGINT)
            await api.until(lambda: any(lease.stopping for lease in api.leases[known:]))
            hasty.send_signal(signal.SIGINT)
            code, _ = await _ended(hasty)
            assert code == 130
            assert lost not in api.results

    on_loop(scenario)


def test_a_probe_that_cannot_work_says_why_and_ends_with_code_2(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with FakeApi() as api:
            one = await _started(api, tmp_path)
            await _ready(api)
            beside, wrong_key, elsewhere = await asyncio.gather(
                _started(api, tmp_path),
                _started(api, tmp_path / "other", key="tprb_wrong"),
                _started(api, tmp_path / "else", location="us-east"),
            )
            for process, word in ((beside, "Another probe"), (wrong_key, "refuses"), (elsewhere, "belongs to")):
                code, said = await _ended(process)
                assert code == 2
                assert word in said
            of_each = {lease.instance: lease.stopping for lease in api.leases}
            assert sorted(of_each.values()) == [False, True], "the one at the wrong place has said goodbye"
            one.send_signal(signal.SIGTERM)
            assert (await _ended(one))[0] == 0

    on_loop(scenario)


@pytest.mark.parametrize("location", ["", "../up", "EU", "a/b", "x" * 65])
def test_a_location_is_a_name_and_never_a_path(tmp_path: Path, location: str) -> None:
    with pytest.raises(AddressError, match="no location"):
        probe_for(FakeApi(), tmp_path, location=location, url="http://127.0.0.1:1")
