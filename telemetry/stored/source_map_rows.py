"""Source maps as they are kept, and a memory of those that are in use."""

from __future__ import annotations

import hashlib
import threading
import zlib
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy.orm import Session
from symbolic.sourcemap import SourceMapView

from store.sessions import EVERY_ORGANIZATION, Database
from store.statements import rows, run
from telemetry.events import MapFrames
from telemetry.source_maps import map_frames, names_of, parse
from telemetry.stored.head import hold_head, keep_head

REMEMBERED_BYTES = 128 << 20
"""How large the maps that a process keeps ready are in all, as they were uploaded."""
_COLUMNS = "number, project, release, url, sha256, size_bytes, created_ms"


class StoredMap(msgspec.Struct):
    number: int
    project: int
    release: str
    url: str
    sha256: str
    size_bytes: int
    created_ms: int


def keep_map(session: Session, project: int, release: str, url: str, content: bytes, now_ms: int) -> StoredMap:
    """The map of this file of this release from now on, in place of another."""
    head = hold_head(session, now_ms)
    for (number,) in rows(
        session, "SELECT number FROM source_maps WHERE project = ? AND release = ? AND url = ?", project, release, url
    ):
        run(session, "DELETE FROM source_maps WHERE number = ?", number)
        run(session, "DELETE FROM source_map_files WHERE number = ?", number)
    head.maps += 1
    keep_head(session, head)
    made = StoredMap(head.maps, project, release, url, hashlib.sha256(content).hexdigest(), len(content), head.at_ms)
    run(session, f"INSERT INTO source_maps ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)", *msgspec.structs.astuple(made))  # noqa: S608
    run(session, "INSERT INTO source_map_files (number, content) VALUES (?, ?)", made.number, zlib.compress(content, 6))
    return made


def list_maps(
    session: Session, projects: Sequence[int], release: str | None = None, *, before: int | None = None, limit: int
) -> list[StoredMap]:
    """Those that are in force of these projects, the newest first. `before`: the number of the last one of the page
    before."""
    if not projects:
        return []
    query = f"SELECT {_COLUMNS} FROM source_maps WHERE project IN ?"  # noqa: S608
    values: list[Any] = [list(projects)]
    for condition, value in (("release = ?", release), ("number < ?", before)):
        if value is not None:
            query, values = f"{query} AND {condition}", [*values, value]
    return [StoredMap(*row) for row in rows(session, f"{query} ORDER BY number DESC LIMIT ?", *values, limit)]


class SourceMaps:
    """One per process; threads share it. `store`: of telemetry. A map that has changed has another number."""

    def __init__(self, store: Database, most_bytes: int = REMEMBERED_BYTES) -> None:
        self._store = store
        self._most_bytes = most_bytes
        self._lock = threading.Lock()
        self._ready: OrderedDict[int, tuple[int, SourceMapView | None]] = OrderedDict()

    def mapper(self, project: int, session: Session | None = None) -> MapFrames:
        """How frames of this project are mapped, looked up as maps are there now. `session`: to look in, if not one of
        its own."""
        known: dict[tuple[str, str], SourceMapView | None] = {}

        def mapped(release: str, frames: Sequence[dict[str, Any]]) -> Sequence[dict[str, Any]]:
            if not any(frame.get("colno") for frame in frames):
                return frames  # nothing that was minified has no columns

            def view_of(filename: str) -> SourceMapView | None:
                key = (release, filename)
                if key not in known:
                    known[key] = self._view(project, release, filename, session)
                return known[key]

            return map_frames(frames, view_of)

        return mapped

    def _view(self, project: int, release: str, filename: str, session: Session | None) -> SourceMapView | None:
        if session is None:
            with self._store.read(EVERY_ORGANIZATION) as own:
                return self._view(project, release, filename, own)
        names = names_of(filename)
        query = f"SELECT {_COLUMNS} FROM source_maps WHERE project = ? AND release = ? AND url IN ?"  # noqa: S608
        found = {row[3]: StoredMap(*row) for row in rows(session, query, project, release, list(names))}
        best = next((found[name] for name in names if name in found), None)
        return None if best is None else self._parsed(session, best)

    def _parsed(self, session: Session, stored: StoredMap) -> SourceMapView | None:
        with self._lock:
            if stored.number in self._ready:
                self._ready.move_to_end(stored.number)
                return self._ready[stored.number][1]
        found = rows(session, "SELECT content FROM source_map_files WHERE number = ?", stored.number)
        if not found:
            return None
        view = parse(zlib.decompress(found[0][0]))
        with self._lock:
            self._ready[stored.number] = (stored.size_bytes, view)
            while len(self._ready) > 1 and sum(size for size, _ in self._ready.values()) > self._most_bytes:
                self._ready.popitem(last=False)
        return view
