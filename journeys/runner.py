"""One journey from its first step to its verdict, in the process of the browser.

Whose fault an end is: what a page did, or did not do, is the site's (`failed`); a browser that died, and everything
that goes wrong before a page was asked for, is ours (`unknown`).
"""

from __future__ import annotations

import asyncio
import time
import traceback
from collections.abc import Callable
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import structlog
from playwright.async_api import Error

from egress.door import Egress
from journeys.browser import WarmBrowser
from journeys.definition import JourneyCheck
from journeys.errors import BrowserCrashedError, StepError
from journeys.evidence.keeping import Keeper
from journeys.failure import Failure, explain
from journeys.session import Session, open_session
from journeys.steps.base import Step
from journeys.vitals import measure
from model.errors import ErrorCode, status_for
from model.evidence import PageFigures, StepResult, StepStatus
from model.outcome import Metrics, Outcome, RunError, RunStatus
from model.protocol import RunOverrides

_OVERRUN_S = 2.0
_OVERRUN_AT_END_S = 0.5
"""Playwright keeps a step's time itself, and tells what it met; a step that has not come back so long after its own
time, or the journey's, is left behind."""
_EVIDENCE_S = 10.0
"""How long it may take to gather what shows how a run ended, …"""
_AFTER_DEADLINE_S = 3.0
"""… but no longer than this after the journey's deadline: at 5 s the pool kills."""
_LEAST_S = 0.5
_GROUP_S = 2.0
_MOST_OF_THE_TIME = 0.75
"""A journey that had less than this part of its time for its steps did not run out of it by the site's fault."""
_log = structlog.get_logger(__name__)

Report = Callable[[StepResult], None]


@dataclass(slots=True)
class _Run:
    """One run on its way. `pictures_ms`: what pictures cost, which is no part of how long the site took."""

    definition: JourneyCheck
    session: Session
    keeper: Keeper
    browser: WarmBrowser
    report: Report
    deadline: float
    results: list[StepResult] = field(default_factory=list)
    failure: Failure | None = None
    duration_ms: float = 0.0
    pictures_ms: float = 0.0

    @property
    def evidence_s(self) -> float:
        """How long gathering evidence may still take."""
        return max(min(_EVIDENCE_S, self.deadline + _AFTER_DEADLINE_S - _now()), _LEAST_S)

    def done(self, result: StepResult) -> None:
        self.results.append(result)
        self.report(result)

    async def picture(self, step: int) -> str | None:
        began = time.perf_counter()
        try:
            return await self.keeper.picture(step, self.evidence_s / 2)
        finally:
            self.pictures_ms += _ms_since(began)


async def walk(
    definition: JourneyCheck,
    run_id: str,
    timeout_s: float,
    folder: Path,
    *,
    browser: WarmBrowser,
    egress: Egress,
    overrides: RunOverrides | None = None,
    report: Report = lambda _: None,
) -> Outcome:
    """Walk a journey and keep its evidence in `folder`. `timeout_s`: from now until its steps are over; `report` is
    called with each step as it ends. Never raises for what pages or browsers do."""
    asked = _now()
    deadline = asked + timeout_s
    async with AsyncExitStack() as stack:
        try:
            async with asyncio.timeout_at(deadline):
                session = await stack.enter_async_context(
                    open_session(browser, egress, definition, run_id, overrides or RunOverrides(), deadline)
                )
        except (BrowserCrashedError, Error, OSError, TimeoutError) as error:
            reason = str(error).partition("\n")[0][:300] or f"it was not ready within {timeout_s:g} s"
            return _ours(ErrorCode.BROWSER_CRASHED, f"no page could be opened in the browser: {reason}")
        run = _Run(definition, session, Keeper(session, folder), browser, report, deadline)
        ready_s = _now() - asked
        await _all_steps(run)
        if run.failure is not None and _site_had_no_chance(run.failure, ready_s, timeout_s):
            run.failure = Failure(ErrorCode.INTERNAL, f"the browser took {ready_s:.1f} s to get ready")
        figures, ttfb_ms = await _measured(run)
        await run.keeper.finish(run.evidence_s)
        return _outcome(run, figures, ttfb_ms)


