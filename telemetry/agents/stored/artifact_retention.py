"""Artifacts of agents' runs that are gone, and those whose bytes never came: they go a little at a time, where the
files are (api/artifact_keeping.py). When a run goes, says telemetry/agents/stored/retention.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from model.times import DAY_MS
from store.artifact_quota import ArtifactQuota
from store.retention_passes import InPasses
from store.sessions import EVERY_ORGANIZATION, Database
from store.statements import rows
from store.write_lock import Urgency

REGISTERED_MS = DAY_MS
"""What was registered is waited for so long."""
AT_ONCE = 20
_PAGE = 500
_NEVER_CAME = "SELECT id FROM agent_artifacts WHERE created_ms < ? AND file_id IS NULL ORDER BY created_ms LIMIT ?"
_PLACE = "SELECT id, organization_id, session FROM agent_artifacts WHERE id > ? ORDER BY id LIMIT ?"
_SESSIONS = "SELECT number FROM agent_sessions WHERE organization_id = ? AND number IN ?"


class AgentArtifactRetention(InPasses):
    """One pass after another. One thread at a time; any number of processes may do it, to no harm."""

    def __init__(self, database: Database, quota: ArtifactQuota) -> None:
        """`database`: the main store."""
        self._database = database
        self._quota = quota

    def _everything(self) -> Iterator[None]:
        yield from self._never_came()
        yield from self._of_runs_that_are_gone()

    def _never_came(self) -> Iterator[None]:
        while True:
            with self._database.read(EVERY_ORGANIZATION) as session:
                before_ms = self._database.now_ms(session) - REGISTERED_MS
                found = [row[0] for row in rows(session, _NEVER_CAME, before_ms, AT_ONCE)]
            if not found:
                return
            self._forget(found)
            yield

    def _of_runs_that_are_gone(self) -> Iterator[None]:
        after = ""
        while True:
            with self._database.read(EVERY_ORGANIZATION) as session:
                page = rows(session, _PLACE, after, _PAGE)
            gone = self._gone(page)
            for first in range(0, len(gone), AT_ONCE):
                self._forget(gone[first : first + AT_ONCE])
                yield
            if len(page) < _PAGE:
                return
            after = page[-1][0]

    def _gone(self, page: Sequence[Any]) -> list[str]:
        """Those of a page whose run is no more."""
        known: set[tuple[str, int]] = set()
        with self._database.telemetry.read(EVERY_ORGANIZATION) as session:
            for organization_id in sorted({row[1] for row in page}):
                numbers = sorted({row[2] for row in page if row[1] == organization_id})
                known |= {(organization_id, row[0]) for row in rows(session, _SESSIONS, organization_id, numbers)}
        return [artifact_id for artifact_id, *run in page if tuple(run) not in known]

    def _forget(self, artifact_ids: Sequence[str]) -> None:
        with self._database.write(EVERY_ORGANIZATION, Urgency.HOUSEKEEPING) as session:
            self._quota.forget_of_agents(session, artifact_ids)
