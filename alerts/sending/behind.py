"""What is known of an alert's runs beside what they measured: put into its notice as it is sent, by whoever knows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from store.outbox import Claimed

BEHIND_S = 1.0
"""How long a notice may be held up for it."""
MOST_EXPLAINED = 5
"""Notices of one message: a digest names each in a line, in which there is no room for more."""
Behind = Callable[[str, Sequence[str]], dict[str, Any] | None]
"""(organization id, ids of runs) -> the `issue` of a webhook's body: id, title, culprit, level, count, first_seen,
first_release. None: nothing is known. Called in a thread; SQLAlchemyError."""


def with_behind(group: Sequence[Claimed], behind: Behind) -> tuple[dict[str, Any], ...]:
    """The bodies of some notices, with what is behind their runs. An alert that has its issue already keeps it."""
    return tuple(_with(claimed, behind) for claimed in group)


def _with(claimed: Claimed, behind: Behind) -> dict[str, Any]:
    data = claimed.payload.get("data") or {}
    run_ids = (data.get("alert") or {}).get("run_ids") or []
    issue = behind(claimed.organization_id, run_ids) if run_ids and data.get("issue") is None else None
    return claimed.payload if issue is None else {**claimed.payload, "data": {**data, "issue": issue}}
