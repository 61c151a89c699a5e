"""Status pages and badges from memory, on the server's loop: no thread and no query for who asks for what was drawn a
moment ago. What is not there, what only members see and all forms are Flask's (api/pages/status.py)."""

from __future__ import annotations

import asyncio
import re

from flask import Flask

from api.kept_pages import Kept, Key, PublicPages, Unknown
from api.services import services_of
from api.serving_pools import Pool, SaturatedError
from api.serving_requests import Headers, Reply, Request
from api.status.badges import BADGES, badge
from api.status.documents import public_part

STATUS_PREFIX, BADGE_PREFIX = "/status/", "/badge/"
METHODS = ("GET", "HEAD", "POST")
BADGE_METHODS = ("GET", "HEAD")
_PAGE = re.compile(r"/status/([a-z0-9-]{1,64})(|\.json|\.atom|/style\.css|/script\.js|/logo)", re.ASCII)
_BADGE = re.compile(r"/badge/((?:mon|jny)_[0-9a-z]{6,40})/(uptime|state)\.svg", re.ASCII)
_PART = {"": "html", ".json": "json", ".atom": "atom", "/style.css": "style", "/script.js": "script", "/logo": "logo"}
_GZIP = (b"content-encoding", b"gzip")


def key_of(path: str) -> Key | None:
    """(slug or check id, part) of an address; None: none that is drawn for strangers."""
    found = _PAGE.fullmatch(path)
    if found is not None:
        return found[1], _PART[found[2]]
    found = _BADGE.fullmatch(path)
    return (found[1], found[2]) if found is not None else None


def draw(key: Key) -> Kept | None:
    """In an app's context."""
    name, part = key
    return badge(name, part) if part in BADGES else public_part(name, part)


class PublicServing:
    """The handler of both prefixes. `pool`: whose threads draw."""

    def __init__(self, app: Flask, pool: Pool) -> None:
        self._app = app
        self._pool = pool
        self._waiting: dict[Key, asyncio.Task[Kept | None]] = {}

    async def handle(self, request: Request) -> Reply | None:
        """None where Flask has to look."""
        key = key_of(request.path) if request.method != "POST" else None
        if key is None:
            return None
        found = services_of(self._app).public_pages.look(key)
        kept = await self._drawn(key) if isinstance(found, Unknown) else found
        return None if kept is None else reply_of(kept, request)

    async def _drawn(self, key: Key) -> Kept | None:
        """One drawing for all who wait for it."""
        task = self._waiting.get(key)
        if task is None:
            task = self._waiting[key] = asyncio.get_running_loop().create_task(self._draw(key))
            task.add_done_callback(lambda _done: self._waiting.pop(key, None))
        return await asyncio.shield(task)

    async def _draw(self, key: Key) -> Kept | None:
        pages = services_of(self._app).public_pages
        try:
            return await self._pool.run(self._in_context, pages, key)
        except SaturatedError:
            last = pages.last(key)
            if last is None:
                raise
            return last

    def _in_context(self, pages: PublicPages, key: Key) -> Kept | None:
        with self._app.app_context():
            return pages.get(key, lambda: draw(key))


def reply_of(kept: Kept, request: Request) -> Reply:
    """It as this client wants it: nothing, if it has it; gzipped, if it can read that."""
    zipped = wants = None
    for name, value in request.headers:
        if name == b"accept-encoding":
            zipped = kept.gzipped if b"gzip" in value and b"gzip;q=0" not in value else None
        elif name == b"if-none-match":
            wants = value
    if wants is not None and (wants == b"*" or kept.etag[2:].encode() in wants):
        return Reply(b"", 304, prepared=kept.wire)
    body = kept.body if zipped is None else zipped
    length: Headers = ((b"content-length", b"%d" % len(body)),)
    return Reply(body, prepared=(*kept.wire, *length) if zipped is None else (*kept.wire, *length, _GZIP))
