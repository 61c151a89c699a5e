"""The outbox of one process: a thread of its own with an event loop, between `start` and `stop`."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress

import structlog

from alerts.sending.behind import Behind
from alerts.sending.sender import Sender
from alerts.status_mails import LetterSender
from model.settings import Settings
from store.keyring import Keyring
from store.sessions import Database

AGAIN_S = 1.0
_log = structlog.get_logger(__name__)


class Outbox:
    """`may`: whether this process has the duty of sending now. `behind`: what else is known of an alert's runs."""

    def __init__(
        self,
        database: Database,
        keyring: Keyring,
        settings: Settings,
        identity: str,
        *,
        may: Callable[[], bool],
        behind: Behind | None = None,
    ) -> None:
        self._make: Callable[[], Sender] = lambda: Sender(database, keyring, settings, identity, may=may, behind=behind)
        self._letters: Callable[[], LetterSender] = lambda: LetterSender(database, keyring, settings, identity, may=may)
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._running: tuple[asyncio.AbstractEventLoop, Sender] | None = None
        self._lock = threading.Lock()

    def start(self) -> None:
        """Begin; returns at once."""
        self._thread = threading.Thread(target=self._main, name="outbox", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Returns when what was being sent is recorded, or given up after a few seconds."""
        self._stopping.set()
        with self._lock:
            running = self._running
        if running is not None:
            loop, sender = running
            with suppress(RuntimeError):  # a loop that has just ended needs no telling
                loop.call_soon_threadsafe(sender.stop)
        if self._thread is not None:
            self._thread.join()

    def figures(self) -> dict[str, float]:
        """Names and values for a program that shows them."""
        with self._lock:
            sender = self._running[1] if self._running is not None else None
        if sender is None:
            return {}
        return {"notifications_sent_total": sender.sent, "notifications_not_sent_total": sender.not_sent}

    def _main(self) -> None:
        """A mistake in here must not end the telling: what was claimed runs out, and another sender begins."""
        while not self._stopping.is_set():
            try:
                asyncio.run(self._run())
            except Exception as error:  # noqa: BLE001 - the thread's last word
                _log.error("outbox.ended", exc_info=error)
                self._stopping.wait(AGAIN_S)

    async def _run(self) -> None:
        sender = self._make()
        letters = asyncio.create_task(self._letters().run())
        with self._lock:
            self._running = (asyncio.get_running_loop(), sender)
        if self._stopping.is_set():
            sender.stop()
        try:
            await sender.run()
        finally:
            letters.cancel()  # what was being sent is sent again, under the same id, by whoever comes next
            with self._lock:
                self._running = None
