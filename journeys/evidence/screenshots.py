"""Pictures of a page. Fields that were filled with a secret are covered, and so is every text that shows one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from playwright.async_api import Locator

if TYPE_CHECKING:
    from journeys.walk import Walk

CONTENT_TYPE = "image/jpeg"
_QUALITY = 80
_SHORTEST_LOOKED_FOR = 4
_MOST_LOOKED_FOR = 20
_COVER = "#5b6470"


async def picture(walk: Walk, timeout_s: float) -> bytes:
    """What can be seen of the page in front, as JPEG. Raises Playwright's Error, StepError when no page is open."""
    return await walk.page.screenshot(
        type="jpeg",
        quality=_QUALITY,
        scale="css",
        caret="initial",
        mask=list(_hidden(walk)),
        mask_color=_COVER,
        timeout=max(timeout_s * 1000, 1.0),
    )


def _hidden(walk: Walk) -> list[Locator]:
    page = walk.page
    hidden = [locator for locator in walk.covered if locator.page is page]
    looked_for = sorted(value for value in walk.secrets.values if len(value) >= _SHORTEST_LOOKED_FOR)
    for value in looked_for[:_MOST_LOOKED_FOR]:
        hidden.append(page.get_by_text(value))
        hidden.append(page.locator(f"[value={_quoted(value)}]"))
    return hidden


def _quoted(text: str) -> str:
    """As a string of CSS."""
    return '"' + "".join(c if c.isalnum() else f"\\{ord(c):x} " for c in text) + '"'
