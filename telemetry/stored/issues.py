"""Issues: lists that stay the same while events come in, what people decide about one, and two that are made one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy.orm import Session

from store.statements import rows, run
from telemetry.queries import Term
from telemetry.stored.head import read_head
from telemetry.stored.issue_counts import RESOLVED
from telemetry.stored.searching import where

MOST_RELEASES = 50
MOST_FIRST = 50
_COLUMNS = (
    "i.number, i.project, i.fingerprint, i.title, i.culprit, i.level, i.status, i.first_ms, i.last_ms, i.count, "
    "i.user_count, i.merged_into, i.regressed_ms, i.regressed_release"
)
_NEWEST = (
    "CASE WHEN i.last_seq <= ? THEN i.last_seq ELSE (SELECT max(e.seq) FROM events e WHERE e.issue IN (SELECT n.number "
    "FROM issues n WHERE n.number = i.number OR n.merged_into = i.number) AND e.seq <= ?) END"
)
"""The newest event of an issue among those that there were when a list began."""


class Issue(msgspec.Struct):
    """As it is told: `releases`, the newest first."""

    number: int
    project: int
    fingerprint: str
    title: str
    culprit: str
    level: str
    status: str
    first_ms: int
    last_ms: int
    count: int
    user_count: int
    merged_into: int | None
    regressed_ms: int | None
    regressed_release: str | None
    releases: list[str] = []


class Place(msgspec.Struct):
    """Where in a list: events up to `as_of` count, and the last issue shown had its newest event at `last`."""

    as_of: int
    last: int


class NotMergedError(ValueError):
    """They can't be one; the text says why."""


def list_issues(
    session: Session,
    projects: Sequence[int],
    terms: Sequence[Term],
    now_ms: int,
    *,
    status: str | None,
    place: Place | None,
    limit: int,
) -> tuple[list[Issue], Place | None]:
    """Those with the newest events first, and where the next page begins. With terms, an issue is told as the events
    have it that they are true of."""
    if not projects:
        return [], None
    at = place or Place(read_head(session).events, 1 << 62)
    found = _matching(session, projects, terms, now_ms, status, at, limit + 1) if terms else []
    if not terms:
        found = _all(session, projects, status, at, limit + 1)
    more = len(found) > limit
    found = found[:limit]
    _add_releases(session, [issue for issue, _ in found])
    return [issue for issue, _ in found], Place(at.as_of, found[-1][1]) if more else None


def get_issue(session: Session, projects: Sequence[int], number: int, *, lock: bool = False) -> Issue | None:
    """The issue that stands for this number, if it is of one of these projects. `lock`: nobody else changes it until
    the end of this write."""
    if lock:
        run(session, "UPDATE intake SET at_ms = at_ms WHERE id = 1")
    query = f"SELECT {_COLUMNS} FROM issues i WHERE i.number = ? AND i.project IN ?"  # noqa: S608
    found = rows(session, query, number, list(projects))
    if found and found[0][11] is not None:
        found = rows(session, query, found[0][11], list(projects))
    issues = [Issue(*row) for row in found]
    _add_releases(session, issues)
    return issues[0] if issues else None


def issues_first_in(session: Session, project: int, release: str) -> list[Issue]:
    """Those that no release was seen in before this one, the newest first."""
    query = (
        f"SELECT {_COLUMNS} FROM issues i WHERE i.number IN (SELECT f.issue FROM (SELECT r.issue, r.release, "  # noqa: S608
        "row_number() OVER (PARTITION BY r.issue ORDER BY r.first_ms, r.release) AS place FROM issue_releases r "
        "JOIN issue_releases n ON n.issue = r.issue AND n.release = ?) f WHERE f.place = 1 AND f.release = ?) "
        "AND i.project = ? AND i.merged_into IS NULL ORDER BY i.first_seq DESC LIMIT ?"
    )
    found = [Issue(*row) for row in rows(session, query, release, release, project, MOST_FIRST)]
    _add_releases(session, found)
    return found


def set_status(session: Session, issue: Issue, status: str, now_ms: int) -> None:
    """What people decide. One that is resolved comes back with its next event."""
    resolved_ms = now_ms if status == RESOLVED else None
    decided = (
        "UPDATE issues SET status = ?, resolved_ms = ?, regressed_ms = NULL, regressed_release = NULL WHERE number = ?"
    )
    run(session, decided, status, resolved_ms, issue.number)


