"""When a check is due: by interval from its phase, or by cron in a time zone. Pure; instants are integer ms.

Cron times are those of crontab(5) with one rule for changes of the clock, for wildcard jobs too: each *local* time that
matches runs once. A local time that does not exist runs right after the change, one that comes twice runs the
first time. cronsim follows Debian here and treats jobs with a `*` in minute or hour differently, so it is asked for
local times only, and the step from local time to instant is made here.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import msgspec
from cronsim import CronSim

from model.definition import CheckDefinition
from model.health import freshness_ms

LATE_MS = 60_000
"""A slot nobody has begun is given up this long after it was due, or after one interval if that is shorter."""


class Schedule(msgspec.Struct, frozen=True, omit_defaults=True):
    """The part of a definition the scheduler needs, stored with each version of a check (null while paused).
    Exactly one of `interval_ms` and `cron` is set. `budget_ms`: the longest one run may take with its retries."""

    kind: str
    locations: tuple[str, ...]
    budget_ms: int
    interval_ms: int | None = None
    cron: str | None = None
    timezone: str = "UTC"

    @property
    def late_ms(self) -> int:
        """How long after its due time a slot may still begin: min(interval, 60 s)."""
        return LATE_MS if self.interval_ms is None else min(self.interval_ms, LATE_MS)


class Slots(msgspec.Struct, frozen=True):
    """A stretch of consecutive slots of one stream: the due times of its ends, and how many there are."""

    first_ms: int
    last_ms: int
    count: int


def schedule_of(definition: CheckDefinition, locations: tuple[str, ...]) -> Schedule | None:
    """What a version of a check is scheduled by, at its locations; None while it is paused."""
    if definition.status == "paused":
        return None
    return Schedule(
        kind=definition.kind,
        locations=locations,
        budget_ms=definition.budget_ms,
        interval_ms=definition.interval_ms,
        cron=definition.cron,
        timezone=definition.timezone,
    )


def next_slot(schedule: Schedule, phase_ms: int, after_ms: int) -> int | None:
    """The first due time after `after_ms`; None for a cron expression that never fires again."""
    if schedule.interval_ms is None:
        return next_fire(schedule.cron or "", schedule.timezone, after_ms)
    return after_ms + schedule.interval_ms - (after_ms - phase_ms) % schedule.interval_ms


def slots_between(schedule: Schedule, phase_ms: int, after_ms: int, until_ms: int) -> Iterator[int]:
    """The due times in (after_ms, until_ms], rising."""
    due = next_slot(schedule, phase_ms, after_ms)
    while due is not None and due <= until_ms:
        yield due
        due = due + schedule.interval_ms if schedule.interval_ms else next_slot(schedule, phase_ms, due)


def count_slots(schedule: Schedule, phase_ms: int, after_ms: int, until_ms: int) -> Slots | None:
    """The slots in (after_ms, until_ms] as one stretch, for intervals by arithmetic alone; None when there is none."""
    if until_ms <= after_ms:
        return None
    interval_ms = schedule.interval_ms
    if interval_ms is None:
        return _count_fires(schedule.cron or "", schedule.timezone, after_ms, until_ms)
    count = (until_ms - phase_ms) // interval_ms - (after_ms - phase_ms) // interval_ms
    if not count:
        return None
    last = until_ms - (until_ms - phase_ms) % interval_ms
    return Slots(last - (count - 1) * interval_ms, last, count)


def fresh_until_ms(schedule: Schedule, at_ms: int) -> int:
    """Until when the verdict of the run due at `at_ms` counts (DESIGN §4, location state)."""
    if schedule.interval_ms is not None:
        return at_ms + freshness_ms(schedule.interval_ms, schedule.budget_ms)
    following = next_slot(schedule, 0, at_ms)
    second = next_slot(schedule, 0, following) if following is not None else None
    return (second or following or at_ms) + schedule.budget_ms


@lru_cache(maxsize=4096)
def next_fire(cron: str, timezone: str, after_ms: int) -> int | None:
    """The first fire time after `after_ms`; None when there is none within 50 years. Checks that share an expression
    share the answer, so it is kept."""
    return next(fires(cron, timezone, after_ms), None)


@lru_cache(maxsize=256)
def _count_fires(cron: str, timezone: str, after_ms: int, until_ms: int) -> Slots | None:
    first, last, count = 0, 0, 0
    for fire in fires(cron, timezone, after_ms):
        if fire > until_ms:
            break
        first, last, count = first or fire, fire, count + 1
    return Slots(first, last, count) if count else None


def fires(cron: str, timezone: str, after_ms: int) -> Iterator[int]:
    """The fire times after `after_ms`, rising, each once. ValueError or KeyError for an unknown zone, CronSimError
    for an expression cronsim refuses: definitions are checked when they are made (model/fields.py)."""
    zone = ZoneInfo(timezone)
    start = datetime.fromtimestamp(after_ms // 1000, zone).replace(tzinfo=None)
    newest_ms = after_ms
    for local in CronSim(cron, start):
        fire_ms = int(_instant(local, zone).timestamp()) * 1000
        if fire_ms > newest_ms:  # a time that comes twice has had its turn; several that never come share one
            newest_ms = fire_ms
            yield fire_ms


def _instant(local: datetime, zone: ZoneInfo) -> datetime:
    """The instant a local time first shows on the clock, or, if the clock jumps over it, that of the jump."""
    instant = local.replace(tzinfo=zone, fold=0).astimezone(UTC)
    if instant.astimezone(zone).replace(tzinfo=None) == local:
        return instant
    before, after = local.replace(tzinfo=zone, fold=1).astimezone(UTC), instant
    old_offset = before.astimezone(zone).utcoffset()
    while after - before > timedelta(seconds=1):  # the jump lies between what the two offsets make of it
        middle = (before + (after - before) / 2).replace(microsecond=0)
        if middle.astimezone(zone).utcoffset() == old_offset:
            before = middle
        else:
            after = middle
    return after
