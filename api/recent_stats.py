"""Stats computed a moment ago: people poll faster than uptime changes, and the contract allows 15 s of age."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence

from sqlalchemy.orm import Session

from store.stats import stats_of_checks

Fields = Mapping[str, float | None]
KEPT_MS = 10_000
_MOST = 20_000
"""Checks remembered at most (about 20 MB)."""


class RecentStats:
    """The contract's `stats` by check id, at most KEPT_MS old. Threads share it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: dict[str, tuple[int, Fields]] = {}

    def of(self, session: Session, check_ids: Sequence[str], now_ms: int) -> dict[str, Fields]:
        """The stats of each of these checks, of the session's organization; those not at hand in one go."""
        with self._lock:
            kept = {check_id: self._kept[check_id] for check_id in check_ids if check_id in self._kept}
        found = {check_id: fields for check_id, (at_ms, fields) in kept.items() if 0 <= now_ms - at_ms < KEPT_MS}
        missing = [check_id for check_id in check_ids if check_id not in found]
        if missing:
            computed = {key: stats.as_fields() for key, stats in stats_of_checks(session, missing, now_ms).items()}
            with self._lock:
                if len(self._kept) > _MOST:
                    self._kept.clear()
                # Of a new monitor there is nothing to keep: whoever made it waits for its first figures.
                known = {key: fields for key, fields in computed.items() if any(fields.values())}
                self._kept.update({check_id: (now_ms, fields) for check_id, fields in known.items()})
            found.update(computed)
        return found