async def _all_steps(run: _Run) -> None:
    """Until one fails; those after it are skipped."""
    began = time.perf_counter()
    last = len(run.definition.steps) - 1
    for index, step in enumerate(run.definition.steps):
        if run.failure is not None:
            run.done(StepResult(index, step.type, "skipped", step.name))
            continue
        await _one_step(run, index, step, last=index == last)
        run.duration_ms = _ms_since(began) - run.pictures_ms


async def _one_step(run: _Run, index: int, step: Step, *, last: bool) -> None:
    walk, session = run.session.walk, run.session
    session.console.step = index
    began = time.perf_counter()
    failure = None
    await _group(session, f"{index + 1}. {step.name or step.shown()}")
    try:
        filled = walk.begin(step)
        async with asyncio.timeout_at(min(walk.step_deadline + _OVERRUN_S, walk.deadline + _OVERRUN_AT_END_S)):
            await filled.run(walk)
    except Exception as error:  # noqa: BLE001 - a step's end must be told, whatever it is
        failure = await explain(error, step, walk, alive=run.browser.alive)
        if not walk.pages.opened and status_for(failure.code) is RunStatus.FAILED:
            failure = Failure(ErrorCode.INTERNAL, failure.words)  # a site that was never opened is never down
        if failure.code == ErrorCode.INTERNAL:
            trace = "".join(traceback.format_exception(error))
            _log.error("step.crashed", step=index, trace=session.secrets.text(trace))
    duration_ms = _ms_since(began)
    run.failure = failure
    screenshot = None
    if (failure is not None and failure.code != ErrorCode.BROWSER_CRASHED) or last or step.type == "screenshot":
        screenshot = await run.picture(index)
    words = None if failure is None else session.secrets.text(failure.words)
    status: StepStatus = "success" if failure is None else "failed"
    run.done(StepResult(index, step.type, status, step.name, duration_ms, words, screenshot))
    await _group(session, None)


async def _group(session: Session, title: str | None) -> None:
    """Steps are groups of the trace, so that its viewer shows them as people wrote them."""
    with suppress(Error, TimeoutError):
        async with asyncio.timeout(_GROUP_S):
            if title is None:
                await session.context.tracing.group_end()
            else:
                await session.context.tracing.group(title)


def _site_had_no_chance(failure: Failure, ready_s: float, timeout_s: float) -> bool:
    """Whether the journey ran out of time that the browser had used up before its first step."""
    return failure.code == ErrorCode.JOURNEY_TIMEOUT and timeout_s - ready_s < _MOST_OF_THE_TIME * timeout_s


async def _measured(run: _Run) -> tuple[PageFigures | None, float | None]:
    """Of the page that is open at the end; of none where the browser or the page has died."""
    try:
        page = run.session.walk.page
    except StepError:
        return None, None
    return await measure(page) if run.session.pages.documents else (None, None)


def _outcome(run: _Run, figures: PageFigures | None, ttfb_ms: float | None) -> Outcome:
    failure = run.failure
    error = None
    if failure is not None:
        at = next(result.index for result in run.results if result.status == "failed")
        words = f"step {at + 1} {run.definition.steps[at].shown()}: {failure.words}"
        error = RunError(failure.code, run.session.secrets.text(words))
    return Outcome(
        status=RunStatus.SUCCESS if failure is None else status_for(failure.code),
        duration_ms=round(run.duration_ms, 3),
        metrics=Metrics(ttfb_ms=ttfb_ms),
        error=error,
        response=_response(run.session),
        steps=tuple(run.results),
        artifacts=tuple(run.keeper.kept),
        page=figures,
    )


def _response(session: Session) -> dict[str, Any] | None:
    """What the last page was answered with, and where from."""
    document = session.pages.last_document
    if document is None:
        return None
    shown: dict[str, Any] = {"status_code": document.status}
    address = session.walk.proxy.address_of(document.url)
    return shown if address is None else {**shown, "remote_ip": address}


def _ours(code: ErrorCode, message: str) -> Outcome:
    return Outcome(RunStatus.UNKNOWN, error=RunError(code, message))


def _now() -> float:
    return asyncio.get_running_loop().time()


def _ms_since(began: float) -> float:
    return round((time.perf_counter() - began) * 1000, 3)
