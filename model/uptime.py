"""Shares of planned runs as percent, never rounded up: no outage reads as 100 %, no hole as full coverage. Pure."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec


class Counts(msgspec.Struct):
    """Runs of a window, maintenance left out. `planned` - success - failed were not measured."""

    planned: int = 0
    success: int = 0
    failed: int = 0

    def add(self, planned: int, success: int, failed: int) -> None:
        self.planned += planned
        self.success += success
        self.failed += failed

    @property
    def measured(self) -> int:
        return self.success + self.failed

    @property
    def uptime(self) -> float | None:
        """Percent of measured runs that passed; None with nothing measured."""
        return percent(self.success, self.measured)

    @property
    def coverage(self) -> float | None:
        """Percent of planned runs that were measured; None with nothing planned."""
        return percent(self.measured, self.planned)

    @property
    def floor(self) -> float | None:
        """What the uptime would be if all that was not measured had failed; None with nothing measured."""
        return percent(self.success, self.planned) if self.measured else None


def total(parts: Iterable[Counts]) -> Counts:
    """All of them together."""
    whole = Counts()
    for part in parts:
        whole.add(part.planned, part.success, part.failed)
    return whole


def percent(part: int, whole: int) -> float | None:
    """To three decimals, cut off rather than rounded, so that 100 means all of them. None of nothing."""
    return part * 100_000 // whole / 1000 if whole else None
