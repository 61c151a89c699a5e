"""Artifacts on disk: `<data dir>/artifacts/<organization>/ab/cdef…`, each named by the SHA-256 of what it holds.

A file comes into being under another name, is written out, and gets its own by a rename: whatever is cut off leaves
either all of it or something that `sweep` removes. Names are made here, from ids and digests alone; what a probe calls
a file is never part of a path (RELIABILITY T23).
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import suppress
from pathlib import Path

DIGEST = re.compile(r"[0-9a-f]{64}")
LEFT_OVER_S = 3_600.0
"""What nobody knows of is removed when it is so old: a younger one may be about to be made known."""
_FOLDER, _INCOMING = "artifacts", "incoming"
_ORGANIZATION = re.compile(r"[A-Za-z0-9_-]{1,40}")


class Incoming:
    """A file that is being received. `finish` or `discard` it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.size_bytes = 0
        self._digest = hashlib.sha256()
        self._file = path.open("xb")

    def write(self, data: bytes) -> None:
        """OSError when the disk is full."""
        self._file.write(data)
        self._digest.update(data)
        self.size_bytes += len(data)

    def finish(self) -> str:
        """Written out to the disk; the SHA-256 of all of it, as hex. OSError."""
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        return self._digest.hexdigest()

    def discard(self) -> None:
        """Gone, unless it has got its name. Safe to call twice."""
        with suppress(OSError):
            self._file.close()
        self.path.unlink(missing_ok=True)


def storage_path(organization_id: str, sha256: str) -> str:
    """Where this content is, below the data directory. ValueError for what is no digest or no id."""
    if not DIGEST.fullmatch(sha256) or not _ORGANIZATION.fullmatch(organization_id):
        raise ValueError("not the address of an artifact")
    return f"{_FOLDER}/{organization_id}/{sha256[:2]}/{sha256[2:]}"


class ArtifactFiles:
    """The folder of one installation. Processes may share it; who adds or removes holds the row of the counter
    (store/artifact_quota.py), so that no two are at one file."""

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir
        self._root = data_dir / _FOLDER

    def path(self, organization_id: str, sha256: str) -> Path:
        """Where this content is, if it is there. ValueError for what is no digest or no id."""
        return self._data_dir / storage_path(organization_id, sha256)

    def holds(self, organization_id: str, sha256: str, size_bytes: int) -> bool:
        """Whether the whole file is there."""
        try:
            return self.path(organization_id, sha256).stat().st_size == size_bytes
        except OSError:
            return False

    def receive(self) -> Incoming:
        """A new file to be written. OSError."""
        folder = self._root / _INCOMING
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return Incoming(folder / secrets.token_hex(16))

    def name(self, incoming: Incoming, organization_id: str, sha256: str) -> None:
        """Give a finished file its place. OSError."""
        path = self.path(organization_id, sha256)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        incoming.path.replace(path)

    def settle(self, organization_id: str, sha256: str) -> None:
        """Its name is on the disk too: from now on the file outlives a loss of power. OSError."""
        folder = self.path(organization_id, sha256).parent
        for place in (folder, folder.parent):
            descriptor = os.open(place, os.O_RDONLY | os.O_DIRECTORY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)

    def remove(self, organization_id: str, sha256: str) -> None:
        """Gone; nothing happens when it was not there."""
        with suppress(OSError):
            self.path(organization_id, sha256).unlink()

    def sweep(self, known: Callable[[str, Collection[str]], Collection[str]]) -> Iterator[int]:
        """Remove what nobody knows of, folder by folder; yields how many files went. `known(organization, digests)`:
        those of them that are known."""
        before = time.time() - LEFT_OVER_S
        yield _remove(_files(self._root / _INCOMING), before)
        for organization in _folders(self._root):
            if organization.name == _INCOMING:
                continue
            for folder in _folders(organization):
                old = {folder.name + path.name: path for path in _files(folder) if _older(path, before)}
                kept = set(known(organization.name, list(old))) if old else set()
                yield _remove([path for digest, path in old.items() if digest not in kept], before)


def _folders(folder: Path) -> list[Path]:
    with suppress(OSError):
        return sorted(path for path in folder.iterdir() if path.is_dir())
    return []


def _files(folder: Path) -> list[Path]:
    with suppress(OSError):
        return [path for path in folder.iterdir() if path.is_file()]
    return []


def _older(path: Path, before: float) -> bool:
    with suppress(OSError):
        return path.stat().st_mtime < before
    return False


def _remove(paths: list[Path], before: float) -> int:
    """Those that are still as old: one may just have been written anew."""
    old = [path for path in paths if _older(path, before)]
    for path in old:
        path.unlink(missing_ok=True)
    return len(old)
