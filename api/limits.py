"""Rate limits that all processes count together, and what a process remembers of them: whoever is over a limit is told
so again without the database, until the time that was said.

The first question costs one short write (store/rate_limits.py). What is good never asks: results, leases, requests with
a key that opens something.
"""

from __future__ import annotations

import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

import structlog
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from api.errors import RateLimited
from store.key_addresses import neighbourhood
from store.keyring import Keyring
from store.rate_limits import Limit, Use, take
from store.sessions import EVERY_ORGANIZATION, Database
from store.write_lock import Urgency

WRONG_KEYS: Final = Limit("wrong-key", "wrong keys from your address", 60, 60)
REMEMBERED = 20_000
"""How many refused subjects a process keeps in mind; of one that it has forgotten it asks the database again."""

_log = structlog.get_logger(__name__)


class Limits:
    """Of one process; threads may share it."""

    def __init__(self, database: Database, keyring: Keyring, now: Callable[[], float] = time.monotonic) -> None:
        """`now`: seconds, by which it remembers."""
        self._database = database
        self._keyring = keyring
        self._now = now
        self._lock = threading.Lock()
        self._until: OrderedDict[Use, float] = OrderedDict()

    def count(self, *uses: Use) -> None:
        """One more of each, decided together. RateLimited, with the seconds to wait."""
        for use in uses:
            self.refuse(use)
        with self._database.write(EVERY_ORGANIZATION, Urgency.PEOPLE) as session:
            over = take(session, self._keyring, uses, self._database.now())
        for use, left_ms in over.items():
            self._remember(use, self._now() + left_ms / 1000)
        for use in over:
            self.refuse(use)

    def count_wrong_key(self, address: str) -> None:
        """One more key that opens nothing, from there. RateLimited; while the database is away, wrong keys are wrong
        all the same."""
        try:
            self.count(wrong_key(address))
        except (OperationalError, PoolTimeoutError) as error:
            _log.warning("limits.not_counted", error=str(error.__cause__ or error))

    def refuse(self, use: Use) -> None:
        """RateLimited if it is known that this subject is over its limit. Counts nothing, asks nobody."""
        with self._lock:
            left_s = self._until.get(use, 0.0) - self._now()
        if left_s > 0:
            raise refused(use.limit, left_s)

    def _remember(self, use: Use, until: float) -> None:
        with self._lock:
            self._until[use] = until
            self._until.move_to_end(use)
            if len(self._until) > REMEMBERED:
                self._until.popitem(last=False)


def wrong_key(address: str) -> Use:
    """A use of WRONG_KEYS: of API keys and probe keys together."""
    return Use(WRONG_KEYS, neighbourhood(address))


def refused(limit: Limit, left_s: float) -> RateLimited:
    """What somebody over this limit is told."""
    wait_s = max(1, math.ceil(left_s))
    per = "a minute" if limit.window_s == 60 else f"in {limit.window_s} s"
    return RateLimited(f"More than {limit.most} {limit.what} {per}: wait {wait_s} s", wait_s)
