"""What one run has of its own: a browser context, its proxy, its page, and what listens to them. Closed as a whole."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

from playwright.async_api import BrowserContext, Error

from egress.door import Egress
from egress.proxy import Proxy
from journeys.browser import WarmBrowser
from journeys.definition import JourneyCheck
from journeys.evidence.console import Console
from journeys.headers import Marks, OwnHeaders, parted
from journeys.pages import Pages
from journeys.scrubbing import Secrets, secrets_of
from journeys.steps.goto import Goto
from journeys.steps.request import Request
from journeys.urls import Base, origin_of
from journeys.variables import UndefinedVariableError, fill_in
from journeys.walk import Walk
from model.protocol import RunOverrides

_CLOSE_S = 1.0


@dataclass(frozen=True, slots=True)
class Session:
    """`walk` is what steps are given; the rest is for those who look after it. `ending`: begins to close the context
    early, while other work goes on."""

    context: BrowserContext
    walk: Walk
    pages: Pages
    console: Console
    secrets: Secrets
    ending: Ending


class Ending:
    """The end of a context, begun by whoever is first done with it."""

    def __init__(self, context: BrowserContext) -> None:
        self._context = context
        self._task: asyncio.Task[None] | None = None

    def begin(self) -> None:
        if self._task is None:
            self._task = asyncio.ensure_future(self._context.close())

    async def done(self) -> bool:
        """Whether the context closed in time."""
        self.begin()
        try:
            async with asyncio.timeout(_CLOSE_S):
                await asyncio.gather(*filter(None, [self._task]))
        except Exception:  # noqa: BLE001 - a driver that has died raises a plain Exception
            return False
        return True


@asynccontextmanager
async def open_session(
    browser: WarmBrowser,
    egress: Egress,
    definition: JourneyCheck,
    run_id: str,
    overrides: RunOverrides,
    deadline: float,
) -> AsyncIterator[Session]:
    """A fresh profile with one blank page. Raises BrowserCrashedError, Playwright's Error, OSError.

    A context that does not close in time takes the browser with it: the next run starts another."""
    variables = {**definition.variables, **overrides.variables}
    secrets = Secrets([*secrets_of(definition), *variables.values()])
    base = base_of(definition, variables, overrides.base_url)
    marks = Marks(run_id, traceparent=definition.traceparent)
    headers = OwnHeaders(definition.extra_headers, base, marks, named_origins(definition, variables, base))
    async with Proxy(egress) as proxy:
        context = await _fresh_context(browser, definition, proxy)
        ending = Ending(context)
        try:
            console = Console()
            console.follow(context)
            pages = Pages(context, console, headers, proxy.failure_of)
            browser.on_new_page = pages.announce
            await context.tracing.start(snapshots=True, screenshots=False, title=definition.name)
            page = await context.new_page()
            await headers.add_to(page)
            walk = Walk(context, pages, proxy, base, variables, secrets, headers, deadline, definition.timeout)
            yield Session(context, walk, pages, console, secrets, ending)
        finally:
            browser.on_new_page = None
            if await ending.done():
                browser.forget()
            else:
                await browser.close()


async def _fresh_context(browser: WarmBrowser, definition: JourneyCheck, proxy: Proxy) -> BrowserContext:
    """A browser may have died since its last run, and only now is it seen: then another one is started."""
    plain, _ = parted(definition.extra_headers)
    try:
        return await browser.context(definition, proxy.url, plain)
    except Error:
        await browser.close()
        return await browser.context(definition, proxy.url, plain)


def base_of(definition: JourneyCheck, variables: dict[str, str], moved_to: str | None) -> Base:
    """Where relative URLs lead: the `base_url`, or the origin of the first goto once it is filled in."""
    home = definition.base_url
    first = next((step for step in definition.steps if isinstance(step, Goto)), None)
    if home is None and first is not None:
        with suppress(UndefinedVariableError, ValueError):
            home = origin_of(fill_in(first, variables).url)
    return Base(home, moved_to)


def named_origins(definition: JourneyCheck, variables: dict[str, str], base: Base) -> set[str]:
    """The origins that steps go to, as far as that is known before the first."""
    found = {base.origin}
    for step in definition.steps:
        if isinstance(step, Goto | Request):
            with suppress(UndefinedVariableError, ValueError):
                found.add(origin_of(base.resolve(fill_in(step, variables).url)))
    return {origin for origin in found if origin is not None}
