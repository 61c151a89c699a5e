"""A yard with artifacts: files stored as an upload does, runs recorded that name them."""

from __future__ import annotations

import hashlib
from pathlib import Path

from alerts.record import record
from model.evidence import Evidence
from model.settings import Settings
from store.artifact_files import ArtifactFiles
from store.artifact_quota import ArtifactQuota
from store.artifact_tables import Artifact, ArtifactFile
from store.artifacts import artifacts_of_run
from store.sessions import EVERY_ORGANIZATION, Database
from store.statements import rows
from store.write_lock import Urgency
from tests.alerts.recording import add_check, measured, rows_of
from tests.conftest import Clock

KB = 1_000


class Evidences:
    """`quota_kb`: how much may be kept."""

    def __init__(
        self, database: Database, organization: str, clock: Clock, data_dir: Path, quota_kb: float = 5_000_000
    ) -> None:
        self.database, self.organization, self.clock = database, organization, clock
        self.settings = Settings(data_dir=data_dir, artifacts_gb=quota_kb / 1e6)
        self.files = ArtifactFiles(data_dir)
        self.quota = ArtifactQuota(database, self.settings, self.files)
        self.check = add_check(database, organization)

    def upload(self, content: bytes, organization: str | None = None) -> str | None:
        """The digest; None when there is no room."""
        owner, digest = organization or self.organization, hashlib.sha256(content).hexdigest()
        if self.quota.expect(owner, digest):
            return digest
        with self.quota.reserved(len(content)):
            if not self.quota.make_room():
                return None
            incoming = self.files.receive()
            incoming.write(content)
            assert incoming.finish() == digest
            self.quota.add(owner, digest, incoming)
        return digest

    def run(self, *digests: str | None, passed: bool = True, after_ms: int = 10_000) -> str:
        """A run `after_ms` later that names these files as screenshots of its steps."""
        self.clock.advance(after_ms)
        evidence = tuple(
            Evidence("screenshot", digest or "0" * 64, "image/png", 1, step) for step, digest in enumerate(digests)
        )
        done = measured(self.organization, self.check, self.clock.now_ms, passed=passed, artifacts=evidence)
        with self.database.write(EVERY_ORGANIZATION, Urgency.RESULTS) as session:
            assert record(session, [done], self.clock.now_ms) == []
        return done.run_id

    def journey(self, number: int, *, kb: int = 100, passed: bool = True) -> str:
        """A run with a screenshot of its own, of that size."""
        return self.run(self.upload(str(number).encode().ljust(kb * KB, b".")), passed=passed)

    def of(self, run_id: str) -> list[Artifact]:
        with self.database.read(self.organization) as session:
            return artifacts_of_run(session, run_id)

    def on_disk(self) -> int:
        """Bytes under the folder."""
        root = self.settings.data_dir / "artifacts"
        return sum(path.stat().st_size for path in root.rglob("*") if path.is_file())

    def counted(self) -> int:
        with self.database.read(EVERY_ORGANIZATION) as session:
            return int(rows(session, "SELECT value FROM counters WHERE name = 'artifact_bytes'")[0][0])

    def known(self) -> list[str]:
        return [row["sha256"] for row in rows_of(self.database, ArtifactFile)]
