"""The thread that writes when keys and browsers were last used, once a minute and when the server ends."""

from __future__ import annotations

import threading
from types import TracebackType
from typing import Self

import structlog
from sqlalchemy.exc import SQLAlchemyError

from store.sessions import Database
from store.uses import Uses

WRITE_S = 60.0
_log = structlog.get_logger(__name__)


class UseWriter:
    """Of one process. Leave it after the server that notes the uses: what was noted last is written then."""

    def __init__(self, database: Database, uses: Uses) -> None:
        self._database = database
        self._uses = uses
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._main, name="use-writer", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping.set()
        self._thread.join()

    def _main(self) -> None:
        stopping = False
        while not stopping:
            stopping = self._stopping.wait(WRITE_S)
            try:
                self._uses.write(self._database)
            except SQLAlchemyError as error:
                _log.warning("uses.not_written", error=str(error.__cause__ or error))
