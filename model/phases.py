"""Where the time of a request went, as charts and waterfalls show it: one phase after the other."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

NAMES = ("DNS", "connect", "TLS", "waiting", "download")
_LEAST_MS, _LEAST_SHARE = 1.0, 0.01
"""Less than this between two clocks is no phase."""


class Measured(Protocol):
    """The phases as they are stored: each alone in ms, but `ttfb_ms`, which holds all up to the first byte where a
    download follows (HTTP), and is alone where none does (TCP)."""

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
    before = 0.0
    if metrics.download_ms is not None:
        before = sum(value or 0.0 for value in (metrics.dns_ms, metrics.connect_ms, metrics.tls_ms))
    waiting = None if metrics.ttfb_ms is None else max(0.0, metrics.ttfb_ms - before)
    values = (metrics.dns_ms, metrics.connect_ms, metrics.tls_ms, waiting, metrics.download_ms)
    return ((name, value) for name, value in zip(NAMES, values, strict=True) if value is not None)


def unfinished(metrics: Measured, took_ms: float, *, by_name: bool, secured: bool) -> tuple[str, float] | None:
    """(name, ms) of the phase in which a run failed that took `took_ms`, as it never ended; None when the phases that
    did are all of the time. `by_name`: its name was still being looked up; `secured`: TLS was wanted."""
    done = list(phases(metrics))
    left_ms = took_ms - sum(ms for _, ms in done)
    if left_ms < max(_LEAST_MS, took_ms * _LEAST_SHARE):
        return None
    if not done:
        return ("DNS" if by_name else "connect"), left_ms
    following = NAMES[NAMES.index(done[-1][0]) + 1 :]
    return next(((name, left_ms) for name in following if secured or name != "TLS"), None)
