"""The roles this scheduler holds, as its job threads see them."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable

from store.roles import ROLE_LEASE_MS


class Duties:
    """Renewed by the scheduler's own thread, asked by the threads of its jobs."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._names: frozenset[str] = frozenset()
        self._until_s = 0.0
        self._laid_down: frozenset[str] = frozenset()

    def renew(self, names: Iterable[str], asked_s: float) -> None:
        """These roles were granted by a transaction that began at `asked_s` of the monotonic clock."""
        with self._lock:
            self._names = frozenset(names)
            self._until_s = asked_s + ROLE_LEASE_MS / 1000

    def lay_down(self, name: str) -> None:
        """Do this no more, whatever is granted. Takes no lock: a signal handler may call it."""
        self._laid_down |= {name}

    def holds(self, name: str) -> bool:
        """Whether the lease of this role has not run out."""
        with self._lock:
            return name in self._names - self._laid_down and time.monotonic() < self._until_s
