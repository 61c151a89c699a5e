"""A journey's own headers: plain ones go with every request of the pages, secret ones to the base's origin alone.

Pages load much from elsewhere; a key that one server is to be shown is nobody else's business. Playwright's own way to
change a request's headers keeps them over a redirect to another origin; the browser's protocol does not.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from playwright.async_api import CDPSession, Error, Page

from model.secrets import secret_header


def parted(headers: Mapping[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    """(those that anyone may see, the secret ones)."""
    secret = {name: value for name, value in headers.items() if secret_header(name)}
    return {name: value for name, value in headers.items() if name not in secret}, secret


class SecretHeaders:
    """Sent to `origin` by every page that is told of. The first request of a page that another one opened is on its way
    before anyone hears of it, and goes without them."""

    def __init__(self, headers: Mapping[str, str], origin: str | None) -> None:
        self._headers = [{"name": name, "value": value} for name, value in headers.items()]
        self._names = {name.lower() for name in headers}
        self._origin = origin
        self._tasks: set[asyncio.Task[None]] = set()

    async def add_to(self, page: Page) -> None:
        """From now on this page sends them. Raises Playwright's Error."""
        if not self._headers or self._origin is None:
            return
        session = await page.context.new_cdp_session(page)
        session.on("Fetch.requestPaused", lambda event: self._on_paused(session, event))
        await session.send("Fetch.enable", {"patterns": [{"urlPattern": f"{self._origin}/*"}]})

    def _on_paused(self, session: CDPSession, event: dict[str, Any]) -> None:
        given = event["request"]["headers"].items()
        kept = [{"name": name, "value": value} for name, value in given if name.lower() not in self._names]
        task = asyncio.ensure_future(_go_on(session, event["requestId"], kept + self._headers))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


async def _go_on(session: CDPSession, request_id: str, headers: list[dict[str, str]]) -> None:
    with suppress(Error):  # the page has gone meanwhile
        await session.send("Fetch.continueRequest", {"requestId": request_id, "headers": headers})
