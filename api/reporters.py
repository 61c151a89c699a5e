"""Whose public key it is that something came with, looked up at most once a second each."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from store.projects import project_of_key
from store.sessions import EVERY_ORGANIZATION, Database

REMEMBERED_S = 1.0
"""A revoked key is refused within this, and another quota counts."""
_MOST = 10_000
_LONGEST = 200


@dataclass(frozen=True)
class Reporter:
    """The project that a key is of."""

    organization_id: str
    project_id: str
    number: int
    slug: str
    server_only: bool
    quota: dict[str, int | None]


class PublicKeys:
    """Threads may share it."""

    def __init__(self, database: Database, now: Callable[[], float] = time.monotonic) -> None:
        self._database = database
        self._now = now
        self._lock = threading.Lock()
        self._known: dict[str, tuple[float, Reporter | None]] = {}

    def reporter(self, key: str) -> Reporter | None:
        """Whose key this is; None when it is nobody's."""
        with self._lock:
            found = self._known.get(key)
        if found is not None and self._now() - found[0] < REMEMBERED_S:
            return found[1]
        asked_at, reporter = self._now(), self._looked_up(key)
        with self._lock:
            if len(self._known) >= _MOST:
                self._known.clear()
            self._known[key] = (asked_at, reporter)
        return reporter

    def forget(self) -> None:
        """Something about projects has changed here."""
        with self._lock:
            self._known.clear()

    def _looked_up(self, key: str) -> Reporter | None:
        if len(key) > _LONGEST or not key.isascii() or not key.isprintable():
            return None
        with self._database.read(EVERY_ORGANIZATION) as session:
            found = project_of_key(session, key)
        if found is None:
            return None
        row, project = found
        quota = {"events": project.quota_events, "traces": project.quota_traces}
        return Reporter(project.organization_id, project.id, project.number, project.slug, row.server_only, quota)
