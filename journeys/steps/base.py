"""What every step is: its fields, how long it may take, how people are told of it, and what it does on a page.

A step is one file here and one line in journeys/registry.py. Its fields are data (R16): nothing of a journey is code.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import Field

from journeys.selectors import Selector
from model.definition import Strict
from model.fields import Name

if TYPE_CHECKING:
    from journeys.walk import Walk

MAX_TIMEOUT_S = 300
ELEMENT_S, PAGE_S = 10.0, 30.0
"""How long a step waits unless it says otherwise: for an element of a page that is there, for a page to come."""
_SHOWN = 100
"""Characters of a field that sentences quote."""


class Step(Strict):
    """`timeout`: seconds the step waits for what it needs, by default its type's. `frame`: selector of the iframe that
    the step's own selector looks in; for one inside another, both, parted by ` >>> `."""

    default_timeout_s: ClassVar[float] = ELEMENT_S
    reads_only: ClassVar[bool] = False
    """Whether the step changes nothing, so that it may begin anew when another page comes to the front."""
    subject: ClassVar[str] = "selector"
    """The field that tells one step of this type from another."""

    type: str
    name: Name | None = None
    timeout: Annotated[float, Field(gt=0, le=MAX_TIMEOUT_S, description="seconds")] | None = None
    frame: Selector | None = None

    @property
    def timeout_s(self) -> float:
        """How long this step waits."""
        return self.default_timeout_s if self.timeout is None else self.timeout

    @property
    def needs_page(self) -> bool:
        """Whether the step looks at a page, so that one must have been opened before."""
        return True

    def shown(self) -> str:
        """The step in a few words, such as "click `#buy`", as it was written: without what variables hold."""
        subject = getattr(self, self.subject, None)
        if subject is None:
            return self.type
        text = str(subject)
        return f"{self.type} `{text if len(text) <= _SHOWN else text[:_SHOWN] + '…'}`"

    async def run(self, walk: Walk) -> None:
        """Do it, within `walk.step_left_s`. Raises StepError, or lets Playwright's own errors through."""
        raise NotImplementedError


class ElementStep(Step):
    """A step about one element."""

    selector: Selector
