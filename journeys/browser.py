"""One warm Chromium: started once, a fresh context for each run, started anew when in doubt."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import structlog
from playwright.async_api import Browser, BrowserContext, Error, Playwright, async_playwright

from journeys import chromium
from journeys.definition import JourneyCheck
from journeys.errors import BrowserCrashedError

_START_S = 30.0
_CLOSE_S = 2.0
_log = structlog.get_logger(__name__)


class WarmBrowser:
    """Of one process. `program`: the browser; `headed`: with a window that people can watch."""

    def __init__(self, program: Path, *, headed: bool = False) -> None:
        self._program = program
        self._headed = headed
        self._driver: Playwright | None = None
        self._browser: Browser | None = None
        self._nowhere: socket.socket | None = None
        self.traces: Path | None = None
        """Where the driver writes down what pages send and answer, secrets as they are."""
        self.on_new_page: Callable[[], None] | None = None
        """Called when the browser makes a page, before Playwright has it ready."""

    async def ready(self) -> Browser:
        """The browser, started if need be. Raises BrowserCrashedError when it does not start."""
        if self._browser is not None and self._browser.is_connected():
            return self._browser
        await self.close()
        try:
            async with asyncio.timeout(_START_S):
                self._driver = await async_playwright().start()
                self._browser = await self._launched(self._driver)
                await self._hear_of_pages(self._browser)
        except Exception as error:  # noqa: BLE001 - whatever it is, there is no browser, and none was to blame but us
            await self.close()
            raise BrowserCrashedError(f"the browser did not start: {_first_line(error)}") from None
        return self._browser

    async def context(self, definition: JourneyCheck, proxy_url: str, headers: dict[str, str]) -> BrowserContext:
        """A fresh profile whose pages go out through `proxy_url` alone. Raises Playwright's Error."""
        browser = await self.ready()
        return await browser.new_context(
            proxy={"server": proxy_url},
            viewport={"width": definition.viewport.width, "height": definition.viewport.height},
            user_agent=definition.user_agent,
            extra_http_headers=headers,
            accept_downloads=False,
            service_workers="block",
        )

    def forget(self) -> None:
        """Remove what the driver wrote down, once the context is closed: it leaves it until the browser ends."""
        for path in self.traces.rglob("*") if self.traces else ():
            if path.is_file():
                path.unlink(missing_ok=True)

    async def close(self) -> None:
        """Whatever still answers is closed; what does not is the pool's to kill."""
        for end in (self._browser and self._browser.close, self._driver and self._driver.stop):
            if end:
                with suppress(Exception):  # a driver that has died raises a plain one
                    async with asyncio.timeout(_CLOSE_S):
                        await end()
        self._browser = self._driver = None
        if self._nowhere is not None:
            self._nowhere.close()
            self._nowhere = None
        if self.traces is not None:
            shutil.rmtree(self.traces, ignore_errors=True)
            self.traces = None

    async def _hear_of_pages(self, browser: Browser) -> None:
        session = await browser.new_browser_cdp_session()
        session.on("Target.targetCreated", self._on_target)
        await session.send("Target.setDiscoverTargets", {"discover": True})

    def _on_target(self, event: dict[str, Any]) -> None:
        made = event["targetInfo"]
        if made["type"] == "page" and not made.get("subtype") and self.on_new_page is not None:
            self.on_new_page()

    async def _launched(self, driver: Playwright) -> Browser:
        sandbox = chromium.sandboxed()
        if not sandbox:
            _log.warning("browser.no_sandbox", reason="this process runs as root, and Chromium then has no sandbox")
        try:
            return await self._launch(driver, sandbox=sandbox)
        except Error as error:
            if not sandbox or "sandbox" not in error.message.lower():
                raise
            _log.warning("browser.no_sandbox", reason="this machine gives Chromium no sandbox: no user namespaces here")
            return await self._launch(driver, sandbox=False)

    async def _launch(self, driver: Playwright, *, sandbox: bool) -> Browser:
        self.traces = self.traces or Path(tempfile.mkdtemp(prefix="traces-"))
        return await driver.chromium.launch(
            executable_path=self._program,
            headless=not self._headed,
            args=list(chromium.ARGUMENTS),
            chromium_sandbox=sandbox,
            proxy={"server": self._dead_end()},
            handle_sigint=False,
            handle_sigterm=False,
            handle_sighup=False,
            timeout=_START_S * 1000,
            traces_dir=self.traces,
        )

    def _dead_end(self) -> str:
        """A proxy that takes no connection: where the browser itself, apart from the pages, would call home. The port
        is held, so that nobody else can listen there."""
        self._nowhere = socket.socket()
        self._nowhere.bind(("127.0.0.1", 0))
        return f"socks5://127.0.0.1:{self._nowhere.getsockname()[1]}"


def spare_screenshots() -> None:
    """Playwright's driver would hold a screenshot until every font has come, which on some pages is never."""
    os.environ.setdefault("PW_TEST_SCREENSHOT_NO_FONTS_READY", "1")


def _first_line(error: BaseException) -> str:
    return str(error).partition("\n")[0][:300] or type(error).__name__
