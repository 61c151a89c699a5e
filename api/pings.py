"""Heartbeat addresses: /ping/{token}, with /start /fail /log or an exit code after it. The token is the whole key.

A ping is answered `OK` when it is on disk, never before: a job that was told OK is a job that was heard.
"""

from __future__ import annotations

import time
from collections import OrderedDict, deque
from collections.abc import Callable
from typing import Final

from alerts.record import record
from api.errors import NotFound, RateLimited
from api.limits import refused
from api.serving_pools import Pool
from api.serving_requests import Reply, Request
from model.heartbeat import Signal
from store.heartbeat_rows import heartbeat_of_token
from store.heartbeats import ping
from store.keyring import Keyring
from store.rate_limits import Limit, Use, take
from store.sessions import EVERY_ORGANIZATION, Database
from store.write_lock import Urgency

PREFIX = "/ping/"
METHODS = ("GET", "HEAD", "POST")
PER_MINUTE = 60
_WINDOW_S = 60.0
PINGS: Final = Limit("ping", "pings", PER_MINUTE, 60)
"""Of all processes of the API together, counted where the ping is stored."""
_TOKENS = 20_000
_TOKEN_CHARACTERS = 100
_LARGEST_EXIT_CODE = 255
_KINDS = {"": Signal("success"), "start": Signal("start"), "fail": Signal("fail"), "log": Signal("log")}
_NO_STORE = {"Cache-Control": "no-store"}


class Pings:
    """`handle` runs on the server's event loop; the database's part, in threads of `pool`."""

    def __init__(self, database: Database, keyring: Keyring, pool: Pool) -> None:
        self._database = database
        self._keyring = keyring
        self._pool = pool
        self._rate = Rate()

    async def handle(self, request: Request) -> Reply:
        """GET, HEAD or POST. NotFound for an unknown token or signal, RateLimited."""
        token, signal = read_path(request.path)
        wait_s = self._rate.take(token)
        if wait_s:
            raise RateLimited(f"More than {PER_MINUTE} pings a minute", wait_s)
        known = await self._pool.run(self._ping, token, signal, request.body)
        if not known:
            self._rate.forget(token)
            raise NotFound("No heartbeat has this address")
        return Reply(b"OK", content_type="text/plain; charset=utf-8", headers=_NO_STORE)

    def _ping(self, token: str, signal: Signal, body: bytes) -> bool:
        token_hash = self._keyring.hash_key(token)
        with self._database.read(EVERY_ORGANIZATION) as session:
            if heartbeat_of_token(session, self._keyring, token) is None:
                return False  # guesses never take the writer's turn
        with self._database.write(EVERY_ORGANIZATION, Urgency.PEOPLE) as session:
            now_ms = self._database.now_ms(session)
            use = Use(PINGS, token_hash)
            over = take(session, self._keyring, [use], self._database.now())
            if over:
                raise refused(PINGS, over[use] / 1000)
            pinged = ping(session, token_hash, signal, now_ms, body)
            if pinged is None:
                return False
            record(session, pinged.finished, now_ms)
        return True


def read_path(path: str) -> tuple[str, Signal]:
    """`/ping/{token}/start` -> its token and what it says. NotFound when it can't be one."""
    token, _, word = path.removeprefix(PREFIX).partition("/")
    signal = _KINDS.get(word)
    if signal is None and word.isascii() and word.isdigit() and len(word) <= 3 and int(word) <= _LARGEST_EXIT_CODE:
        code = int(word)
        signal = Signal("success" if code == 0 else "fail", code)
    if signal is None or not token or len(token) > _TOKEN_CHARACTERS or not token.isascii():
        raise NotFound("No heartbeat has this address")
    return token, signal


class Rate:
    """Calls by token over the last minute, in this process. Bounded: the tokens heard from least recently go first."""

    def __init__(self, now: Callable[[], float] = time.monotonic, per_minute: int = PER_MINUTE) -> None:
        self._now = now
        self._per_minute = per_minute
        self._heard: OrderedDict[str, deque[float]] = OrderedDict()

    def take(self, token: str) -> int:
        """0 when one more is allowed, and counted; else the seconds until one is."""
        now = self._now()
        heard = self._heard.setdefault(token, deque())
        self._heard.move_to_end(token)
        while heard and now - heard[0] >= _WINDOW_S:
            heard.popleft()
        if len(heard) >= self._per_minute:
            return max(1, round(_WINDOW_S - (now - heard[0]) + 0.5))
        heard.append(now)
        if len(self._heard) > _TOKENS:
            self._heard.popitem(last=False)
        return 0

    def forget(self, token: str) -> None:
        """It is nobody's: guesses are not worth remembering."""
        self._heard.pop(token, None)
