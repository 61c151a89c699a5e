"""The thread that lets artifacts go when their time is over: of a process that takes them in, for it has the files."""

from __future__ import annotations

import threading
from types import TracebackType
from typing import Self

import structlog
from sqlalchemy.exc import SQLAlchemyError

from model.settings import Settings
from store.artifact_quota import ArtifactQuota
from store.artifact_retention import ArtifactRetention
from store.sessions import Database
from telemetry.agents.stored.artifact_retention import AgentArtifactRetention

PASS_S = 300.0
"""Between the end of one pass over everything and the next."""
PAUSE_S = 0.05
"""Between two writes: others write meanwhile."""
_log = structlog.get_logger(__name__)


class ArtifactKeeping:
    """Works inside its block."""

    def __init__(self, database: Database, settings: Settings, quota: ArtifactQuota) -> None:
        self._of_agents = AgentArtifactRetention(database, quota)
        self._retention = ArtifactRetention(database, settings, quota.files, quota)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._main, name="artifact-keeping", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping.set()
        self._thread.join()

    def _main(self) -> None:
        while not self._stopping.is_set():
            try:
                more = self._of_agents.step() or self._retention.step()
            except SQLAlchemyError as error:
                _log.warning("artifacts.not_kept", error=str(error.__cause__ or error))
                more = False
            except OSError as error:
                _log.warning("artifacts.not_kept", error=str(error))
                more = False
            self._stopping.wait(PAUSE_S if more else PASS_S)
