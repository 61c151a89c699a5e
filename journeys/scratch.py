"""Where a pool's browsers keep their temporary files. A browser makes sockets among them, whose paths end at 107
characters (unix(7)), so they can't lie in the data folder, which may be deep: they lie in the system's folder for such,
and the data folder says where."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path


def scratch_of(home: Path) -> Path | None:
    """The folder of the last pool that had this home."""
    try:
        return Path(_note(home).read_text())
    except FileNotFoundError:
        return None


def new_scratch(home: Path) -> Path:
    """A new folder for this home, which only this user can open."""
    scratch = tempfile.mkdtemp(prefix="tracer-")
    _note(home).write_text(scratch)
    return Path(scratch)


def remove_scratch(home: Path) -> None:
    """That folder with all that is in it, if there is one."""
    scratch = scratch_of(home)
    if scratch is not None:
        shutil.rmtree(scratch, ignore_errors=True)
        _note(home).unlink(missing_ok=True)


def _note(home: Path) -> Path:
    return home / "scratch-at"
