"""Gathers what shows how a run went: pictures, the trace and the archive made of it, the console. Nothing of it may end
a run otherwise than it ended: what can't be had is left out, and the console says so."""

from __future__ import annotations

import asyncio
import tempfile
import zipfile
from pathlib import Path

import structlog
from playwright.async_api import Error

from journeys.errors import StepError
from journeys.evidence import har, screenshots, trace
from journeys.evidence.files import MAX_BYTES, keep
from journeys.session import Session
from model.evidence import ArtifactType, Evidence

_JSON = "application/json"
_PICTURE_S = 5.0
_log = structlog.get_logger(__name__)


class Keeper:
    """The evidence of one run, in `folder`."""

    def __init__(self, session: Session, folder: Path) -> None:
        self.kept: list[Evidence] = []
        self._session = session
        self._folder = folder

    async def picture(self, step: int, left_s: float) -> str | None:
        """The sha256 of a picture of the page in front, taken at a step; None when there is none to be had."""
        limit = min(left_s, _PICTURE_S)
        try:
            async with asyncio.timeout(limit):
                data = await screenshots.picture(self._session.walk, limit)
        except (Error, StepError, TimeoutError) as error:
            self._missed("a screenshot", error)
            return None
        return self._keep(data, "screenshot", screenshots.CONTENT_TYPE, step)

    async def finish(self, left_s: float) -> None:
        """The trace, the archive and the console, which end with this."""
        with tempfile.TemporaryDirectory(prefix="trace-", ignore_cleanup_errors=True) as scratch:
            path = Path(scratch) / "trace.zip"
            try:
                async with asyncio.timeout(left_s):
                    await self._session.context.tracing.stop(path=path)
                self._session.ending.begin()
                await asyncio.sleep(0)  # the browser closes the context while the trace is rewritten here
                self._keep_trace(path)
            except (Error, TimeoutError, OSError, zipfile.BadZipFile, trace.TraceTooLargeError) as error:
                self._missed("the trace", error)
        self._keep(self._session.console.encoded(self._session.secrets), "console", _JSON)

    def _keep_trace(self, path: Path) -> None:
        if path.stat().st_size > MAX_BYTES:
            raise trace.TraceTooLargeError(f"it is larger than {MAX_BYTES >> 20} MiB")
        rewritten, network = trace.rewritten(path.read_bytes(), self._session.secrets)
        self._keep(rewritten, "trace", trace.CONTENT_TYPE)
        self._keep(har.archive(network), "har", _JSON)

    def _keep(self, data: bytes, kind: ArtifactType, content_type: str, step: int | None = None) -> str | None:
        if self._session.secrets.hides_in(data):
            self._missed(f"a {kind}", StepError("a secret was left in it"))
            return None
        try:
            evidence = keep(self._folder, data, kind, content_type, step)
        except OSError as error:
            self._missed(f"a {kind}", error)
            return None
        self.kept.append(evidence)
        return evidence.sha256

    def _missed(self, what: str, error: Exception) -> None:
        reason = str(error).partition("\n")[0][:200] or type(error).__name__
        _log.warning("evidence.missed", what=what, reason=self._session.secrets.text(reason))
        self._session.console.note("evidence", f"{what} could not be kept: {reason}")
