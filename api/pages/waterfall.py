"""Where the time of a run went, as bars one below the other: geometry only, the template draws it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from api.pages.words import counted
from model.errors import ErrorCode, broke_off
from model.phases import Measured, phases, unfinished

WIDTH = 1_000
_THINNEST = 6
"""A phase that took no time to speak of is still to be seen."""


class Timed(Measured, Protocol):
    """A run, or what is known of one: its phases are the last answer's, its duration is all."""

    @property
    def duration_ms(self) -> float | None: ...


@dataclass(frozen=True)
class Bar:
    """One phase. `x` and `width` in thousandths of the chart; `css`: the class of its fixed colour; `broken`: how it
    broke off, where it did not come to its end: `no end` in time, or `failed`."""

    phase: str
    css: str
    x: int
    width: int
    ms: float
    broken: str = ""


@dataclass(frozen=True)
class Hop:
    """A redirect that was followed."""

    status_code: int
    location: str
    ms: float


def waterfall(
    run: Timed, response: Mapping[str, Any] | None = None, *, failed_by: str | None = None, secured: bool = False
) -> Sequence[Bar]:
    """A bar for the redirects, for each phase that happened, and for the one that did not end; none when nothing was
    timed. `failed_by`: the error's code; `secured`: the first connection was to be over TLS."""
    followed = hops(response)
    parts = list(_parts(run, followed, failed_by, _over_tls(followed[-1].location) if followed else secured))
    total = sum(ms for _, ms, _ in parts) or 1.0
    bars: list[Bar] = []
    before = 0.0
    for name, ms, broken in parts:
        width = max(_THINNEST, round(ms / total * WIDTH))
        x = min(round(before / total * WIDTH), WIDTH - width)
        kind = "redirects" if "redirect" in name else name.lower()
        bars.append(Bar(name, f"phase-{kind}{' broken' if broken else ''}", x, width, ms, broken))
        before += ms
    return bars


def hops(response: Mapping[str, Any] | None) -> Sequence[Hop]:
    """The redirects that a run followed, in their order."""
    told = (response or {}).get("redirects") or ()
    return [Hop(hop["status_code"], hop["location"], hop["duration_ms"]) for hop in told]


def wants_tls(definition: Mapping[str, Any]) -> bool:
    """Whether the connection of such a check is to be over TLS."""
    tls = definition.get("tls")
    return _over_tls(definition.get("url")) or (isinstance(tls, Mapping) and bool(tls.get("enabled")))


def _over_tls(url: Any) -> bool:
    return str(url or "").lower().startswith("https:")


def _parts(
    run: Timed, followed: Sequence[Hop], failed_by: str | None, secured: bool
) -> Iterator[tuple[str, float, str]]:
    """(name, ms, how it broke off)"""
    redirects_ms = sum(hop.ms for hop in followed)
    if followed:
        yield counted(len(followed), "redirect"), redirects_ms, ""
    for name, ms in phases(run):
        yield name, ms, ""
    if not broke_off(failed_by) or run.duration_ms is None:
        return
    rest = unfinished(
        run, run.duration_ms - redirects_ms, by_name=failed_by == ErrorCode.DNS_FAILURE, secured=secured
    )  # fmt: skip
    if rest is not None:
        yield *rest, "no end" if failed_by in (ErrorCode.TIMEOUT, ErrorCode.CONNECT_TIMEOUT) else "failed"
