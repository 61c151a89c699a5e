"""One journey from its first step to its verdict, in the process of the browser.

Whose fault an end is: what a page did, or did not do, is the site's (`failed`); a browser that died, and everything
that goes wrong before a page was asked for, is ours (`unknown`).
"""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from playwright.async_api import Error

from egress.door import Egress
from journeys.browser import WarmBrowser
from journeys.definition import JourneyCheck
from journeys.errors import BrowserCrashedError
from journeys.evidence.groups import Groups
from journeys.evidence.keeping import Keeper
from journeys.failure import Failure
from journeys.run import Report, Run, ms_since
from journeys.session import Session, open_session
from journeys.stepping import one_step
from model.errors import ErrorCode, status_for
from model.evidence import StepResult
from model.outcome import Metrics, Outcome, RunError, RunStatus
from model.protocol import RunOverrides

_MOST_OF_THE_TIME = 0.75
"""A journey that had less than this part of its time for its steps did not run out of it by the site's fault."""


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
        each = overrides is not None and overrides.picture_of_each_step
        run = Run(definition, session, Keeper(session, folder), Groups(session.context), report, deadline, each)
        ready_s = _now() - asked
        await _all_steps(run)
        if run.failure is not None and _site_had_no_chance(run.failure, ready_s, timeout_s):
            run.failure = Failure(ErrorCode.INTERNAL, f"the browser took {ready_s:.1f} s to get ready")
        await run.groups.settle()
        await run.keeper.finish(run.evidence_s)
        return _outcome(run)


async def _all_steps(run: Run) -> None:
    """Until one fails; those after it are skipped."""
    began = time.perf_counter()
    last = len(run.definition.steps) - 1
    for index, step in enumerate(run.definition.steps):
        if run.failure is not None:
            run.done(StepResult(index, step.type, "skipped", step.name))
            continue
        await one_step(run, index, step, last=index == last)
        run.duration_ms = ms_since(began) - run.pictures_ms


def _site_had_no_chance(failure: Failure, ready_s: float, timeout_s: float) -> bool:
    """Whether the journey ran out of time that the browser had used up before its first step."""
    return failure.code == ErrorCode.JOURNEY_TIMEOUT and timeout_s - ready_s < _MOST_OF_THE_TIME * timeout_s


def _outcome(run: Run) -> Outcome:
    failure = run.failure
    error = None
    if failure is not None:
        at = next(result.index for result in run.results if result.status == "failed")
        step = run.definition.steps[at]
        subject = str(getattr(step, step.subject, None) or "")
        named = step.type if subject and failure.words.startswith(subject) else step.shown()  # nothing is said twice
        words = f"step {at + 1} {named}: {failure.words}"
        error = RunError(failure.code, run.session.secrets.text(words))
    return Outcome(
        status=RunStatus.SUCCESS if failure is None else status_for(failure.code),
        duration_ms=round(run.duration_ms, 3),
        metrics=Metrics(ttfb_ms=run.ttfb_ms),
        error=error,
        response=_response(run.session),
        steps=tuple(run.results),
        artifacts=tuple(run.keeper.kept),
        page=run.figures,
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
