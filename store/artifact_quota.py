"""How much disk artifacts may take, and who makes room: the evidence of passed runs, the oldest first, then what is of
agents' runs, then that of others, both once they are a day old (RELIABILITY F16).

Every change of the files and their rows happens while the row of the counter `artifact_bytes` is held, so their sum is
exact, and no file goes while another process counts on it.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy.orm import Session

from model.ids import new_id
from model.settings import Settings
from model.times import DAY_MS, HOUR_MS
from store.artifact_files import ArtifactFiles, Incoming
from store.sessions import EVERY_ORGANIZATION, Database
from store.statements import rows, run
from store.write_lock import Urgency

AWAITED_MS = HOUR_MS
"""A file without a run stays so long: its result follows it, and may have to wait for an API that is away."""
FAILURES_KEPT_MS = DAY_MS
"""Evidence of what did not pass, and of agents, stays at least so long, also when nothing else is left to make room."""
ROWS_AT_ONCE = 20
"""One write makes room by the runs of so many artifacts at most: results wait meanwhile."""
_ADD_BYTES = "UPDATE counters SET value = value + ? WHERE name = 'artifact_bytes' RETURNING value"
_KNOWN = "SELECT id FROM artifact_files WHERE organization_id = ? AND sha256 = ?"
_KNOWN_SIZE = "SELECT size_bytes FROM artifact_files WHERE organization_id = ? AND sha256 = ?"
_EXPECT = "UPDATE artifact_files SET awaited_until_ms = ? WHERE organization_id = ? AND sha256 = ?"
_NEW = (
    "INSERT INTO artifact_files (id, organization_id, sha256, size_bytes, created_ms, awaited_until_ms) "
    "VALUES (?, ?, ?, ?, ?, ?)"
)
_OLDEST_OF_AGENTS = (
    "SELECT id FROM agent_artifacts WHERE created_ms < ? AND file_id IS NOT NULL ORDER BY created_ms LIMIT ?"
)
_FILES_OF_AGENTS = "SELECT DISTINCT file_id FROM agent_artifacts WHERE id IN ? AND file_id IS NOT NULL"
_OLDEST = "SELECT run_id FROM artifacts WHERE passed = ? AND created_ms < ? ORDER BY created_ms LIMIT ?"
_FILES_OF = "SELECT DISTINCT file_id FROM artifacts WHERE run_id IN ?"
_LOCK = "SELECT id FROM artifact_files WHERE id IN ? ORDER BY id FOR UPDATE"
_NEEDED_BY_NONE = (
    "(f.awaited_until_ms IS NULL OR f.awaited_until_ms < ?) "
    "AND NOT EXISTS (SELECT 1 FROM artifacts a WHERE a.file_id = f.id) "
    "AND NOT EXISTS (SELECT 1 FROM agent_artifacts g WHERE g.file_id = f.id)"
)
_USELESS = f"SELECT f.id, f.organization_id, f.sha256, f.size_bytes FROM artifact_files f WHERE {_NEEDED_BY_NONE}"  # noqa: S608
_USELESS_AMONG = f"{_USELESS} AND f.id IN ?"


class ArtifactQuota:
    """One per process: what arrives there at this moment is counted too. Threads may share it."""

    def __init__(self, database: Database, settings: Settings, files: ArtifactFiles) -> None:
        self._database = database
        self.files = files
        self._most_bytes = round(settings.artifacts_gb * 1_000_000_000)
        self._lock = threading.Lock()
        self._arriving = 0

    def expect(self, organization_id: str, sha256: str) -> bool:
        """Whether this content is here already; if so, it stays until a result names it."""
        with self._database.read(EVERY_ORGANIZATION) as session:
            found = rows(session, _KNOWN_SIZE, organization_id, sha256)
        if not found or not self.files.holds(organization_id, sha256, found[0][0]):
            return False
        with self._database.write(EVERY_ORGANIZATION, Urgency.RESULTS) as session:
            until_ms = self._database.now_ms(session) + AWAITED_MS
            return bool(run(session, _EXPECT, until_ms, organization_id, sha256))

    @contextmanager
    def reserved(self, size_bytes: int) -> Iterator[None]:
        """So many bytes are about to arrive: inside the block they count as if they were here."""
        with self._lock:
            self._arriving += size_bytes
        try:
            yield
        finally:
            with self._lock:
                self._arriving -= size_bytes

    def make_room(self, urgency: Urgency = Urgency.RESULTS) -> bool:
        """Let evidence go until the rest, with what arrives, is within the quota. False: what is left may not go."""
        while self._arriving <= self._most_bytes:  # else nothing that could go would help
            with self._database.write(EVERY_ORGANIZATION, urgency) as session:
                over = self._over(session)
                if over <= 0:
                    return True
                if not self._let_go(session, over):
                    return False
        return False

    def add(self, organization_id: str, sha256: str, incoming: Incoming) -> None:
        """A finished file is stored when this returns. OSError."""
        with self._database.write(EVERY_ORGANIZATION, Urgency.RESULTS) as session:
            _hold(session)
            now_ms = self._database.now_ms(session)
            self.files.name(incoming, organization_id, sha256)
            if rows(session, _KNOWN, organization_id, sha256):  # it came twice at one time, or its file had been lost
                run(session, _EXPECT, now_ms + AWAITED_MS, organization_id, sha256)
            else:
                size = incoming.size_bytes
                run(
                    session, _NEW, new_id("fil", now_ms), organization_id, sha256, size, now_ms, now_ms + AWAITED_MS
                )  # fmt: skip
                rows(session, _ADD_BYTES, size)
        self.files.settle(organization_id, sha256)

    def forget_runs(self, session: Session, run_ids: Sequence[str]) -> int:
        """Remove the artifacts of these runs, and the files that nothing else needs; how many bytes that were."""
        _hold(session)
        files = [row[0] for row in rows(session, _FILES_OF, list(run_ids))]
        run(session, "DELETE FROM artifacts WHERE run_id IN ?", list(run_ids))
        rows(session, _LOCK, files)  # whoever is just tying one of them to a run is waited for
        return self._remove(session, rows(session, _USELESS_AMONG, self._database.now_ms(session), files))

    def forget_of_agents(self, session: Session, artifact_ids: Sequence[str]) -> int:
        """Remove these artifacts of agents' runs, and the files that nothing else needs; how many bytes that were."""
        _hold(session)
        files = [row[0] for row in rows(session, _FILES_OF_AGENTS, list(artifact_ids))]
        rows(session, _LOCK, files)  # first, as an upload does, which holds its file while it writes its row
        run(session, "DELETE FROM agent_artifacts WHERE id IN ?", list(artifact_ids))
        return self._remove(session, rows(session, _USELESS_AMONG, self._database.now_ms(session), files))

    def forget_useless(self, session: Session) -> int:
        """Remove some of the files that no run needs and none will name any more; how many bytes that were."""
        _hold(session)
        now_ms = self._database.now_ms(session)
        found = rows(session, f"{_USELESS} LIMIT ?", now_ms, ROWS_AT_ONCE)
        ids = [row[0] for row in found]
        rows(session, _LOCK, ids)
        return self._remove(session, rows(session, _USELESS_AMONG, now_ms, ids)) if ids else 0

    def _over(self, session: Session) -> int:
        with self._lock:
            arriving = self._arriving
        return _hold(session) + arriving - self._most_bytes

    def _let_go(self, session: Session, over: int) -> bool:
        """Let go of some evidence; False when there is none that may go."""
        now_ms = self._database.now_ms(session)
        kept_ms = now_ms - FAILURES_KEPT_MS
        for forget, query, values in (
            (self.forget_runs, _OLDEST, (True, now_ms + 1)),
            (self.forget_of_agents, _OLDEST_OF_AGENTS, (kept_ms,)),
            (self.forget_runs, _OLDEST, (False, kept_ms)),
        ):
            oldest = rows(session, query, *values, ROWS_AT_ONCE)
            for named in dict.fromkeys(row[0] for row in oldest):
                over -= forget(session, [named])
                if over <= 0:
                    break
            if oldest:
                return True
        return self.forget_useless(session) > 0

    def _remove(self, session: Session, files: Sequence[Any]) -> int:
        run(session, "DELETE FROM artifact_files WHERE id IN ?", [row[0] for row in files])
        freed = sum(int(row[3]) for row in files)
        rows(session, _ADD_BYTES, -freed)
        for _, organization_id, sha256, _ in files:
            self.files.remove(organization_id, sha256)
        return freed


def _hold(session: Session) -> int:
    """Nobody else adds or removes files until this transaction ends; the bytes of all of them."""
    return int(rows(session, _ADD_BYTES, 0)[0][0])
