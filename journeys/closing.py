"""A page that closes: by what a step did to it, by itself, or with the browser."""

from __future__ import annotations

import asyncio
import re

from playwright.async_api import Error

from journeys.walk import Walk

_ANSWER_S = 2.0
_CLOSED = "has been closed"
_ACTED = re.compile(r"performing [\w ]+ action|elementHandle\.press\(|^Keyboard\.press:")
"""Playwright's own log of a call, from where on it has begun to act."""


async def closed_by_the_step(error: Error, walk: Walk) -> bool:
    """Whether a step ended with this error because its page closed as soon as it had acted, such as a pop-up's own
    button does: Playwright waits for the page's word that all is done, and nobody is left to say so."""
    acted = said_closed(error) and _ACTED.search(error.message) is not None
    return acted and not walk.pages.crashed and await browser_answers(walk)


def said_closed(error: BaseException | None) -> bool:
    """Whether Playwright ended a call because its page, or the browser, closed."""
    return isinstance(error, Error) and _CLOSED in error.message


async def browser_answers(walk: Walk) -> bool:
    """Whether the browser, and the driver between it and us, still do."""
    try:
        async with asyncio.timeout(_ANSWER_S):
            await walk.context.cookies("http://127.0.0.1/")
    except Exception:  # noqa: BLE001 - a driver that has died raises a plain Exception
        return False
    return True