def merge(session: Session, issue: Issue, into: Issue) -> None:
    """From now on `into` stands for both, also for events that would have been the other's. NotMergedError."""
    if issue.number == into.number:
        raise NotMergedError("It is this issue already")
    if issue.project != into.project:
        raise NotMergedError("They are of different projects")
    run(session, "UPDATE fingerprints SET issue = ? WHERE issue = ?", into.number, issue.number)
    run(
        session, "UPDATE issues SET merged_into = ? WHERE number = ? OR merged_into = ?",
        into.number, issue.number, issue.number,
    )  # fmt: skip
    run(
        session, "INSERT INTO issue_users (issue, user_hash) SELECT ?, user_hash FROM issue_users WHERE issue = ? "
        "ON CONFLICT (issue, user_hash) DO NOTHING", into.number, issue.number,
    )  # fmt: skip
    run(
        session, "INSERT INTO issue_releases (issue, release, first_ms, last_ms, count) SELECT ?, release, first_ms, "
        "last_ms, count FROM issue_releases WHERE issue = ? ON CONFLICT (issue, release) DO UPDATE SET "
        "first_ms = CASE WHEN excluded.first_ms < issue_releases.first_ms THEN excluded.first_ms ELSE "
        "issue_releases.first_ms END, last_ms = CASE WHEN excluded.last_ms > issue_releases.last_ms THEN "
        "excluded.last_ms ELSE issue_releases.last_ms END, count = issue_releases.count + excluded.count",
        into.number, issue.number,
    )  # fmt: skip
    for table in ("issue_users", "issue_releases"):
        run(session, f"DELETE FROM {table} WHERE issue = ?", issue.number)  # noqa: S608
    _add_up(session, into.number, issue.number)


def _add_up(session: Session, into: int, merged: int) -> None:
    [both] = rows(
        session, "SELECT min(first_ms), max(last_ms), min(first_seq), max(last_seq), sum(count) FROM issues "
        "WHERE number IN ?", [into, merged],
    )  # fmt: skip
    [[users]] = rows(session, "SELECT count(*) FROM issue_users WHERE issue = ?", into)
    run(
        session, "UPDATE issues SET first_ms = ?, last_ms = ?, first_seq = ?, last_seq = ?, count = ?, user_count = ? "
        "WHERE number = ?", *(int(value) for value in both), users, into,
    )  # fmt: skip


def _all(
    session: Session, projects: Sequence[int], status: str | None, at: Place, limit: int
) -> list[tuple[Issue, int]]:
    only = " AND i.status = ?" if status else ""
    query = (
        f"SELECT * FROM (SELECT {_COLUMNS}, {_NEWEST} AS newest FROM issues i WHERE i.project IN ? "  # noqa: S608
        f"AND +i.merged_into IS NULL{only}) s WHERE newest < ? ORDER BY newest DESC LIMIT ?"
    )
    values: list[Any] = [at.as_of, at.as_of, list(projects), *([status] if status else []), at.last, limit]
    return [(Issue(*row[:-1]), int(row[-1])) for row in rows(session, query, *values)]


def _matching(
    session: Session,
    projects: Sequence[int],
    terms: Sequence[Term],
    now_ms: int,
    status: str | None,
    at: Place,
    limit: int,
) -> list[tuple[Issue, int]]:
    wanted = where(session, projects, terms, now_ms)
    wanted.add(f"{wanted.seq} <= ?", at.as_of)
    only = " AND r.status = ?" if status else ""
    query = (
        f"SELECT r.number, min(e.received_ms), max(e.received_ms), count(*), count(DISTINCT e.user_key), max(e.seq) "  # noqa: S608
        f"FROM {wanted.tables} JOIN issues i ON i.number = e.issue JOIN issues r ON r.number = "
        f"COALESCE(i.merged_into, i.number) WHERE {wanted.condition}{only} GROUP BY r.number HAVING max(e.seq) < ? "
        "ORDER BY 6 DESC LIMIT ?"
    )
    grouped = rows(session, query, *wanted.values, *([status] if status else []), at.last, limit)
    query = f"SELECT {_COLUMNS} FROM issues i WHERE i.number IN ?"  # noqa: S608
    known = {int(row[0]): Issue(*row) for row in rows(session, query, [row[0] for row in grouped])}
    found = []
    for number, first_ms, last_ms, count, users, newest in grouped:
        issue = known[int(number)]
        issue.first_ms, issue.last_ms, issue.count, issue.user_count = first_ms, last_ms, count, users
        found.append((issue, int(newest)))
    return found


def _add_releases(session: Session, issues: Sequence[Issue]) -> None:
    if not issues:
        return
    query = "SELECT issue, release FROM issue_releases WHERE issue IN ? ORDER BY first_ms DESC, release DESC"
    by_number = {issue.number: issue for issue in issues}
    for issue in issues:
        issue.releases = []
    for number, release in rows(session, query, sorted(by_number)):
        if len(by_number[int(number)].releases) < MOST_RELEASES:
            by_number[int(number)].releases.append(release)
