"""Releases: which commit of what went live when, as a build says it."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from sqlalchemy.orm import Session

from store.statements import rows, run

_COLUMNS = "project, release, commit_id, url, deployed_ms, created_ms"
_KEEP = (
    f"INSERT INTO releases ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (project, release) DO UPDATE SET "  # noqa: S608
    "commit_id = COALESCE(excluded.commit_id, releases.commit_id), url = COALESCE(excluded.url, releases.url), "
    "deployed_ms = COALESCE(excluded.deployed_ms, releases.deployed_ms)"
)


class Release(msgspec.Struct):
    project: int
    release: str
    commit: str | None
    url: str | None
    deployed_ms: int | None
    created_ms: int


def keep_release(session: Session, release: Release) -> Release:
    """As it is from now on. Said again, it says what it says anew, and nothing else."""
    run(
        session, _KEEP, release.project, release.release, release.commit, release.url, release.deployed_ms,
        release.created_ms,
    )  # fmt: skip
    query = f"SELECT {_COLUMNS} FROM releases WHERE project = ? AND release = ?"  # noqa: S608
    [row] = rows(session, query, release.project, release.release)
    return Release(*row)


def get_release(session: Session, project: int, release: str) -> Release | None:
    query = f"SELECT {_COLUMNS} FROM releases WHERE project = ? AND release = ?"  # noqa: S608
    found = rows(session, query, project, release)
    return Release(*found[0]) if found else None


def list_releases(session: Session, projects: Sequence[int], limit: int) -> list[Release]:
    """The newest first: by when they went live, or were told of."""
    if not projects:
        return []
    query = (
        f"SELECT {_COLUMNS} FROM releases WHERE project IN ? "  # noqa: S608
        "ORDER BY COALESCE(deployed_ms, created_ms) DESC, created_ms DESC, release DESC LIMIT ?"
    )
    return [Release(*row) for row in rows(session, query, list(projects), limit)]
