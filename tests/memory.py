"""Where tests keep their files: in memory where the machine has a file system of it with room, since thousands of
databases are made, synced and thrown away. Nothing here holds what a power cut leaves, so nothing is lost by it."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

_SHARED = Path("/dev/shm")  # noqa: S108 - folders in it are made by mkdtemp
_ROOM = 6 << 30


def use_memory() -> None:
    """Unless TMPDIR says where. Processes that are started later follow."""
    if "TMPDIR" in os.environ or not os.access(_SHARED, os.W_OK | os.X_OK):
        return
    if shutil.disk_usage(_SHARED).free >= _ROOM and _available() >= _ROOM:
        os.environ["TMPDIR"] = str(_SHARED)
        tempfile.tempdir = None


def _available() -> int:
    """Bytes of memory that are free or can be made so; 0 where the system does not say."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) << 10 for line in lines if line.startswith("MemAvailable:")), 0)
