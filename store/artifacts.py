"""Rows of artifacts: which evidence there is of a run. How much there may be of it: store/artifact_quota.py."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from model.finished import Finished
from model.ids import new_id
from model.outcome import RunStatus
from store.artifact_tables import Artifact
from store.statements import rows, run, run_many

_FILES = (
    "SELECT id, organization_id, sha256, size_bytes FROM artifact_files WHERE organization_id IN ? AND sha256 IN ? "
    "ORDER BY id FOR UPDATE"
)
_INSERT = (
    "INSERT INTO artifacts (id, organization_id, run_id, file_id, sha256, type, content_type, size_bytes, step_index, "
    "passed, created_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_NO_LONGER_AWAITED = "UPDATE artifact_files SET awaited_until_ms = NULL WHERE id IN ?"


def add_artifacts(session: Session, finished: Sequence[Finished], now_ms: int) -> None:
    """Tie the files that these runs name to them: part of recording, for runs that are new or have just ended. A file
    that never came, or made room for others meanwhile, is left out: evidence may be missing, the verdict may not."""
    with_evidence = [done for done in finished if done.artifacts]
    if not with_evidence:
        return
    organizations = {done.organization_id for done in with_evidence}
    digests = {evidence.sha256 for done in with_evidence for evidence in done.artifacts}
    # Held until the commit: nobody removes them between this look and the rows that need them.
    found = rows(session, _FILES, sorted(organizations), sorted(digests))
    files = {(organization_id, sha256): (file_id, size) for file_id, organization_id, sha256, size in found}
    added = [
        (
            new_id("art", now_ms), done.organization_id, done.run_id, file[0], evidence.sha256, evidence.type,
            evidence.content_type, file[1], evidence.step_index, done.status is RunStatus.SUCCESS, now_ms,
        )
        for done in with_evidence
        for evidence in done.artifacts
        if (file := files.get((done.organization_id, evidence.sha256))) is not None
    ]  # fmt: skip
    run_many(session, _INSERT, added)
    if added:
        run(session, _NO_LONGER_AWAITED, sorted({row[3] for row in added}))


def artifacts_of_run(session: Session, run_id: str) -> list[Artifact]:
    """What there is of a run: by step, what shows the whole run last."""
    found = session.scalars(select(Artifact).where(Artifact.run_id == run_id)).all()
    return sorted(found, key=lambda row: (row.step_index is None, row.step_index or 0, row.type, row.id))


def get_artifact(session: Session, artifact_id: str) -> Artifact | None:
    """One artifact that the session may see."""
    return session.scalars(select(Artifact).where(Artifact.id == artifact_id)).one_or_none()
