"""The checks in memory: every version that is in force, as streams in the index of its shard, fed by `changes` (R7).

One thread owns it. All shards are indexed, held or not, so that taking one over needs no loading.
"""

from __future__ import annotations

from heapq import heappop, heappush

import structlog
from cronsim import CronSimError
from sqlalchemy.orm import Session

from model.ids import shard_of
from model.slots import FOREVER, Due, SlotIndex, Stream, streams_of
from store.changes import newest_change
from store.schedule_feed import (
    ScheduledCheck,
    changed_checks,
    check_digest,
    checks_in_force,
    digest_of,
    scheduled_checks,
)
from store.shards import SHARDS

KEPT_PAST_MS = 60_000
"""Versions that have ended are forgotten after so long: by then each of their slots was found, or is in arrears."""
_log = structlog.get_logger(__name__)


class Definitions:
    """Empty until `load`."""

    def __init__(self) -> None:
        self._forget()
        self.loaded = False

    def _forget(self) -> None:
        self._indexes = [SlotIndex() for _ in range(SHARDS)]
        self._streams: dict[str, list[Stream]] = {}
        self._versions: dict[str, int] = {}
        self._ending: list[tuple[int, str]] = []
        self._seen = 0

    def __len__(self) -> int:
        return len(self._versions)

    def load(self, session: Session, now_ms: int) -> None:
        """Read everything. The number of the feed is read first: what changes meanwhile is then applied again."""
        self._forget()
        self._seen = newest_change(session)
        for check in checks_in_force(session, now_ms - KEPT_PAST_MS):
            self._apply(check, now_ms)
        self.loaded = True
        _log.info("definitions.loaded", checks=len(self), change=self._seen)

    def follow(self, session: Session, now_ms: int) -> bool:
        """Apply what has changed; whether anything had."""
        while self._ending and self._ending[0][0] < now_ms - KEPT_PAST_MS:
            self._prune(heappop(self._ending)[1], now_ms)
        self._seen, changed = changed_checks(session, self._seen)
        if not changed:
            return False
        found = scheduled_checks(session, changed)
        for check_id in changed:
            if check_id in found:
                self._apply(found[check_id], now_ms)
            else:
                self._drop(check_id)
        return True

    def agree(self, session: Session) -> bool:
        """Whether the checks in memory and their versions are those of the database; call it after `follow`."""
        return digest_of(self._versions.items()) == check_digest(session)

    def due(self, shard: int, after_ms: int, until_ms: int) -> list[Due]:
        """The slots of one shard due in (after_ms, until_ms], by time; `after_ms` never falls."""
        return self._indexes[shard].due(after_ms, until_ms)

    def any_due(self, shard: int, after_ms: int, until_ms: int) -> bool:
        """Whether `due` may find something: never False when it would."""
        return self._indexes[shard].any_due(after_ms, until_ms)

    def slots_per_second(self, shards: set[int]) -> float:
        """The steady rate of these shards, cron left out."""
        return sum(self._indexes[shard].per_second() for shard in shards)

    def _apply(self, check: ScheduledCheck, now_ms: int) -> None:
        self._drop(check.check_id)
        index = self._indexes[shard_of(check.check_id, SHARDS)]
        added: list[Stream] = []
        try:
            for stream in streams_of(check.organization_id, check.check_id, check.versions):
                if stream.until_ms > now_ms - KEPT_PAST_MS:
                    index.add(stream)
                    added.append(stream)
        except (CronSimError, ValueError, KeyError, ArithmeticError, OSError) as error:
            # A definition that can't be understood must not stop the others.
            _log.error("definitions.unusable", check_id=check.check_id, error=repr(error))
            for stream in added:
                index.remove(stream)
            added = []
        if added:
            self._streams[check.check_id] = added
        for stream in added:
            if stream.until_ms != FOREVER:
                heappush(self._ending, (stream.until_ms, check.check_id))
        if not check.deleted:
            self._versions[check.check_id] = check.version

    def _drop(self, check_id: str) -> None:
        index = self._indexes[shard_of(check_id, SHARDS)]
        for stream in self._streams.pop(check_id, ()):
            index.remove(stream)
        self._versions.pop(check_id, None)

    def _prune(self, check_id: str, now_ms: int) -> None:
        """Forget those streams of a check that have ended long ago."""
        index = self._indexes[shard_of(check_id, SHARDS)]
        streams = self._streams.pop(check_id, [])
        kept = [stream for stream in streams if stream.until_ms >= now_ms - KEPT_PAST_MS]
        for stream in streams:
            if stream.until_ms < now_ms - KEPT_PAST_MS:
                index.remove(stream)
        if kept:
            self._streams[check_id] = kept
