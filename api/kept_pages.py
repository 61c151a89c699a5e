"""Public answers, drawn once in ten seconds and kept in memory, so that a crowd of visitors costs nothing.

However many ask at one moment, one of them draws and the others wait for that. When it can't be drawn, because the
database is away, the last one is shown on: people look at a status page when things are broken.
"""

from __future__ import annotations

import gzip
import hashlib
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

KEPT_S = 10.0
STALE_S = 3_600.0
"""How long the last one is shown on, when no newer can be drawn."""
MOST = 2_000
"""Answers kept: the one that was asked for longest ago goes first."""
AGAIN_S = 1.0
"""While the database is away, one visitor a second is made to ask it."""
_GZIP_LEVEL = 6
Key = tuple[str, str]
"""(what it is about, which part of it)"""
Headers = tuple[tuple[bytes, bytes], ...]


@dataclass(frozen=True)
class Kept:
    """An answer, ready to go. `max_age_s`: how long browsers may keep it; `policy`: its Content-Security-Policy. What
    is no text is sent as it is."""

    body: bytes
    content_type: str
    policy: str
    max_age_s: int = int(KEPT_S)
    etag: str = field(init=False)
    headers: Mapping[str, str] = field(init=False)
    gzipped: bytes | None = field(init=False)
    wire: Headers = field(init=False)

    def __post_init__(self) -> None:
        text = not self.content_type.startswith("image/") or self.content_type.startswith("image/svg")
        etag = f'W/"{hashlib.blake2b(self.body, digest_size=12).hexdigest()}"'
        headers = {
            "Content-Type": self.content_type,
            "Cache-Control": f"public, max-age={self.max_age_s}",
            "ETag": etag,
            "Vary": "Accept-Encoding",
            "Content-Security-Policy": self.policy,
            "X-Content-Type-Options": "nosniff",
            "X-Frame-Options": "DENY",
            "Referrer-Policy": "same-origin",  # or browsers send `Origin: null` with the form on a page
        }
        wire = tuple((name.lower().encode(), value.encode("latin-1")) for name, value in headers.items())
        for name, value in (
            ("etag", etag),
            ("headers", headers),
            ("gzipped", gzip.compress(self.body, _GZIP_LEVEL, mtime=0) if text and len(self.body) > 400 else None),
            ("wire", wire),
        ):
            object.__setattr__(self, name, value)


Draw = Callable[[], Kept | None]


class Unknown:
    """The type of UNKNOWN."""


UNKNOWN: Final = Unknown()
"""Whether there is such an answer has not been asked, or too long ago."""


class _Entry(NamedTuple):
    """`until_s`: how long it is good, unless somebody changes something: then `generation` is another."""

    kept: Kept | None
    drawn_s: float
    until_s: float
    generation: int


class PublicPages:
    """Of one process; threads may share it. `now`: seconds."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._lock = threading.Lock()
        self._kept: OrderedDict[Key, _Entry] = OrderedDict()
        self._missing: OrderedDict[Key, _Entry] = OrderedDict()
        self._drawing: dict[tuple[Key, int], Future[Kept | None]] = {}
        self._generation = 0
        self.drawn = 0

    def look(self, key: Key) -> Kept | Unknown | None:
        """What is known, without asking anybody; None: there is nothing for strangers."""
        entry = self._kept.get(key) or self._missing.get(key)
        if entry is None or entry.generation != self._generation or self._now() >= entry.until_s:
            return UNKNOWN
        return entry.kept

    def last(self, key: Key) -> Kept | None:
        """The last one, old as it may be up to STALE_S."""
        entry = self._kept.get(key)
        return entry.kept if entry is not None and self._now() - entry.drawn_s < STALE_S else None

    def get(self, key: Key, draw: Draw) -> Kept | None:
        """What is known, else what `draw` gives: the first of those who ask at one moment calls it. What it raises they
        all get, unless the database is away and there is an older one to show."""
        with self._lock:
            known = self.look(key)
            if not isinstance(known, Unknown):
                return known
            flight = key, self._generation
            others = self._drawing.get(flight)
            mine: Future[Kept | None] = Future()
            if others is None:
                self._drawing[flight] = mine
        if others is not None:
            return others.result()
        try:
            drawn = self._drawn(flight, draw)
        except BaseException as error:
            mine.set_exception(error)
            raise
        finally:
            with self._lock:
                del self._drawing[flight]
        mine.set_result(drawn)
        return drawn

    def forget(self) -> None:
        """Somebody here changed what strangers see: all is drawn anew when it is asked for."""
        with self._lock:
            self._generation += 1

    def _drawn(self, flight: tuple[Key, int], draw: Draw) -> Kept | None:
        key, generation = flight
        began_s = self._now()
        try:
            drawn = draw()
        except (OperationalError, PoolTimeoutError):
            drawn = self.last(key)
            if drawn is None:
                raise
            with self._lock:
                self._kept[key] = self._kept[key]._replace(until_s=self._now() + AGAIN_S, generation=generation)
            return drawn
        with self._lock:
            self.drawn += 1
            self._keep(key, _Entry(drawn, began_s, began_s + KEPT_S, generation))
        return drawn

    def _keep(self, key: Key, entry: _Entry) -> None:
        kept, other = (self._missing, self._kept) if entry.kept is None else (self._kept, self._missing)
        other.pop(key, None)
        kept[key] = entry
        kept.move_to_end(key)
        if len(kept) > MOST:
            kept.popitem(last=False)
