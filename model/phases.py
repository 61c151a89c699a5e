"""Where the time of a request went, as charts and waterfalls show it: one phase after the other."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

NAMES = ("DNS", "connect", "TLS", "waiting", "download")


class Measured(Protocol):
    """The phases as they are stored: each alone in ms, but `ttfb_ms`, which holds all up to the first byte."""

    @property
    def dns_ms(self) -> float | None: ...
    @property
    def connect_ms(self) -> float | None: ...
    @property
    def tls_ms(self) -> float | None: ...
    @property
    def ttfb_ms(self) -> float | None: ...
    @property
    def download_ms(self) -> float | None: ...


def phases(metrics: Measured) -> Iterator[tuple[str, float]]:
    """(name, ms) of each phase that happened, in order; `waiting` is what is left of the time to the first byte."""
    before = sum(value or 0.0 for value in (metrics.dns_ms, metrics.connect_ms, metrics.tls_ms))
    waiting = None if metrics.ttfb_ms is None else max(0.0, metrics.ttfb_ms - before)
    values = (metrics.dns_ms, metrics.connect_ms, metrics.tls_ms, waiting, metrics.download_ms)
    return ((name, value) for name, value in zip(NAMES, values, strict=True) if value is not None)
