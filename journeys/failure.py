"""From whatever ended a step to the code and the words that the run will carry."""

from __future__ import annotations

import asyncio
import traceback
from dataclasses import dataclass

import structlog
from playwright.async_api import Error, FrameLocator, Locator, Page
from playwright.async_api import TimeoutError as PlaywrightTimeoutError
from pydantic import ValidationError

from journeys.cause import in_the_way, refused, seconds
from journeys.closing import browser_answers
from journeys.errors import StepError
from journeys.opening import around, why_not_opened
from journeys.selectors import FRAME_IN_FRAME
from journeys.steps.base import Step
from journeys.steps.goto import Goto
from journeys.steps.wait_for_url import WaitForUrl
from journeys.variables import UndefinedVariableError
from journeys.walk import Walk
from model.errors import ErrorCode
from model.hosts import BadHostError
from model.validation import field_errors

_COUNT_S = 1.0
_GONE = ("crashed", "has been closed", "closed itself", "Connection closed")
_ABORTED = "ERR_ABORTED"
_CRASH_TOLD_S = 0.5
_log = structlog.get_logger(__name__)
_CRASHED = "the browser crashed"


@dataclass(frozen=True, slots=True)
class Failure:
    """`words`: the end of a sentence that begins with the step."""

    code: ErrorCode
    words: str


async def explain(error: Exception, step: Step, walk: Walk) -> Failure:
    """Why a step failed. Never raises."""
    if await _crashed(error, walk):
        return Failure(ErrorCode.BROWSER_CRASHED, _CRASHED)
    if isinstance(error, StepError):
        return Failure(error.code, str(error) if isinstance(step, Goto) else str(error) + around(step, walk))
    if isinstance(error, UndefinedVariableError):
        return Failure(ErrorCode.INTERNAL, str(error))
    if isinstance(error, ValidationError):
        return Failure(_whose(walk), _fields(error))
    if isinstance(error, BadHostError):
        return Failure(_whose(walk), f"its URL {error}")
    if isinstance(error, (PlaywrightTimeoutError, TimeoutError)):
        code = ErrorCode.JOURNEY_TIMEOUT if _journey_is_over(walk) else ErrorCode.STEP_FAILED
        return Failure(code, await _what_did_not_come(error, step, walk) + around(step, walk))
    if isinstance(error, Error):
        return _of_the_browser(error, step, walk)
    trace = "".join(traceback.format_exception(error))
    _log.error("step.crashed", step=step.type, trace=walk.secrets.text(trace))
    return Failure(ErrorCode.INTERNAL, f"the probe failed, not the site: {type(error).__name__}")


def _whose(walk: Walk) -> ErrorCode:
    """A value that a step can't use is the page's fault where it was read off a page, else the journey's own."""
    return ErrorCode.STEP_FAILED if walk.step_uses_extracted else ErrorCode.INTERNAL


async def _crashed(error: Exception, walk: Walk) -> bool:
    """Whether the browser or a page of it died. Of a page that dies while the next one loads, Chromium says first that
    the loading was aborted."""
    if _ABORTED in str(error):
        await walk.pages.wait_for_crash(_CRASH_TOLD_S)
    gone = any(said in str(error) for said in _GONE)
    return walk.pages.crashed or (gone and not await browser_answers(walk))


def _journey_is_over(walk: Walk) -> bool:
    """Whether it was the journey's deadline that ended the step, not the step's own time."""
    return walk.step_deadline >= walk.deadline


def _of_the_browser(error: Error, step: Step, walk: Walk) -> Failure:
    navigation = why_not_opened(walk, walk.page.url, error.message) if "net::ERR_" in error.message else None
    if navigation is not None:
        return Failure(navigation.code, str(navigation))
    if any(said in error.message for said in _GONE):
        return Failure(ErrorCode.STEP_FAILED, "the page closed while the step looked at it")
    return Failure(ErrorCode.STEP_FAILED, refused(error.message, step))


async def _what_did_not_come(error: Exception, step: Step, walk: Walk) -> str:
    within = f"within {seconds(_allowed_s(step, walk))}"
    if _journey_is_over(walk):
        within = f"before the journey's {seconds(walk.timeout_s)} were over"
    if isinstance(step, Goto):
        return f"the page did not finish loading {within}"
    if isinstance(step, WaitForUrl):
        return f"the address did not fit {within}, it is {_address(walk)}"
    selector = getattr(step, "selector", None)
    if not isinstance(selector, str):
        return f"it did not end {within}"
    known = in_the_way(str(error))
    if known is not None:
        return known
    fitting = await _count(walk.all(step, selector))
    if fitting is None:
        return f"the page did not answer {within}"
    if not fitting:
        missing = await _missing_frame(step, walk)
        return f"no element fits {within}" if missing is None else f"no frame fits `{missing}` {within}"
    seen = await _count(walk.all(step, selector).filter(visible=True))
    read_before = getattr(error, "__notes__", [])
    if seen and read_before:  # the time was up in the middle of a reading: what was read last says more
        return str(read_before[0])
    return f"an element fits, but {'could not be used' if seen else 'none could be seen'} {within}"


async def _missing_frame(step: Step, walk: Walk) -> str | None:
    """The selector of the frame that the step looks in, if there is none such."""
    scope: Page | FrameLocator = walk.page
    for selector in step.frame.split(FRAME_IN_FRAME) if step.frame else ():
        if not await _count(scope.locator(selector)):
            return selector
        scope = scope.locator(selector).first.content_frame
    return None


async def _count(elements: Locator) -> int | None:
    """How many there are now; None when the page can't even say that."""
    try:
        async with asyncio.timeout(_COUNT_S):
            return await elements.count()
    except (Error, TimeoutError):
        return None


def _allowed_s(step: Step, walk: Walk) -> float:
    """How long the step had: its own time, or what was left of the journey's."""
    return min(step.timeout_s, walk.step_deadline - walk.step_began)


def _address(walk: Walk) -> str:
    try:
        return walk.page.url
    except StepError:
        return "that of no page: all have closed"


def _fields(error: ValidationError) -> str:
    """What is wrong with a step once its variables are filled in."""
    return "; ".join(f"{field} {messages[0]}" for field, messages in field_errors(error).items())
