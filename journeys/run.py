"""One run while it is walked: what it has found so far, and how much time is left to show it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

from playwright.async_api import Error

from journeys.definition import JourneyCheck
from journeys.errors import StepError
from journeys.evidence.groups import Groups
from journeys.evidence.keeping import Keeper
from journeys.failure import Failure
from journeys.session import Session
from journeys.vitals import measure
from model.evidence import PageFigures, StepResult

_EVIDENCE_S = 15.0
"""How long it may take to gather what shows how a run ended, …"""
_AFTER_DEADLINE_S = 3.0
"""… but no longer than this after the journey's deadline: at 5 s the pool kills."""
_LEAST_S = 0.5
_PASSING_S = 1.0
_STOP_S = 0.5

Report = Callable[[StepResult], None]


@dataclass(slots=True)
class Run:
    """One run on its way. `picture_of_each_step`: not only of the last and of those that ask for one. `pictures_ms`:
    what pictures cost, which is no part of how long the site took."""

    definition: JourneyCheck
    session: Session
    keeper: Keeper
    groups: Groups
    report: Report
    deadline: float
    picture_of_each_step: bool = False
    results: list[StepResult] = field(default_factory=list)
    failure: Failure | None = None
    duration_ms: float = 0.0
    pictures_ms: float = 0.0
    figures: PageFigures | None = None
    ttfb_ms: float | None = None

    @property
    def evidence_s(self) -> float:
        """How long gathering evidence may still take."""
        return max(min(_EVIDENCE_S, self.deadline + _AFTER_DEADLINE_S - asyncio.get_running_loop().time()), _LEAST_S)

    def done(self, result: StepResult) -> None:
        self.results.append(result)
        self.report(result)

    async def picture(self, step: int) -> str | None:
        """The sha256 of a picture taken at a step."""
        began = time.perf_counter()
        try:
            return await self.keeper.picture(step, self.evidence_s / 2)
        finally:
            self.pictures_ms += ms_since(began)

    async def passing_look(self, step: int) -> str | None:
        """The same of a step that asked for none. It costs time that the journey has for its steps: so it is a short
        look, and the last one where a page can't be looked at."""
        began = time.perf_counter()
        picture = await self.keeper.picture(step, min(self.evidence_s, _PASSING_S))
        self.pictures_ms += (took_ms := ms_since(began))
        if picture is None or took_ms > _PASSING_S * 1000 / 2:
            self.picture_of_each_step = False
        return picture

    async def last_look(self, step: int) -> str | None:
        """The same, and what the browser measured of the page that the journey ends on."""
        if self.failure is not None:
            await _stop_loading(self.session)
        picture, (self.figures, self.ttfb_ms) = await asyncio.gather(self.picture(step), _measured(self.session))
        return picture


async def _stop_loading(session: Session) -> None:
    """While a page is to come that never does, the browser shows nobody the one that is there."""
    with suppress(Error, StepError, TimeoutError):
        async with asyncio.timeout(_STOP_S):
            devtools = await session.context.new_cdp_session(session.walk.page)
            await devtools.send("Page.stopLoading")
            await devtools.detach()


async def _measured(session: Session) -> tuple[PageFigures | None, float | None]:
    """Of the page in front, where one is open that a site has answered."""
    try:
        page = session.walk.page
    except StepError:
        return None, None
    return await measure(page) if session.pages.documents else (None, None)


def ms_since(began: float) -> float:
    """From an instant of `time.perf_counter` until now."""
    return round((time.perf_counter() - began) * 1000, 3)
