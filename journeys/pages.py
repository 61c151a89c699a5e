"""The pages of one run: which is in front, what they were answered, which could not be opened, whether one died."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, NamedTuple

from playwright.async_api import BrowserContext, Dialog, Download, Error, Page, Request, Response

from journeys.errors import StepError
from journeys.evidence.console import Console
from journeys.headers import OwnHeaders

MAX_PAGES = 5
"""Open at once; a page that opens more is left with these."""
_MAX_DOCUMENTS = 200
_ABORTED = "ERR_ABORTED"
"""A page that went elsewhere before it came, or a download: nothing that could not be opened."""
_BY_THE_PROXY = "ERR_SOCKS"
_MAX_SAID = 200
"""Characters of a dialog that a sentence quotes."""
_ARRIVAL_S = 3.0
"""How long a page that has been opened may take until it can be looked at."""


@dataclass(frozen=True, slots=True)
class Document:
    """What a page's address was answered with."""

    url: str
    status: int
    status_text: str


class Dismissed(NamedTuple):
    """A dialog, during the step at this place."""

    step: int
    kind: str
    message: str


class Pages:
    """Follows a new page as people do who see it open in front of them, and goes back when it closes. Dialogs are
    dismissed, downloads refused."""

    def __init__(
        self,
        context: BrowserContext,
        console: Console,
        headers: OwnHeaders,
        why_unreachable: Callable[[str], Exception | None],
    ) -> None:
        """`why_unreachable`: what kept the last connection to a URL's host from being made, as the proxy knows."""
        self.documents: list[Document] = []
        self.not_opened: tuple[str, str] | None = None
        """(URL, the browser's word) of the last page that could not be opened, until another one is."""
        self.dialog: Dismissed | None = None
        """The last one."""
        self._crash = asyncio.Event()
        self.opened = False
        """Whether a page has ever been asked for."""
        self.turned = asyncio.Event()
        """Set when another page has come to the front."""
        self._open: list[Page] = []
        self._announced = self._arrived = 0
        self._console = console
        self._headers = headers
        self._why_unreachable = why_unreachable
        self._tasks: set[asyncio.Task[None]] = set()
        context.on("page", self._on_page)
        context.on("dialog", self._on_dialog)
        context.on("response", self._on_response)
        context.on("requestfailed", self._on_failed)

    @property
    def step(self) -> int:
        """Which step runs."""
        return self._console.step or 0

    @property
    def crashed(self) -> bool:
        """Whether a page has died."""
        return self._crash.is_set()

    async def wait_for_crash(self, timeout_s: float) -> None:
        """Until one has, or the time is up."""
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await self._crash.wait()

    @property
    def current(self) -> Page:
        """Raises StepError when every page has closed."""
        if not self._open:
            raise StepError("the page has closed itself")
        return self._open[-1]

    @property
    def last_document(self) -> Document | None:
        return self.documents[-1] if self.documents else None

    def announce(self) -> None:
        """The browser has made a page, which Playwright will hand over once it is set up."""
        self._announced += 1

    async def settle(self) -> None:
        """Waits for the pages that were announced: what a click opens is in front when the next step looks."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_ARRIVAL_S):
                while self._arrived < self._announced:
                    self.turned.clear()
                    await self.turned.wait()
        self._arrived = self._announced

    def _on_page(self, page: Page) -> None:
        self._arrived += 1
        if len(self._open) >= MAX_PAGES:
            self._console.note("popup", f"more than {MAX_PAGES} pages at once: one was closed", url=page.url)
            self._do(page.close())
        else:
            self._open.append(page)
            page.on("close", self._on_close)
            page.on("crash", self._on_crash)
            page.on("download", self._on_download)
            if len(self._open) > 1:
                self._do(self._headers.add_to(page))
        self.turned.set()

    def _on_close(self, page: Page) -> None:
        if page in self._open:
            self._open.remove(page)
            self.turned.set()

    def _on_crash(self, page: Page) -> None:
        self._crash.set()
        self._console.note("crash", "the browser's page crashed", url=page.url)

    def _on_dialog(self, dialog: Dialog) -> None:
        self.dialog = Dismissed(self.step, dialog.type, dialog.message[:_MAX_SAID])
        self._console.note("dialog", f"{dialog.type} dismissed: {dialog.message}")
        self._do(dialog.dismiss())

    def _on_download(self, download: Download) -> None:
        self._console.note("download", f"refused: {download.suggested_filename}", url=download.url)

    def _on_response(self, response: Response) -> None:
        request = response.request
        if request.is_navigation_request() and _is_main(request):
            self.not_opened = None
            self.documents.append(Document(response.url, response.status, response.status_text))
            del self.documents[:-_MAX_DOCUMENTS]

    def _on_failed(self, request: Request) -> None:
        said = request.failure or "failed"
        why = self._why_unreachable(request.url) if _BY_THE_PROXY in said else None
        self._console.note("request_failed", said if why is None else f"{said}: {why}", url=request.url)
        if request.is_navigation_request() and _is_main(request) and _ABORTED not in said:
            self.not_opened = (request.url, said)

    def _do(self, action: Coroutine[Any, Any, None]) -> None:
        """What an event asks for at once; that the page went away meanwhile is fine."""

        async def quietly() -> None:
            with suppress(Error):
                await action

        task = asyncio.ensure_future(quietly())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _is_main(request: Request) -> bool:
    """Whether the request opens a page, not a frame inside one. A page that is only just coming has no frame yet."""
    try:
        return request.frame.parent_frame is None
    except Error:
        return True
