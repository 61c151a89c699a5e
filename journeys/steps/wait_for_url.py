"""`wait_for_url`: until the page's address fits a glob, `**/dashboard`: `*` stays within a part, `**` does not."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from journeys.steps.base import PAGE_S, Step
from journeys.urls import UrlGlob

if TYPE_CHECKING:
    from journeys.walk import Walk


class WaitForUrl(Step):
    """Globs as Playwright has them; one that begins with / is relative to the journey's base."""

    reads_only: ClassVar[bool] = True
    default_timeout_s: ClassVar[float] = PAGE_S
    subject: ClassVar[str] = "url"

    type: Literal["wait_for_url"]
    url: UrlGlob

    async def run(self, walk: Walk) -> None:
        pattern = walk.base.moved(self.url)
        if pattern.startswith("/"):
            pattern = (walk.base.origin or "") + pattern
        await walk.page.wait_for_url(pattern, wait_until="commit", timeout=walk.left_ms)
