"""Live streams on the event loop: one look at the database serves all of them, however many there are.

A stream first catches up from the number it begins with, at the pace of its reader; then it is live: the feed of its
source (api/stream_sources.py), which it shares with others of the same, gives it what comes. The feeds are woken when
something was committed, look by themselves twice a second in case that word was lost (R4), and gather what comes within
a tenth of a second. With each look it is asked whose key was revoked, or whose sign-in is over, and those streams end.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

import structlog
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from api.serving_pools import Pool, SaturatedError
from api.serving_requests import Request, Send
from api.stream_readers import Opening, Reader
from api.stream_sources import News, Source, newest
from store.sessions import EVERY_ORGANIZATION, Database
from store.stream_places import Listener, keep_places, leave_places, still_listening
from store.wakeups import AsyncEvent
from store.write_lock import Urgency

LOOK_S = 0.5
GATHER_S = 0.1
KEEP_S = 8.0
"""How often the places of open streams are renewed (store/stream_places.py: LASTS_MS)."""
AT_ONCE = 25
BREATH_S = 0.002
"""Streams that are given something in one turn of the loop, and how long the loop rests before the next: whoever asks
the API meanwhile comes between, and the threads that answer have the interpreter to themselves."""
_AWAY = (DBAPIError, PoolTimeoutError, SaturatedError)
_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class _Look:
    news: Mapping[Source, News]
    listening: frozenset[Listener]


@dataclass(eq=False)
class _Feed:
    """The live streams of one source. `seen`: up to where they have been given everything."""

    seen: int
    unsubscribe: Callable[[], None]
    readers: set[Reader] = field(default_factory=set)


class StreamHub:
    """Of one server, on its loop. What touches the database runs in threads of `pool`."""

    def __init__(self, database: Database, pool: Pool) -> None:
        self._database = database
        self._pool = pool
        self._readers: set[Reader] = set()
        self._feeds: dict[Source, _Feed] = {}
        self._left: set[str] = set()
        self._woken: AsyncEvent | None = None
        self._following: asyncio.Task[None] | None = None
        self._closing = False

    @property
    def open(self) -> int:
        """How many streams there are."""
        return len(self._readers)

    def close(self) -> None:
        """End every stream; from now on none stays."""
        self._closing = True
        for reader in list(self._readers):
            reader.end()

    def leave(self) -> None:
        """Give back the places of streams that have ended. After the loop has ended."""
        if self._left:
            try:
                self._give_back(frozenset(self._left))
            except (DBAPIError, PoolTimeoutError) as error:
                _log.warning("streams.places_kept", error=str(error.__cause__ or error))

    async def serve(self, opening: Opening, request: Request, send: Send) -> None:
        """The body of one stream, from its first byte to its last."""
        reader = Reader(opening, request)
        self._readers.add(reader)
        if self._closing:
            reader.end()
        elif self._following is None:
            self._woken = AsyncEvent(asyncio.get_running_loop())
            self._following = asyncio.create_task(self._follow())
        watch = asyncio.create_task(reader.end_when_gone())
        try:
            await reader.say_what_waits(send, wait=False)
            while not reader.over:
                if not reader.live:
                    await self._catch_up(reader)
                await reader.say_what_waits(send, wait=reader.live)
            await send({"type": "http.response.body", "body": b""})
        finally:
            watch.cancel()
            self._forget(reader)

    async def _catch_up(self, reader: Reader) -> None:
        """One more reading of what the stream has missed; with nothing left it is live."""
        source = reader.opening.source
        try:
            news = await self._pool.run(source.read, self._database, reader.seen)
        except _AWAY as error:
            _log.warning("streams.store_away", error=str(error.__cause__ or error))
            reader.comment()
            await asyncio.sleep(LOOK_S)
            return
        if news.messages:
            reader.give(news.after(reader.seen))
        reader.seen = news.last
        feed = self._feeds.get(source)
        if news.more or reader.over or (feed is not None and feed.seen > reader.seen):
            return
        if feed is None:
            feed = self._feeds[source] = _Feed(reader.seen, source.subscribe(self._database, self._wake))
            self._wake()  # what came between the reading and the subscription
        feed.readers.add(reader)
        reader.live = True

    def _forget(self, reader: Reader) -> None:
        self._readers.discard(reader)
        self._left.add(reader.opening.place_id)
        feed = self._feeds.get(reader.opening.source)
        if feed is not None and reader in feed.readers:
            feed.readers.discard(reader)
            if not feed.readers:
                feed.unsubscribe()
                del self._feeds[reader.opening.source]
        self._wake()

    def _wake(self) -> None:
        """From any thread."""
        if self._woken is not None:
            self._woken.set()

    async def _follow(self) -> None:
        """While there are streams: wait, look, hand out."""
        loop = asyncio.get_running_loop()
        kept_at = loop.time()
        try:
            while (self._readers or self._left) and self._woken is not None:
                await self._woken.wait(LOOK_S)
                try:
                    if self._left:
                        await self._leave()
                    if loop.time() - kept_at >= KEEP_S:
                        kept_at = loop.time()
                        await self._pool.run(self._keep, [reader.opening.place_id for reader in self._readers])
                    await self._look()
                except _AWAY as error:
                    _log.warning("streams.store_away", error=str(error.__cause__ or error))
                except Exception as error:  # noqa: BLE001 - one message that can't be read must not silence every stream for good
                    _log.error("streams.failed", exc_info=error)
                self._tend(loop.time())
                await asyncio.sleep(GATHER_S)
        finally:
            self._following = None

    async def _leave(self) -> None:
        left = frozenset(self._left)
        await self._pool.run(self._give_back, left)
        self._left -= left

    async def _look(self) -> None:
        listeners = {reader.opening.listener for reader in self._readers}
        seen = {source: feed.seen for source, feed in self._feeds.items()}
        found = await self._pool.run(self._ask, listeners, seen)
        for reader in self._readers:
            if reader.opening.listener in listeners - found.listening:
                reader.end()
        for source, news in found.news.items():
            feed = self._feeds.get(source)
            if feed is not None and feed.seen == seen[source]:
                await self._hand_out(feed, news)

    async def _hand_out(self, feed: _Feed, news: News) -> None:
        before, feed.seen = feed.seen, news.last
        to_most = news.after(before)
        for number, reader in enumerate([*feed.readers]):
            piece = to_most if reader.seen == before else news.after(reader.seen)
            reader.seen = max(reader.seen, news.last)
            if piece and not reader.over:
                reader.give(piece)
            if number % AT_ONCE == AT_ONCE - 1:
                await asyncio.sleep(BREATH_S)
        if news.more:
            self._wake()

    def _tend(self, now: float) -> None:
        """Who has heard nothing for long hears that we are there; who takes nothing is cut."""
        for reader in list(self._readers):
            if reader.is_stalled(now):
                _log.info("streams.stalled", organization_id=reader.organization_id)
                reader.cut()
            elif reader.live and reader.is_due_a_comment(now):
                reader.comment()

    def _ask(self, listeners: set[Listener], seen: Mapping[Source, int]) -> _Look:
        with self._database.read(EVERY_ORGANIZATION) as session:
            listening = still_listening(session, listeners, self._database.now_ms(session))
        heads = newest(self._database, seen)
        news = {each: each.read(self._database, after) for each, after in seen.items() if heads[each] > after}
        return _Look(news, frozenset(listening))

    def _keep(self, place_ids: list[str]) -> None:
        with self._database.write(EVERY_ORGANIZATION, Urgency.PEOPLE) as session:
            keep_places(session, place_ids, self._database.now_ms(session))

    def _give_back(self, place_ids: Iterable[str]) -> None:
        with self._database.write(EVERY_ORGANIZATION, Urgency.PEOPLE) as session:
            leave_places(session, list(place_ids))
