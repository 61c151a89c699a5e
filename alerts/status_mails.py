"""Sends status pages' mails (R9): claim, send, record, each in a transaction of its own; nothing is marked sent before
it is. Whatever dies between two of them, the claim runs out and the same mail goes out again under the same id."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import TypeVar

import structlog
from sqlalchemy.exc import SQLAlchemyError

from alerts.channels.base import Undelivered, Way
from alerts.mail import deliver
from alerts.sending.once import way_out
from alerts.sending.retries import next_try_ms
from alerts.status_letters import message_of
from model.settings import Settings
from store.keyring import Keyring
from store.notifications import OUTBOX_TOPIC
from store.sessions import EVERY_ORGANIZATION, Database
from store.status_mails import Letter, LetterOutcome, claim_letters, letters_due, record_letters
from store.wakeups import AsyncEvent
from store.write_lock import Urgency

AT_ONCE = 8
"""Mails on their way at one time: a mail server takes them one a connection."""
POLL_S = 2.0
AGAIN_S = 0.5
_T = TypeVar("_T")
_log = structlog.get_logger(__name__)


class LetterSender:
    """One per process and event loop. `may`: whether this process has the duty now. `reached(point, ids)` is called at
    `claimed`, `sent` and `recorded`: what it raises ends the work there, as a crash would."""

    def __init__(
        self,
        database: Database,
        keyring: Keyring,
        settings: Settings,
        identity: str,
        *,
        may: Callable[[], bool] = lambda: True,
        reached: Callable[[str, Sequence[str]], None] = lambda _point, _ids: None,
        wall_s: Callable[[], float] = time.time,
    ) -> None:
        self._database = database
        self._keyring = keyring
        self._claim = identity[-64:]
        self._may = may
        self._reached = reached
        self._wall_s = wall_s
        self._way: Way = way_out(settings, keyring)
        self._wake = AsyncEvent(asyncio.get_running_loop())

    async def run(self) -> None:
        """Until it is cancelled."""
        unsubscribe = self._database.wakeups.subscribe(OUTBOX_TOPIC, self._wake.set)
        try:
            while True:
                try:
                    busy = self._may() and await self.round() > 0
                except SQLAlchemyError as error:
                    _log.error("status_mails.database", error=str(error))
                    busy = False
                if not busy:
                    await self._wake.wait(POLL_S)
        finally:
            unsubscribe()

    async def round(self) -> int:
        """Send what is due, AT_ONCE at most; how many were tried."""
        if not await asyncio.to_thread(self._due):
            return 0
        letters = await asyncio.to_thread(self._next)
        self._reached("claimed", [letter.id for letter in letters])
        answers = await asyncio.gather(*(self._send(letter) for letter in letters))
        self._reached("sent", [letter.id for letter in letters])
        await self._record(list(zip(letters, answers, strict=True)))
        self._reached("recorded", [letter.id for letter in letters])
        return len(letters)

    async def _send(self, letter: Letter) -> Undelivered | None:
        try:
            await deliver(message_of(letter, self._keyring, self._way, int(self._wall_s())), [letter.email], self._way)
        except Undelivered as error:
            return error
        except Exception as error:  # noqa: BLE001 - a mistake in one mail must not hold up the others
            _log.error("status_mails.mistake", letter=letter.id, exc_info=error)
            return Undelivered(f"a mistake in Tracer kept it from being sent ({type(error).__name__})")
        return None

    async def _record(self, outcomes: Sequence[tuple[Letter, Undelivered | None]]) -> None:
        """However long the database is away: until it is written, the mails would go out again."""
        while True:
            try:
                await asyncio.to_thread(self._write, outcomes)
            except SQLAlchemyError as error:
                _log.error("status_mails.not_recorded", count=len(outcomes), error=str(error))
                await asyncio.sleep(AGAIN_S)
            else:
                return

    # What follows runs in threads: each is one transaction.

    def _due(self) -> bool:
        with self._database.read(EVERY_ORGANIZATION) as session:
            return letters_due(session, self._database.now_ms(session))

    def _next(self) -> list[Letter]:
        with self._database.write(EVERY_ORGANIZATION, Urgency.RESULTS) as session:
            return claim_letters(session, self._claim, AT_ONCE, self._database.now_ms(session))

    def _write(self, outcomes: Sequence[tuple[Letter, Undelivered | None]]) -> None:
        with self._database.write(EVERY_ORGANIZATION, Urgency.RESULTS) as session:
            now_ms = self._database.now_ms(session)
            record_letters(session, [_result(letter, error, now_ms) for letter, error in outcomes], self._claim)


def _result(letter: Letter, error: Undelivered | None, now_ms: int) -> LetterOutcome:
    if error is None:
        return LetterOutcome(letter.id, "sent", now_ms, now_ms)
    again_ms = next_try_ms(letter.id, letter.attempts + 1, letter.created_ms, now_ms, error.retry_after_s)
    if error.permanent or again_ms is None:
        return LetterOutcome(letter.id, "failed", now_ms, now_ms, str(error)[:500])
    return LetterOutcome(letter.id, "pending", now_ms, again_ms, str(error)[:500])
