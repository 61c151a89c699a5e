"""What a journey's requests carry beside the browser's own headers, and who gets to see it.

Plain headers of a journey go with every request of the pages. Its secret ones go to the base's origin alone: pages load
much from elsewhere, and a key that one server is to be shown is nobody else's business. What tells of the run goes to
the origins that the journey is about (docs/decisions/0018). Playwright's own way to change a request's headers keeps
them over a redirect to another origin, and has the browser ask every foreign origin's leave first (CORS), which most
refuse; the browser's protocol does neither.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from contextlib import suppress
from typing import Any

from playwright.async_api import CDPSession, Error, Page

from journeys.urls import Base, origin_of
from model.secrets import secret_header
from model.traceparent import HEADER as TRACE_HEADER
from model.traceparent import traceparent_of

_MARKED = ("Document", "XHR", "Fetch")
"""Pages, and what their scripts ask for. Pictures and styles are loaded as ever: nobody traces them, and stopping each
would cost a page with a hundred of them a fifth of its time."""


def parted(headers: Mapping[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    """(those that anyone may see, the secret ones)."""
    secret = {name: value for name, value in headers.items() if secret_header(name)}
    return {name: value for name, value in headers.items() if name not in secret}, secret


class Marks:
    """What tells a server of the run. `traceparent`: whether of its trace, too; one that a page or the journey has set
    stays."""

    def __init__(self, run_id: str, *, traceparent: bool) -> None:
        self._run_id = run_id
        self._traceparent = traceparent

    def beside(self, given: Collection[str]) -> dict[str, str]:
        """For one request that has headers of these names."""
        found = {"X-Tracer-Run": self._run_id}
        if self._traceparent and not any(name.lower() == TRACE_HEADER for name in given):
            found[TRACE_HEADER] = traceparent_of(self._run_id)
        return found


class OwnHeaders:
    """`origins`: those that steps name; each that a page in front comes from is added. The first request of a page that
    another one opened is on its way before anyone hears of it, and goes without."""

    def __init__(self, extra: Mapping[str, str], base: Base, marks: Marks, origins: set[str]) -> None:
        """`extra`: the journey's own headers."""
        self._plain, self._secret = parted(extra)
        self._base = base.origin
        self._marks = marks
        self._origins = origins
        self._tasks: set[asyncio.Task[None]] = set()

    async def add_to(self, page: Page) -> None:
        """From now on this page sends them. Raises Playwright's Error."""
        session = await page.context.new_cdp_session(page)
        tree = await session.send("Page.getFrameTree")
        front = tree["frameTree"]["frame"]["id"]
        patterns = [{"urlPattern": "*", "resourceType": kind} for kind in _MARKED]
        if self._secret and self._base is not None:
            patterns.append({"urlPattern": f"{self._base}/*"})
        session.on("Fetch.requestPaused", lambda event: self._on_paused(session, front, event))
        await session.send("Fetch.enable", {"patterns": patterns})

    def of_request(self, url: str, headers: Mapping[str, str]) -> dict[str, str]:
        """All that goes with a request beside the pages: it is a step's own, so its server may know the run."""
        given = {**(self._secret if self._base is not None and origin_of(url) == self._base else {}), **headers}
        return {**self._marks.beside([*self._plain, *given]), **given}

    def _on_paused(self, session: CDPSession, front: str, event: dict[str, Any]) -> None:
        origin = origin_of(event["request"]["url"])
        if origin is not None and event["resourceType"] == "Document" and event.get("frameId") == front:
            self._origins.add(origin)
        headers = dict(event["request"]["headers"])
        if origin is not None and origin == self._base:
            headers = _with(headers, self._secret)
        if origin in self._origins and event["resourceType"] in _MARKED:
            headers = _with(headers, self._marks.beside([*headers, *self._plain]))
        task = asyncio.ensure_future(_go_on(session, event["requestId"], headers))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _with(headers: Mapping[str, str], more: Mapping[str, str]) -> dict[str, str]:
    """Those that are there already, in whichever case, are replaced."""
    names = {name.lower() for name in more}
    return {**{name: value for name, value in headers.items() if name.lower() not in names}, **more}


async def _go_on(session: CDPSession, request_id: str, headers: Mapping[str, str]) -> None:
    entries = [{"name": name, "value": value} for name, value in headers.items()]
    with suppress(Error):  # the page has gone meanwhile
        await session.send("Fetch.continueRequest", {"requestId": request_id, "headers": entries})
