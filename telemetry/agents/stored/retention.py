"""Runs of agents that are no longer kept: each whole, once nothing has come of it for so long as its project keeps what
it is told, or the organization its runs where it is of none. Events first, a batch at a time; then the run itself.

Their artifacts follow where the files are (telemetry/agents/stored/artifact_retention.py).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from store.retention_walk import Deleting
from store.statements import rows, run
from telemetry.agents.stored.sessions import hold_organization

_OF_PROJECT = (
    "SELECT organization_id, number, last_ms FROM agent_sessions WHERE project = ? AND last_ms < ? "
    "ORDER BY last_ms LIMIT ?"
)
_OF_NONE = (
    "SELECT organization_id, number, last_ms FROM agent_sessions WHERE project IS NULL AND last_ms < ? "
    "ORDER BY last_ms LIMIT ?"
)
_OLDEST = "SELECT organization_id, number, last_ms FROM agent_sessions ORDER BY last_ms LIMIT ?"
_EVENTS = "SELECT stream_seq FROM agent_events WHERE organization_id = ? AND session = ? LIMIT ?"
_EMPTY = (
    "SELECT number FROM agent_sessions WHERE organization_id = ? AND number = ? AND last_ms = ? AND NOT EXISTS "
    "(SELECT 1 FROM agent_events e WHERE e.organization_id = ? AND e.session = ?)"
)


class _Old(NamedTuple):
    """A run. `last_ms`: when the last of it came, as it was seen: one that goes on since stays."""

    organization_id: str
    number: int
    last_ms: int


def sessions_before(deleting: Deleting, project: int | None, before_ms: int) -> Iterator[int]:
    """Delete the runs of a project, or those of none, that nothing came of since. Yields how many rows each write
    took."""
    while True:
        if project is None:
            found = deleting.find(_OF_NONE, before_ms)
        else:
            found = deleting.find(_OF_PROJECT, project, before_ms)
        if not found:
            return
        for old in found:
            yield from _delete(deleting, _Old(*old))


def oldest_session(deleting: Deleting) -> int:
    """Delete some of the run that nothing has come of for longest: how many rows, 0 where there is no run."""
    found = deleting.find(_OLDEST)
    return next(_delete(deleting, _Old(*found[0])), 0) if found else 0


def _delete(deleting: Deleting, old: _Old) -> Iterator[int]:
    while numbers := [row[0] for row in deleting.find(_EVENTS, old.organization_id, old.number)]:
        with deleting.timed() as session:
            gone = run(
                session, "DELETE FROM agent_events WHERE organization_id = ? AND stream_seq IN ?",
                old.organization_id, numbers,
            )  # fmt: skip
        yield gone  # once it is committed: who asks for one step only ends this here
    with deleting.timed() as session:
        hold_organization(session, old.organization_id)  # nobody adds to it while it goes
        if not rows(session, _EMPTY, *old, old.organization_id, old.number):
            return
        gone = 0
        for table in ("agent_analyses", "agent_traces", "agent_ended"):
            gone += run(
                session, f"DELETE FROM {table} WHERE organization_id = ? AND session = ?",  # noqa: S608 - our own names
                old.organization_id, old.number,
            )  # fmt: skip
        gone += run(
            session, "DELETE FROM agent_sessions WHERE organization_id = ? AND number = ?",
            old.organization_id, old.number,
        )  # fmt: skip
    yield gone
