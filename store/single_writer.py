"""One process writes a SQLite store: it holds a lock on a file beside it for as long as it lives.

SQLite itself would let two servers write in turns. Each would believe that it alone schedules, wakes and rescues.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_ASK_AGAIN_S = 0.05
_PATIENCE_S = 5.0


class AnotherWriterError(Exception):
    """Another process serves from this store; the text is for people."""


@contextmanager
def single_writer(database: Path, patience_s: float = _PATIENCE_S) -> Iterator[None]:
    """Holds `<database>.lock`; the kernel lets go of it when the process ends, however it ends. One that is just being
    stopped gets `patience_s` seconds. Raises AnotherWriterError."""
    path = database.with_name(f"{database.name}.lock")
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        _take(descriptor, database, time.monotonic() + patience_s)
        yield
    finally:
        os.close(descriptor)


def _take(descriptor: int, database: Path, give_up_at: float) -> None:
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= give_up_at:
                raise AnotherWriterError(
                    f"Another Tracer is using {database}. Stop it, or give this one a TRACER_DATA_DIR of its own."
                ) from None
            time.sleep(_ASK_AGAIN_S)
        else:
            return
