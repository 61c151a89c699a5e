"""The dead-man ping: as long as all of Tracer works, an outside service hears so every 30 s (TRACER_DEADMAN_URL).

When any part stands still the pings stop, and that service alarms: the one notice that a dead Tracer can still give.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable

import structlog

from alerts.notices import raise_notice, resolve_notice
from alerts.self_watch.deadman_ping import PingFailedError, ping
from model.addresses import AddressPolicy, networks_of
from model.notices import NOTICES_PAGE, NoticeKind
from model.settings import Settings
from store.notices import open_notice
from store.organizations import first_organization
from store.sessions import EVERY_ORGANIZATION, Database
from store.vitals import what_stands_still
from store.write_lock import Urgency

EVERY_S = 30.0
LOOK_S = 5.0
FAILURES_TOLERATED = 2
"""A ping or two that fail are the network's; from the third on owners are told."""
SUBJECT = "TRACER_DEADMAN_URL"
_KIND = NoticeKind.DEADMAN_FAILING.value
_STOP_POLL_S = 0.2
_log = structlog.get_logger(__name__)


class Deadman:
    """Call it every LOOK_S, under a role: one process pings at a time. A ping that hangs keeps nothing but its own
    thread waiting, and `stopping` ends it at once."""

    def __init__(
        self,
        url: str,
        settings: Settings,
        stopping: threading.Event,
        *,
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._url = url
        self._policy = AddressPolicy(networks_of(settings.allow_nets))
        self._link = settings.links_begin + NOTICES_PAGE
        self._stopping = stopping
        self._monotonic_s = monotonic_s
        self._pinged_s: float | None = None
        self._silent_for: str | None = None
        self._failures = 0

    def __call__(self, database: Database) -> None:
        """Ping if it is time, and Tracer works."""
        now_s = self._monotonic_s()
        if self._pinged_s is not None and now_s - self._pinged_s < EVERY_S - LOOK_S / 2:
            return
        with database.read(EVERY_ORGANIZATION) as session:
            trouble = what_stands_still(session, database.now_ms(session))
        if trouble != self._silent_for:
            _log.warning("deadman.silent", reason=trouble) if trouble else _log.info("deadman.resumed")
            self._silent_for = trouble
        if trouble is not None:
            return
        self._pinged_s = now_s
        self._ping(database)

    def _ping(self, database: Database) -> None:
        try:
            asyncio.run(self._ping_unless_stopped())
        except PingFailedError as error:
            self._failures += 1
            if self._failures == 1:
                _log.error("deadman.failed", reason=str(error))
            if self._failures > FAILURES_TOLERATED:
                self._tell(database, str(error))
            return
        if self._failures > 0:
            _log.info("deadman.works_again")
        # Also at the first success: whoever pinged before may have left a notice open.
        self._failures = 0
        self._tell(database, None)

    async def _ping_unless_stopped(self) -> None:
        pinging = asyncio.ensure_future(ping(self._url, self._policy))
        while not self._stopping.is_set():
            done, _ = await asyncio.wait({pinging}, timeout=_STOP_POLL_S)
            if done:
                pinging.result()
                return
        pinging.cancel()
        with contextlib.suppress(asyncio.CancelledError, PingFailedError):
            await pinging

    def _tell(self, database: Database, failure: str | None) -> None:
        """Whoever runs this Tracer has set the address, so the first organization is told."""
        with database.read(EVERY_ORGANIZATION) as session:
            owner = first_organization(session)
            known = owner is not None and open_notice(session, owner.id, _KIND, SUBJECT)
        if owner is None or not (failure or known):
            return
        with database.write(EVERY_ORGANIZATION, Urgency.PEOPLE) as session:
            now_ms = database.now_ms(session)
            if failure is None:
                resolve_notice(session, owner.id, kind=_KIND, subject=SUBJECT, now_ms=now_ms)
                return
            raise_notice(
                session,
                owner.id,
                kind=_KIND,
                subject=SUBJECT,
                severity="medium",
                message=f"The service that watches Tracer can't be told that all is well: {failure}. Tracer works; "
                "that service may alarm. Check TRACER_DEADMAN_URL.",
                link=self._link,
                now_ms=now_ms,
            )
