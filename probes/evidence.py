"""Files that show what a journey did: on this disk until the API has them, named by the sha256 of their bytes.

They go to the API before the result that names them, so that a run that has ended can be looked at. While the API is
away they wait beside the spool, and a later process finds them there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Protocol

import structlog

from model.evidence import Evidence
from probes.connection import ApiAwayError, ApiConnection, KeyRefusedError, OutdatedError, RequestRefusedError

EVIDENCE = "evidence"
"""The folder of it, beside the spool."""
PATH = "/v1/probe/artifacts/"
_TIMEOUT_S = 20.0
_log = structlog.get_logger(__name__)


class Delivery(Protocol):
    """What the worker asks of it."""

    async def deliver(self, files: Sequence[Evidence]) -> None:
        """Send these now, if that can be; those that could not be sent stay. Raises nothing."""
        ...


class _Nothing:
    async def deliver(self, files: Sequence[Evidence]) -> None:
        """Of a probe that walks no journeys."""


NO_EVIDENCE: Delivery = _Nothing()


class EvidenceStore:
    """The folder, and the way to the API."""

    def __init__(self, folder: Path, connection: ApiConnection, waiting: Iterable[Evidence] = ()) -> None:
        """`waiting`: what results in the spool name. All else in the folder belonged to runs that will be run again."""
        self._folder = folder
        self._connection = connection
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        needed = {one.sha256 for one in waiting}
        for path in folder.iterdir():
            if path.is_file() and path.name not in needed:
                path.unlink(missing_ok=True)

    async def deliver(self, files: Sequence[Evidence]) -> None:
        try:
            await self.send(files)
        except (ApiAwayError, KeyRefusedError, OutdatedError) as away:
            _log.info("evidence.waits", files=len(files), reason=str(away))

    async def send(self, files: Sequence[Evidence]) -> None:
        """All of these that are here still; each is gone from this disk once the API has it, or will not have it.
        Raises ApiAwayError."""
        for one in files:
            path = self._folder / one.sha256
            try:
                body = await asyncio.to_thread(path.read_bytes)
            except FileNotFoundError:
                continue  # sent already
            try:
                await self._connection.put(PATH + one.sha256, body, one.content_type, _TIMEOUT_S)
            except RequestRefusedError as refused:
                _log.warning("evidence.refused", sha256=one.sha256, type=one.type, reason=str(refused))
            path.unlink(missing_ok=True)
