"""What rules and quiet times are held against to tell whether they can reach anybody: the checks, projects and channels
there are."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from store.alert_tables import AlertChannel
from store.project_tables import Project
from store.tables import Check


class CheckRow(NamedTuple):
    """A check that is not deleted, without its secrets."""

    id: str
    kind: str
    locations: list[str]
    definition: dict[str, Any]


class ChannelRow(NamedTuple):
    """A channel that was not removed for good, with what keeps it from telling anybody."""

    id: str
    type: str
    name: str
    deleted: bool
    disabled_reason: str | None


def check_rows(session: Session) -> list[CheckRow]:
    """Every check that is not deleted, of the session's organization."""
    wanted = select(Check.id, Check.kind, Check.locations, Check.definition).where(Check.deleted_ms.is_(None))
    return [CheckRow(*row) for row in session.execute(wanted)]


def project_ids(session: Session) -> frozenset[str]:
    """Of every project that is not deleted, of the session's organization."""
    return frozenset(session.scalars(select(Project.id).where(Project.deleted_ms.is_(None))))


def channel_rows(session: Session, channel_ids: Collection[str]) -> dict[str, ChannelRow]:
    """Those of these channels that there are or were, by id."""
    wanted = select(
        AlertChannel.id,
        AlertChannel.type,
        AlertChannel.name,
        AlertChannel.deleted_ms,
        AlertChannel.disabled_ms,
        AlertChannel.disabled_reason,
    ).where(AlertChannel.id.in_(channel_ids))
    return {
        row.id: ChannelRow(
            row.id,
            row.type,
            row.name,
            row.deleted_ms is not None,
            None if row.disabled_ms is None else row.disabled_reason or "its receiver refuses",
        )
        for row in session.execute(wanted)
    }
