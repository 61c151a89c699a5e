"""What a step has in its hands while it runs: the page, the variables, the time that is left."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

from journeys.errors import StepError
from journeys.opening import fetch, open_page
from journeys.selectors import FRAME_IN_FRAME
from journeys.variables import fill_in, names_in

if TYPE_CHECKING:
    from playwright.async_api import APIResponse, BrowserContext, FrameLocator, Locator, Page

    from egress.proxy import Proxy
    from journeys.headers import OwnHeaders
    from journeys.pages import Pages
    from journeys.scrubbing import Secrets
    from journeys.steps.base import ElementStep, Step
    from journeys.urls import Base

Value = TypeVar("Value")
_LOOK_AGAIN_S = (0.05, 0.1, 0.25, 0.5)
_LEAST_MS = 1.0
"""Playwright reads a timeout of 0 as "wait for ever"."""


class Walk:
    """One run on its way. `secret_names`: variables whose values are shown nowhere; `headers`: what goes
    with its requests; `covered`: fields that hold a secret, which pictures hide. `deadline`: of the journey;
    `step_deadline`: of the step that runs; both in loop time. `timeout_s`: what the journey was given."""

    def __init__(
        self,
        context: BrowserContext,
        pages: Pages,
        proxy: Proxy,
        base: Base,
        variables: dict[str, str],
        secrets: Secrets,
        headers: OwnHeaders,
        deadline: float,
        timeout_s: float,
    ) -> None:
        self.context = context
        self.pages = pages
        self.proxy = proxy
        self.base = base
        self.variables = dict(variables)
        self.secret_names = set(variables)
        self.secrets = secrets
        self.headers = headers
        self.covered: list[Locator] = []
        self.deadline = deadline
        self.timeout_s = timeout_s
        self.step_deadline = deadline
        self.step_began = deadline
        self.step_is_secret = False
        self.step_uses_extracted = False
        self._extracted: set[str] = set()

    def begin(self, step: Step) -> Step:
        """The step with its variables in place; its time runs from here. Raises what `fill_in` raises."""
        self.step_began = asyncio.get_running_loop().time()
        self.step_deadline = min(self.step_began + step.timeout_s, self.deadline)
        used = set(names_in(step.model_dump(mode="json")))
        self.step_is_secret = not self.secret_names.isdisjoint(used)
        self.step_uses_extracted = not self._extracted.isdisjoint(used)
        return fill_in(step, self.variables)

    @property
    def page(self) -> Page:
        """The page in front. Raises StepError when none is open any more."""
        return self.pages.current

    @property
    def left_s(self) -> float:
        """What is left of the step's time."""
        return max(self.step_deadline - asyncio.get_running_loop().time(), 0.0)

    @property
    def left_ms(self) -> float:
        """The same, as Playwright's `timeout`."""
        return max(self.left_s * 1000, _LEAST_MS)

    async def open(self, url: str, status: int | None = None) -> None:
        """The page at an address, in front. Raises StepError, Playwright's Error when it does not come in time."""
        await open_page(self, url, status)

    async def fetch(self, url: str, *, method: str, headers: dict[str, str], data: str | None) -> APIResponse:
        """A request beside the page, with its cookies. Raises as `open`."""
        return await fetch(self, url, method=method, headers=headers, data=data)

    def any(self, step: Step, selector: str) -> Locator:
        """The first element that fits, seen or not."""
        return self.all(step, selector).first

    def visible(self, step: ElementStep) -> Locator:
        """The first visible element that fits the step's selector."""
        return self.all(step, step.selector).filter(visible=True).first

    def all(self, step: Step, selector: str) -> Locator:
        """Every element that fits, in the step's frame."""
        scope: Page | FrameLocator = self.page
        for frame in step.frame.split(FRAME_IN_FRAME) if step.frame else ():
            scope = scope.locator(frame).first.content_frame
        return scope.locator(selector)

    def keep(self, name: str, value: str, *, secret: bool = False) -> None:
        """A variable for the steps that follow."""
        self.variables[name] = value
        self._extracted.add(name)
        if secret:
            self.secret_names.add(name)
            self.secrets.add(value)

    async def until(
        self, read: Callable[[], Awaitable[Value]], fits: Callable[[Value], bool], say: Callable[[Value], str]
    ) -> None:
        """Reads until what it reads fits. Raises StepError with the last value's words when the step's time is up;
        errors of reading pass through, with those words as a note."""
        look, words = 0, ""
        while True:
            try:
                value = await read()
            except Exception as error:
                if words:
                    error.add_note(words)
                raise
            if fits(value):
                return
            pause = _LOOK_AGAIN_S[min(look, len(_LOOK_AGAIN_S) - 1)]
            look, words = look + 1, say(value)
            if self.left_s <= pause:
                raise StepError(words)
            await asyncio.sleep(pause)
