"""What a project stored in a month, and what was dropped, and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from sqlalchemy.orm import Session

from store.statements import rows, run_many
from telemetry.stored.storing import COUNT, month_of

Usage = dict[str, dict[str, int]]
"""By kind: how many were stored (under ""), and how many dropped by each reason."""


def usage_of(session: Session, projects: Sequence[int], now_ms: int) -> dict[int, Usage]:
    """This month's, by project."""
    query = "SELECT project, kind, reason, count FROM usage WHERE project IN ? AND month = ?"
    found: dict[int, Usage] = {project: {} for project in projects}
    for project, kind, reason, count in rows(session, query, list(projects), month_of(now_ms)):
        found[int(project)].setdefault(kind, {})[reason] = int(count)
    return found


def count_dropped(session: Session, project: int, dropped: Counter[tuple[str, str]], now_ms: int) -> None:
    """What was dropped though nothing was stored."""
    month = month_of(now_ms)
    run_many(session, COUNT, [(project, month, kind, why, count) for (kind, why), count in sorted(dropped.items())])
