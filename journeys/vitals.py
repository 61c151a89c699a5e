"""What the browser measured of the page that is open: TTFB, load, LCP and CLS (web.dev/vitals)."""

from __future__ import annotations

import asyncio
from typing import Any

from playwright.async_api import Error, Page

from model.evidence import PageFigures

_LONGEST_S = 1.0
_MEASURE = """
() => new Promise(resolve => {
  const navigation = performance.getEntriesByType('navigation')[0];
  const since = navigation ? navigation.activationStart || 0 : 0;
  const found = {
    ttfb: navigation && navigation.responseStart > 0 ? navigation.responseStart - since : null,
    load: navigation && navigation.loadEventEnd > 0 ? navigation.loadEventEnd - since : null,
    lcp: null, cls: null,
  };
  const buffered = (type, take) => {
    if (!PerformanceObserver.supportedEntryTypes.includes(type)) return;
    new PerformanceObserver(list => take(list.getEntries())).observe({type, buffered: true});
  };
  buffered('largest-contentful-paint', entries => { found.lcp = entries[entries.length - 1].startTime - since; });
  buffered('layout-shift', entries => {
    let worst = 0, window = 0, first = 0, last = 0;
    for (const shift of entries) {
      if (shift.hadRecentInput) continue;
      const joins = window && shift.startTime - last < 1000 && shift.startTime - first < 5000;
      if (!joins) { window = 0; first = shift.startTime; }
      window += shift.value; last = shift.startTime;
      worst = Math.max(worst, window);
    }
    found.cls = worst;
  });
  // Buffered entries come in tasks of their own; a page without any shift has a CLS of 0.
  setTimeout(() => { if (found.cls === null) found.cls = 0; resolve(found); }, 0);
})
"""


async def measure(page: Page) -> tuple[PageFigures | None, float | None]:
    """(figures, TTFB in ms) of the page as it is; (None, None) when it does not say in a second."""
    try:
        async with asyncio.timeout(_LONGEST_S):
            found: dict[str, Any] = await page.evaluate(_MEASURE)
    except (Error, TimeoutError):
        return None, None
    figures = PageFigures(load_ms=_ms(found.get("load")), lcp_ms=_ms(found.get("lcp")), cls=_rounded(found.get("cls")))
    return figures, _ms(found.get("ttfb"))


def _ms(value: object) -> float | None:
    """Pages may have put their own functions in the place of the browser's: only a sensible number counts."""
    return round(float(value), 3) if isinstance(value, (int, float)) and 0 <= value < 86_400_000 else None


def _rounded(value: object) -> float | None:
    return round(float(value), 4) if isinstance(value, (int, float)) and 0 <= value < 10_000 else None
