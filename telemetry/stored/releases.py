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


def releases_met(session: Session, projects: Sequence[int], limit: int) -> list[Release]:
    """Those that errors name and no build told of; the newest first. `created_ms`: when one was first met."""
    if not projects:
        return []
    query = (
        "SELECT i.project, r.release, min(r.first_ms) FROM issue_releases r JOIN issues i ON i.number = r.issue "
        "WHERE i.project IN ? AND NOT EXISTS (SELECT 1 FROM releases t WHERE t.project = i.project "
        "AND t.release = r.release) GROUP BY i.project, r.release ORDER BY 3 DESC, r.release DESC LIMIT ?"
    )
    found = rows(session, query, list(projects), limit)
    return [Release(int(project), name, None, None, None, int(first_ms)) for project, name, first_ms in found]


def met_release(session: Session, project: int, release: str) -> Release | None:
    """One that no build told of, as errors name it."""
    first_ms = first_met(session, project, release)
    return None if first_ms is None else Release(project, release, None, None, None, first_ms)


def first_met(session: Session, project: int, release: str) -> int | None:
    """When an error of this project first named it, in ms; None: none does."""
    query = (
        "SELECT min(r.first_ms) FROM issue_releases r JOIN issues i ON i.number = r.issue "
        "WHERE i.project = ? AND r.release = ?"
    )
    [(at_ms,)] = rows(session, query, project, release)
    return None if at_ms is None else int(at_ms)


def issues_by_release(session: Session, releases: Sequence[Release]) -> dict[tuple[int, str], tuple[int, int]]:
    """Of each of these: how many issues were seen in it, and how many of them in no release before it."""
    if not releases:
        return {}
    query = (
        "SELECT i.project, f.release, count(*), sum(CASE WHEN f.place = 1 THEN 1 ELSE 0 END) FROM "
        "(SELECT r.issue, r.release, row_number() OVER (PARTITION BY r.issue ORDER BY r.first_ms, r.release) AS place "
        "FROM issue_releases r JOIN issues j ON j.number = r.issue WHERE j.project IN ?) f "
        "JOIN issues i ON i.number = f.issue WHERE f.release IN ? GROUP BY i.project, f.release"
    )
    projects = sorted({release.project for release in releases})
    found = rows(session, query, projects, sorted({release.release for release in releases}))
    return {(int(project), name): (int(seen), int(new)) for project, name, seen, new in found}
