"""What every page has to be: usable by all (WCAG 2.2 AA as far as axe can tell), in light and dark, on a phone."""

from __future__ import annotations

from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

PHONE = {"width": 360, "height": 740}
DESK = {"width": 1280, "height": 800}
EVERYTHING: dict[str, Any] = {
    "type": "tag",
    "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
}
COLOURS: dict[str, Any] = {"type": "rule", "values": ["color-contrast", "link-in-text-block"]}
_AXE = Axe()
_WIDER = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


def faults(page: Page) -> list[str]:
    """What is wrong with a page at a desk in light and in dark, and on a phone."""
    found = []
    for scheme, size, rules in (("light", DESK, EVERYTHING), ("dark", DESK, COLOURS), ("light", PHONE, EVERYTHING)):
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        page.set_viewport_size(size)  # type: ignore[arg-type]
        report = _AXE.run(page, options={"runOnly": rules, "resultTypes": ["violations"]})
        for violation in report.response["violations"]:
            nodes = "; ".join(f"{node['target']} {node['html'][:160]}" for node in violation["nodes"][:4])
            found.append(f"{scheme} {size['width']}: {violation['id']}: {violation['help']}: {nodes}")
        if wider := page.evaluate(_WIDER):
            found.append(f"{scheme} {size['width']}: {wider} px wider than the screen")
    return found
