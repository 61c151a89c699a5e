"""What a run's pages said and what befell them: console messages, uncaught errors, requests that failed, dialogs."""

from __future__ import annotations

import time
from typing import Any, Literal

import msgspec
from playwright.async_api import BrowserContext, ConsoleMessage, WebError

from journeys.scrubbing import Secrets
from model.times import iso

MAX_ENTRIES = 1_000
MAX_TEXT = 2_000
"""Characters of one entry's text or URL."""

Kind = Literal["console", "exception", "request_failed", "dialog", "download", "popup", "crash", "evidence"]


class Entry(msgspec.Struct, frozen=True, omit_defaults=True):
    """`at`: ISO 8601 by this machine's clock; `step`: index of the step that ran; `level`: the browser's, of console
    messages (`error`, `warning`, `log`, …)."""

    at: str
    kind: Kind
    text: str
    step: int | None = None
    level: str | None = None
    url: str | None = None
    line: int | None = None


class Console:
    """Of one run. What is beyond MAX_ENTRIES is counted."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.step: int | None = None
        self._beyond = 0

    def follow(self, context: BrowserContext) -> None:
        """Hear all pages of the context."""
        context.on("console", self._on_console)
        context.on("weberror", self._on_error)

    def note(
        self, kind: Kind, text: str, *, level: str | None = None, url: str | None = None, line: int | None = None
    ) -> None:
        """Something that happened now."""
        if len(self.entries) >= MAX_ENTRIES:
            self._beyond += 1
            return
        shown_url = None if not url else url[:MAX_TEXT]
        now = iso(time.time_ns() // 1_000_000) or ""
        self.entries.append(Entry(now, kind, text[:MAX_TEXT], self.step, level, shown_url, line))

    def encoded(self, secrets: Secrets) -> bytes:
        """The artifact: a JSON list of entries, in their order."""
        entries = list(self.entries)
        if self._beyond:
            entries.append(Entry(entries[-1].at, "evidence", f"{self._beyond} more were not kept"))
        plain: list[Any] = msgspec.to_builtins(entries)
        kept = frozenset({"at", "kind", "step", "level", "line"})
        return msgspec.json.format(msgspec.json.encode(secrets.tree(plain, kept)), indent=1)

    def _on_console(self, message: ConsoleMessage) -> None:
        place = message.location
        self.note(
            "console", message.text, level=message.type, url=place.get("url"), line=place.get("lineNumber", 0) + 1
        )

    def _on_error(self, error: WebError) -> None:
        self.note("exception", str(error.error), level="error", url=None if error.page is None else error.page.url)
