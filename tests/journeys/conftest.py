"""A real browser, kept warm for all tests of a worker, and sites on loopback."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest

from egress.door import Egress
from journeys import chromium
from journeys.browser import WarmBrowser, spare_screenshots
from journeys.definition import JourneyCheck
from journeys.runner import walk
from model.addresses import AddressPolicy, networks_of
from model.evidence import Evidence, StepResult
from model.outcome import Outcome
from model.protocol import RunOverrides
from tests.journeys.site import Site

LOOPBACK = AddressPolicy(networks_of(("127.0.0.0/8", "::1")))


class Walker:
    """Walks journeys in a loop of its own; what they leave lies in `folder`."""

    def __init__(self, browser: WarmBrowser, loop: asyncio.AbstractEventLoop, folder: Path) -> None:
        self.browser = browser
        self.folder = folder
        self.loop = loop

    def begin(
        self,
        *steps: dict[str, Any],
        timeout: float = 60,
        policy: AddressPolicy = LOOPBACK,
        overrides: RunOverrides | None = None,
        report: Callable[[StepResult], None] = lambda _: None,
        **fields: Any,
    ) -> Future[Outcome]:
        """Starts a journey of these steps."""
        definition = JourneyCheck.model_validate({"name": "A journey", "steps": list(steps), **fields})

        async def walked() -> Outcome:
            return await walk(
                definition, "run_1", timeout, self.folder,
                browser=self.browser, egress=Egress(policy), overrides=overrides, report=report,
            )  # fmt: skip

        return asyncio.run_coroutine_threadsafe(walked(), self.loop)

    def walk(self, *steps: dict[str, Any], **options: Any) -> Outcome:
        """The outcome of a journey of these steps."""
        return self.begin(*steps, **options).result(100)

    def bytes_of(self, evidence: Evidence) -> bytes:
        return (self.folder / evidence.sha256).read_bytes()

    def artifact(self, outcome: Outcome, kind: str) -> bytes:
        """The bytes of the run's only artifact of a type."""
        (found,) = [evidence for evidence in outcome.artifacts if evidence.type == kind]
        return self.bytes_of(found)


@pytest.fixture(scope="session")
def _loop() -> Iterator[asyncio.AbstractEventLoop]:
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    yield loop
    loop.call_soon_threadsafe(loop.stop)
    thread.join(10)
    loop.close()


@pytest.fixture(scope="session")
def _browser(_loop: asyncio.AbstractEventLoop) -> Iterator[WarmBrowser]:
    spare_screenshots()
    browser = WarmBrowser(chromium.find())
    yield browser
    asyncio.run_coroutine_threadsafe(browser.close(), _loop).result(20)


@pytest.fixture
def walker(_browser: WarmBrowser, _loop: asyncio.AbstractEventLoop, tmp_path: Path) -> Walker:
    return Walker(_browser, _loop, tmp_path)


@pytest.fixture
def site() -> Iterator[Site]:
    with Site().running() as running:
        yield running


@pytest.fixture
def other_site() -> Iterator[Site]:
    """Another origin."""
    with Site().running() as running:
        yield running
