"""One step of a run: with its variables in place, within its time, on the page in front; and what it came to."""

from __future__ import annotations

import asyncio
import time
from typing import Literal

from playwright.async_api import Error

from journeys.closing import closed_by_the_step, said_closed
from journeys.failure import Failure, explain
from journeys.opening import check_in_front
from journeys.run import Run, ms_since
from journeys.steps.base import Step
from journeys.walk import Walk
from model.errors import ErrorCode, status_for
from model.evidence import StepResult, StepStatus
from model.outcome import RunStatus

_OVERRUN_S = 2.0
_OVERRUN_AT_END_S = 0.5
"""Playwright keeps a step's time itself, and tells what it met; a step that has not come back so long after its own
time, or the journey's, is left behind."""
_TURN_S = 1.0


async def one_step(run: Run, index: int, step: Step, *, last: bool) -> None:
    """Does the step at a place of the journey, and puts its result into the run. `last`: none comes after it."""
    walk, session = run.session.walk, run.session
    session.console.step = index
    began = time.perf_counter()
    failure = None
    await run.groups.begin(f"{index + 1}. {step.name or step.shown()}")
    try:
        filled = walk.begin(step)
        async with asyncio.timeout_at(min(walk.step_deadline + _OVERRUN_S, walk.deadline + _OVERRUN_AT_END_S)):
            await _on_the_page_in_front(filled, walk)
    except Exception as error:  # noqa: BLE001 - a step's end must be told, whatever it is
        failure = await explain(error, step, walk)
        if not walk.pages.opened and status_for(failure.code) is RunStatus.FAILED:
            failure = Failure(ErrorCode.INTERNAL, failure.words)  # a site that was never opened is never down
    duration_ms = ms_since(began)
    run.failure = failure
    screenshot = None
    if failure is None and not last:
        if step.type == "screenshot":
            screenshot = await run.picture(index)
        elif run.picture_of_each_step and walk.pages.documents:
            screenshot = await run.passing_look(index)
    elif failure is None or failure.code != ErrorCode.BROWSER_CRASHED:
        screenshot = await run.last_look(index)
    words = None if failure is None else session.secrets.text(failure.words)
    status: StepStatus = "success" if failure is None else "failed"
    run.done(StepResult(index, step.type, status, step.name, duration_ms, words, screenshot))
    await run.groups.end()


async def _on_the_page_in_front(step: Step, walk: Walk) -> None:
    """A step that acts waits afterwards for what it opened."""
    if step.reads_only:
        await _read(step, walk)
        return
    if step.needs_page:
        check_in_front(walk)
    try:
        await step.run(walk)
    except Error as error:
        if not await closed_by_the_step(error, walk):
            raise
    await walk.pages.settle()


async def _read(step: Step, walk: Walk) -> None:
    """Begins anew when another page comes to the front meanwhile, also because the one in front has closed: the step
    was about that one."""
    while True:
        walk.pages.turned.clear()
        reading = asyncio.ensure_future(step.run(walk))
        turning = asyncio.ensure_future(walk.pages.turned.wait())
        try:
            await asyncio.wait((reading, turning), return_when=asyncio.FIRST_COMPLETED)
            if reading.done() and not (said_closed(reading.exception()) and await _turns(turning)):
                await reading
                check_in_front(walk)
                return
        finally:
            for task in (reading, turning):
                task.cancel()
            await asyncio.gather(reading, turning, return_exceptions=True)


async def _turns(turning: asyncio.Future[Literal[True]]) -> bool:
    """Whether another page comes to the front, as it does at once where one has closed over it."""
    return bool((await asyncio.wait((turning,), timeout=_TURN_S))[0])
