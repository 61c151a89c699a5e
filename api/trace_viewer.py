"""Playwright's trace viewer, out of the package that is installed anyway, on a host name of its own.

A trace is what pages under test have said, and the viewer draws them again: documents of its own origin, fed by a
service worker, so that no sandbox without an origin can be put around it. Therefore it never shares an origin with
Tracer: a request for the viewer's name gets the viewer's files and nothing else, whatever it asks for, and no other
name ever gets them. No session can begin there, no cookie goes there; what a trace might run finds nobody to be
(docs/decisions/0017-traces-on-a-name-of-their-own.md).

The name is that of TRACER_TRACES_URL. A Tracer that is looked at on this machine needs none: browsers take every name
under `localhost` for it.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote, urlsplit

from api.errors import NotFound
from api.serving_requests import Headers, Reply, Request
from model.settings import Settings

METHODS = ("GET", "HEAD")
AT_HOME = ("127.0.0.1", "localhost", "::1")
LOCAL_NAME = "traces.localhost"
_IN_THE_PACKAGE = Path("driver/package/lib/vite/traceViewer")
_ENTRY, _WORKER = "index.html", "sw.bundle.js"
_TYPES = {
    ".html": b"text/html; charset=utf-8",
    ".js": b"text/javascript; charset=utf-8",
    ".css": b"text/css; charset=utf-8",
    ".svg": b"image/svg+xml",
    ".ttf": b"font/ttf",
    ".webmanifest": b"application/manifest+json",
}
_INLINE = re.compile(rb"<script>(.*?)</script>", re.DOTALL)
_HASHED = re.compile(r"[.-][\w-]{8,9}\.(js|css|ttf)$", re.ASCII)
_HOST = re.compile(r"(\[[0-9a-f:]+\]|[a-z0-9.-]+)(:[0-9]{1,5})?", re.ASCII)
_POLICY = (
    "default-src 'none'; script-src 'self'{inline}; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
    "font-src 'self' data:; connect-src 'self' {traces}; worker-src 'self' blob:; frame-src 'self' blob: data:; "
    "manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
)
"""Styles: the viewer's editor makes them as it goes. Traces come from Tracer and from nowhere else."""


@dataclass(frozen=True)
class _File:
    body: bytes
    kind: bytes
    inline: str


class TraceViewer:
    """The handler of every request for the viewer's name."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._name = LOCAL_NAME if settings.traces_url is None else urlsplit(settings.traces_url).hostname

    def is_for(self, request: Request) -> bool:
        """Whether a request is for the viewer's name."""
        return _split(request.header(b"host"))[0] == self._name

    async def handle(self, request: Request) -> Reply:
        """One of its files. NotFound."""
        file = _files().get(request.path.removeprefix("/") or _ENTRY)
        if file is None:
            raise NotFound("Here is Playwright's trace viewer and nothing else: open a trace from the page of its run")
        return Reply(file.body, prepared=self._headers(request, file))

    def _headers(self, request: Request, file: _File) -> Headers:
        policy = _POLICY.format(inline=file.inline, traces=self._traces(request))
        kept = b"public, max-age=604800, immutable" if _HASHED.search(request.path) else b"no-cache"
        return (
            (b"content-type", file.kind),
            (b"content-length", b"%d" % len(file.body)),
            (b"content-security-policy", policy.encode()),
            (b"cache-control", kept),
            (b"x-content-type-options", b"nosniff"),
            (b"x-frame-options", b"SAMEORIGIN"),
            (b"referrer-policy", b"no-referrer"),
            (b"cross-origin-opener-policy", b"same-origin"),
        )

    def _traces(self, request: Request) -> str:
        """Where traces may be read from."""
        if self._settings.traces_url is not None:
            public = urlsplit(self._settings.links_begin)
            return f"{public.scheme}://{public.netloc}"
        port = _split(request.header(b"host"))[1]
        return f"http://127.0.0.1{port} http://localhost{port}"


def viewer_link(settings: Settings, host: str, trace_path: str) -> str | None:
    """The address at which a visitor, who has asked `host` (as the header says it), sees a trace. None where there is
    no viewer for them: Playwright is not installed, or TRACER_TRACES_URL is not set."""
    if not _files():
        return None
    if settings.traces_url is not None:
        return f"{settings.traces_url.rstrip('/')}/?trace={quote(settings.links_begin + trace_path, safe='')}"
    name, port = _split(host)
    if name not in AT_HOME[:2] or urlsplit(settings.links_begin).hostname not in AT_HOME:
        return None
    return f"http://{LOCAL_NAME}{port}/?trace={quote(f'http://{name}{port}{trace_path}', safe='')}"


@cache
def _files() -> Mapping[str, _File]:
    """By path; none where Playwright is not installed, or is not as it was."""
    found = find_spec("playwright")
    folder = Path((found.submodule_search_locations or [""])[0]) / _IN_THE_PACKAGE if found is not None else None
    if folder is None or not all((folder / name).is_file() for name in (_ENTRY, _WORKER)):
        return {}
    return {
        path.relative_to(folder).as_posix(): _file(path)
        for path in folder.rglob("*")
        if path.is_file() and path.suffix in _TYPES
    }


def _file(path: Path) -> _File:
    body = path.read_bytes()
    scripts = _INLINE.findall(body) if path.suffix == ".html" else []
    inline = "".join(f" 'sha256-{base64.b64encode(sha256(script).digest()).decode()}'" for script in scripts)
    return _File(body, _TYPES[path.suffix], inline)


def _split(host: str) -> tuple[str, str]:
    """The name and `:port` of a Host header; nothing of one that is none."""
    found = _HOST.fullmatch(host.lower())
    return (found[1].strip("[]"), found[2] or "") if found is not None else ("", "")
