"""Runs that ended, or fell silent, are analysed without being asked for. A job of the scheduler.

What is told in the transaction that stores an end (stored/ended.py) waits until its analysis is stored: killed before
that, it is looked at again; what comes of a look is the same each time. An analysis that somebody asked for, or that a
server put, stays while nothing more has come of the run.
"""

from __future__ import annotations

from collections.abc import Callable

import structlog

from store.sessions import EVERY_ORGANIZATION, Database
from store.write_lock import Urgency
from telemetry.agents.analysis import Analysis, analyze
from telemetry.agents.joining import Joining
from telemetry.agents.recordings import Recording
from telemetry.agents.stored.analyses import get_analysis, recording_of_session, store_newer_analysis
from telemetry.agents.stored.ended import Ended, forget_ended, next_ended
from telemetry.agents.stored.sessions import AgentSession, session_numbered

AT_ONCE = 50
"""Of one turn; the next comes a second later."""
_log = structlog.get_logger(__name__)


class Analysing:
    """Of one process. `reached`: called at joined and kept; what it raises ends the work there, as a crash would."""

    def __init__(
        self, database: Database, reached: Callable[[str], None] = lambda _point: None, at_once: int = AT_ONCE
    ) -> None:
        self._database = database
        self._reached = reached
        self._at_once = at_once

    def work(self) -> None:
        """The runs that have waited longest."""
        store = self._database.telemetry
        with store.read(EVERY_ORGANIZATION) as session:
            waiting = next_ended(session, store.now_ms(session), self._at_once)
        for ended in waiting:
            self._look(ended)

    def _look(self, ended: Ended) -> None:
        store = self._database.telemetry
        with store.read(EVERY_ORGANIZATION) as session:
            run = session_numbered(session, ended.organization_id, ended.number)
            known = get_analysis(session, ended.organization_id, ended.number)
            due = run is not None and (known is None or known.upto_seq < run.last_seq)
            recording = recording_of_session(session, ended.organization_id, ended.number) if due else None
        found = None if run is None or recording is None else _analysed(run, recording)
        incident_id = None
        if run is not None and recording is not None and found is not None:
            joining = Joining(self._database, ended.organization_id, Urgency.HOUSEKEEPING)
            incident_id = joining.join(run, found, recording, recording.upto_seq)
            self._reached("joined")
        with store.write(EVERY_ORGANIZATION, Urgency.HOUSEKEEPING) as session:
            if recording is not None and found is not None:
                store_newer_analysis(
                    session, ended.organization_id, ended.number, found, upto_seq=recording.upto_seq,
                    incident_id=incident_id, now_ms=store.now_ms(session),
                )  # fmt: skip
            forget_ended(session, ended)
        self._reached("kept")


def _analysed(run: AgentSession, recording: Recording) -> Analysis | None:
    try:
        return analyze(recording)
    except Exception as error:  # noqa: BLE001 - the same events would break it again, and keep all others waiting
        _log.error("agents.not_analysed", session_id=run.id, exc_info=error)
        return None
