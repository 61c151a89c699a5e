"""When a check is due: by interval from its phase, or by cron in a time zone. Pure; instants are integer ms."""

from __future__ import annotations

import msgspec


class Schedule(msgspec.Struct, frozen=True, omit_defaults=True):
    """The part of a definition the scheduler needs, stored with each version of a check (null while paused).
    Exactly one of `interval_ms` and `cron` is set. `budget_ms`: the longest one run may take with its retries."""

    kind: str
    locations: tuple[str, ...]
    budget_ms: int
    interval_ms: int | None = None
    cron: str | None = None
    timezone: str = "UTC"
