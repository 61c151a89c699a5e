"""A measured run as alert rules see it: the facts they judge, nothing else."""

from __future__ import annotations

import msgspec


class Point(msgspec.Struct, frozen=True, kw_only=True):
    """One measured run (success or failed) of trigger `schedule` or `confirm`. Instants in ms: `at_ms` when it was due
    or asked for, `ended_ms` when it ended, `fresh_until_ms` until when its verdict counts. `certificate_days`: days
    left of the certificate it saw, None when it saw none."""

    run_id: str
    location: str
    at_ms: int
    ended_ms: int
    failed: bool
    confirm: bool = False
    maintenance: bool = False
    check_version: int = 0
    duration_ms: float | None = None
    error_code: str | None = None
    error_message: str | None = None
    fresh_until_ms: int = 0
    certificate_days: float | None = None

    @property
    def order(self) -> tuple[int, str, bool, str]:
        """The order in which points are judged, whatever order they came in."""
        return self.at_ms, self.location, self.confirm, self.run_id
