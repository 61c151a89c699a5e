"""Rows of the artifacts of agents' runs: registered, tied to their files, found again.

A run has the same content once, however often it is sent.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from model.ids import new_id
from store.artifact_tables import AgentArtifact, ArtifactFile
from store.statements import run

_INSERT = (
    "INSERT INTO agent_artifacts (id, organization_id, session, project, file_id, sha256, content_type, size_bytes, "
    "created_ms) VALUES (?, ?, ?, ?, NULL, ?, ?, ?, ?) ON CONFLICT (organization_id, session, sha256) DO NOTHING"
)


@dataclass(frozen=True)
class NewAgentArtifact:
    """`session`, `project`: numbers, as the store of telemetry has them."""

    organization_id: str
    session: int
    project: int | None
    sha256: str
    content_type: str
    size_bytes: int


class OtherwiseRegisteredError(ValueError):
    """This run has this content under another type, or with another size; the text is for people."""


def register_artifact(session: Session, new: NewAgentArtifact, now_ms: int) -> AgentArtifact:
    """The artifact of this content, whether its bytes are there or not. In a session of its organization.
    OtherwiseRegisteredError."""
    run(
        session, _INSERT, new_id("art", now_ms), new.organization_id, new.session, new.project, new.sha256,
        new.content_type, new.size_bytes, now_ms, of=new.organization_id,
    )  # fmt: skip
    row = session.scalars(
        select(AgentArtifact).where(AgentArtifact.session == new.session, AgentArtifact.sha256 == new.sha256)
    ).one()
    for field in ("content_type", "size_bytes"):
        if getattr(row, field) != getattr(new, field):
            raise OtherwiseRegisteredError(f"This run has this content already, with {field} {getattr(row, field)}")
    return row


def tie_artifact(session: Session, new: NewAgentArtifact, now_ms: int) -> AgentArtifact | None:
    """The artifact of this content with its file, which has come. None: that has made room for others meanwhile, and
    has to come again. In a session of its organization. OtherwiseRegisteredError."""
    # Held until the commit: nobody removes it between this look and the row that needs it.
    statement = select(ArtifactFile).where(ArtifactFile.sha256 == new.sha256).with_for_update()
    file = session.scalars(statement).one_or_none()
    if file is None:
        return None
    row = register_artifact(session, new, now_ms)
    row.file_id = file.id
    file.awaited_until_ms = None
    session.flush()
    return row


def artifact_of_session(session: Session, number: int, sha256: str) -> AgentArtifact | None:
    """What a run has of this content, as far as the session may see it."""
    statement = select(AgentArtifact).where(AgentArtifact.session == number, AgentArtifact.sha256 == sha256)
    return session.scalars(statement).one_or_none()


def get_agent_artifact(session: Session, artifact_id: str) -> AgentArtifact | None:
    """One artifact that the session may see."""
    return session.scalars(select(AgentArtifact).where(AgentArtifact.id == artifact_id)).one_or_none()
