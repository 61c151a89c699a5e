"""Wake-ups: hints that something is to be done now (R4). In-process events on SQLite, LISTEN/NOTIFY on PostgreSQL.

Whoever waits also looks by itself once a second, so a lost hint loses time and never work.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterable

import structlog
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

_CHANNEL = "tracer"
_NOTIFY = text("SELECT pg_notify(:channel, :topic)")
_log = structlog.get_logger(__name__)


def wake(session: Session, topic: str) -> None:
    """Wake whoever waits for `topic` once this transaction has committed. A lost wake-up loses time, never work."""
    session.info.setdefault("topics", set()).add(topic)


class Wakeups:
    """Callbacks by topic. They run in the thread that committed, or in the listening thread: keep them short."""

    def __init__(self, engine: Engine | None) -> None:
        """`engine`: PostgreSQL, where other processes commit too; None on SQLite."""
        self._engine = engine
        self._callbacks: dict[str, set[Callable[[], None]]] = {}
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._listener: threading.Thread | None = None

    def subscribe(self, topic: str, callback: Callable[[], None]) -> Callable[[], None]:
        """Call `callback` at each wake-up of `topic` until the returned function is called."""
        with self._lock:
            self._callbacks.setdefault(topic, set()).add(callback)
            if self._engine is not None and self._listener is None:
                self._listener = threading.Thread(target=self._listen, name="wakeups", daemon=True)
                self._listener.start()

        def unsubscribe() -> None:
            with self._lock:
                callbacks = self._callbacks.get(topic, set())
                callbacks.discard(callback)
                if not callbacks:
                    self._callbacks.pop(topic, None)

        return unsubscribe

    def in_transaction(self, session: Session, topics: Iterable[str]) -> None:
        """PostgreSQL delivers a NOTIFY if and when its transaction commits."""
        if self._engine is not None:
            for topic in topics:
                session.connection().execute(
                    text("SELECT pg_notify(:channel, :topic)"), {"channel": _CHANNEL, "topic": topic}
                )

    def after_commit(self, topics: Iterable[str]) -> None:
        """SQLite has one writing process: its own callbacks are all there are."""
        if self._engine is None:
            for topic in topics:
                self._fire(topic)

    def close(self) -> None:
        self._closed.set()
        if self._listener is not None:
            self._listener.join(timeout=3)

    def _fire(self, topic: str) -> None:
        with self._lock:
            callbacks = tuple(self._callbacks.get(topic, ()))
        for callback in callbacks:
            callback()

    def _listen(self) -> None:
        import psycopg

        assert self._engine is not None  # noqa: S101 - only PostgreSQL starts this thread
        dsn = self._engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
        while not self._closed.is_set():
            try:
                with psycopg.connect(dsn, autocommit=True, connect_timeout=5) as connection:
                    connection.execute(f"LISTEN {_CHANNEL}")
                    while not self._closed.is_set():
                        for notice in connection.notifies(timeout=0.5):
                            self._fire(notice.payload)
            except psycopg.Error as error:
                _log.warning("wakeups.reconnecting", error=str(error))
                self._closed.wait(1)


class AsyncEvent:
    """An asyncio event that other threads may set: the bridge from a wake-up to a long poll."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._event = asyncio.Event()

    def set(self) -> None:
        """From any thread; a loop that has ended needs no waking."""
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._event.set)

    async def wait(self, timeout_s: float) -> bool:
        """True when woken, False when the time is up."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._event.wait()
        except TimeoutError:
            return False
        self._event.clear()
        return True
