"""Where telemetry meets runs: by trace ids in the form of a run's (model/traceparent.py, docs/decisions/0018)."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from sqlalchemy.orm import Session

from store.statements import rows

MOST_TRACES = 1_000
_NEWEST = 20_000
"""Rows that are looked through: of one issue, or of one project."""
_OF_A_RUN = (
    "length(t.trace_id) = 32 AND (substr(t.trace_id, 1, 4) = '0000' OR (substr(t.trace_id, 13, 1) = '5' "
    "AND substr(t.trace_id, 17, 1) IN ('8', '9', 'a', 'b')))"
)
_FIRST_RELEASE = "SELECT release FROM issue_releases WHERE issue = ? ORDER BY first_ms, release LIMIT 1"
_TOP = (
    "SELECT r.number, r.title, r.culprit, r.level, r.first_ms, count(*), max(e.seq) FROM events e "
    "JOIN issues i ON i.number = e.issue JOIN issues r ON r.number = COALESCE(i.merged_into, i.number) "
    "WHERE e.project IN ? AND e.trace_id IN ? AND e.level IN ('fatal', 'error') "
    "GROUP BY r.number, r.title, r.culprit, r.level, r.first_ms ORDER BY 6 DESC, 7 DESC LIMIT 1"
)


class TopIssue(msgspec.Struct):
    """What failed most in some traces. `count`: its events there; `first_release`: the first it was ever seen in."""

    number: int
    title: str
    culprit: str
    level: str
    first_ms: int
    count: int
    first_release: str | None


def traces_of_issue(session: Session, issue: int) -> list[str]:
    """Traces that may be of runs, among the newest events of an issue and of those that it stands for."""
    merged = rows(session, "SELECT number FROM issues WHERE number = ? OR merged_into = ?", issue, issue)
    found: set[str] = set()
    for (number,) in merged:  # one by one, so that each comes along its index, however many there are
        found |= _traces(session, "events", "issue = ?", int(number))
    return sorted(found)


def traces_of_project(session: Session, project: int) -> list[str]:
    """The same among a project's newest spans and events."""
    found = _traces(session, "spans", "project = ?", project)
    return sorted(found | _traces(session, "events", "project = ?", project))


def top_issue(session: Session, projects: Sequence[int], traces: Sequence[str]) -> TopIssue | None:
    """Of the errors in these traces."""
    found = rows(session, _TOP, list(projects), list(traces)) if projects and traces else []
    if not found:
        return None
    number, title, culprit, level, first_ms, count, _ = found[0]
    return TopIssue(int(number), title, culprit, level, int(first_ms), int(count), first_release(session, int(number)))


def first_release(session: Session, issue: int) -> str | None:
    """The first release that an issue was seen in, if any of its events named one."""
    found = rows(session, _FIRST_RELEASE, issue)
    return str(found[0][0]) if found else None


def _traces(session: Session, table: str, whose: str, number: int) -> set[str]:
    query = (
        f"SELECT DISTINCT t.trace_id FROM (SELECT trace_id FROM {table} WHERE {whose} ORDER BY seq DESC "  # noqa: S608
        f"LIMIT {_NEWEST}) t WHERE {_OF_A_RUN} LIMIT {MOST_TRACES}"
    )
    return {row[0] for row in rows(session, query, number)}
