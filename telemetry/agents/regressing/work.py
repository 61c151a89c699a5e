"""Regression runs that were asked for: judged once the runs of checks that belong to them have ended. A job of the
scheduler.

All that is to be done follows from the stored row, and a verdict is written once, with its evidence. Killed before
that, whoever is there next looks again.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping

import msgspec
from sqlalchemy.orm import Session

from store.alert_reading import checks_by_ids
from store.alert_tables import Alert
from store.audit import Target, note
from store.fix_tables import RegressionRun
from store.incident_failures import ALERT, CHECK, SESSION
from store.incident_tables import Incident
from store.incidents import add_change, get_incident, newest_members
from store.regressions import RUNNING, TOPIC, end_regression, get_regression, regressions_to_judge
from store.sessions import EVERY_ORGANIZATION, Database
from store.wakeups import wake
from store.write_lock import Urgency
from telemetry.agents.regressing.places import Place, told_as
from telemetry.agents.regressing.replaying import looked_at, replayed
from telemetry.agents.regressing.verdicts import UNKNOWN, Evidence, RunSeen, SessionSeen, verdict_of
from telemetry.agents.stored.sessions import AgentSession, get_session, sessions_since

MOST_BEFORE, MOST_AFTER = 50, 100
"""Sessions that are replayed on each side: the newest; and of journeys' runs, before."""
_MOST_RUNS = 5
"""Of those that an alert was raised by."""


class Regressing:
    """Of one process. `reached`: called at judged and written; what it raises ends the work there, as a crash would."""

    def __init__(self, database: Database, reached: Callable[[str], None] = lambda _point: None) -> None:
        self._database = database
        self._reached = reached
        self._stopping = threading.Event()

    def stop(self) -> None:
        """What is being judged is left to whoever starts next."""
        self._stopping.set()

    def work(self) -> None:
        """All that can be judged by now."""
        with self._database.read(EVERY_ORGANIZATION) as session:
            found = regressions_to_judge(session, self._database.now_ms(session))
        for organization_id, regression_id in found:
            self._judge(organization_id, regression_id)

    def _judge(self, organization_id: str, regression_id: str) -> None:
        with self._database.read(organization_id) as session:
            row = get_regression(session, regression_id)
            incident = None if row is None else get_incident(session, row.incident_id)
            if row is None or incident is None:
                return
            asked = _asked(session, row, incident)
        sessions = self._sessions(asked)
        before, begins = self._before(asked, sessions)
        after = self._after(asked, sessions, begins)
        if self._stopping.is_set():
            return
        verdict, reason = verdict_of(after, told_as(begins))
        self._reached("judged")
        with self._database.write(organization_id, Urgency.PEOPLE) as session:
            incident = get_incident(session, asked.incident_id, lock=True)
            row = get_regression(session, regression_id, lock=True)
            if incident is None or row is None or row.status != RUNNING:
                return
            now_ms = self._database.now_ms(session)
            evidence = msgspec.to_builtins(before), msgspec.to_builtins(after)
            end_regression(session, row, verdict, reason, evidence, now_ms)
            incident.touched_ms = now_ms
            add_change(session, incident, "regression", now_ms, by=row.asked_by, became=verdict, note=reason)
            target = Target("incident", incident.id, incident.title)
            said = {"regression_run_id": row.id, "verdict": verdict, "reason": reason}
            note(session, organization_id, "incident.regression_judged", target, after=said)
            wake(session, TOPIC)
            self._reached("written")

    def _sessions(self, asked: _Asked) -> list[AgentSession]:
        """Those of the incident that are still recorded, the one that failed last first."""
        with self._database.telemetry.read(EVERY_ORGANIZATION) as session:
            found = (get_session(session, asked.organization_id, each) for each in asked.session_ids)
            return [each for each in found if each is not None]

    def _before(self, asked: _Asked, sessions: list[AgentSession]) -> tuple[Evidence, list[Place]]:
        """And where the incident begins."""
        earlier = [each for each in sessions if each.started_ms < asked.since_ms]
        seen, begins = self._replayed(asked, earlier, None)
        return Evidence(seen, asked.runs_before), [*begins, *asked.begins]

    def _after(self, asked: _Asked, sessions: list[AgentSession], begins: list[Place]) -> Evidence:
        found: list[AgentSession] = []
        with self._database.telemetry.read(EVERY_ORGANIZATION) as session:
            for project, agent in dict.fromkeys((each.project, each.agent) for each in sessions):
                found += sessions_since(
                    session, asked.organization_id, project=project, agent=agent, since_ms=asked.since_ms,
                    limit=MOST_AFTER,
                )  # fmt: skip
        found.sort(key=lambda each: -each.number)
        seen, _ = self._replayed(asked, found[:MOST_AFTER], begins)
        with self._database.read(asked.organization_id) as session:
            return Evidence(seen, [_after(session, each, asked.cluster_key, begins) for each in asked.runs_after])

    def _replayed(
        self, asked: _Asked, sessions: list[AgentSession], places: list[Place] | None
    ) -> tuple[list[SessionSeen], list[Place]]:
        """Each in a read of its own: none lasts long."""
        seen, begins = list[SessionSeen](), list[Place]()
        for each in sessions:
            if self._stopping.is_set():
                break
            with self._database.telemetry.read(EVERY_ORGANIZATION) as session:
                one, in_it = replayed(session, asked.organization_id, each, asked.cluster_key, places)
            seen.append(one)
            begins += in_it
        return seen, begins


class _Asked(msgspec.Struct, frozen=True):
    """A regression run with all that the main store says of it. `begins`: where the incident does in runs of checks.
    `runs_after`: those that were asked for."""

    organization_id: str
    incident_id: str
    cluster_key: str
    since_ms: int
    session_ids: list[str]
    runs_before: list[RunSeen]
    begins: list[Place]
    runs_after: list[dict[str, str]]


def _asked(session: Session, row: RegressionRun, incident: Incident) -> _Asked:
    key = incident.cluster_key
    members = newest_members(session, incident.id, CHECK, MOST_BEFORE)
    names = {each.id: each.name for each in checks_by_ids(session, [member.member for member in members]).values()}
    before = [found for each in members if (found := looked_at(session, each.newest, names.get(each.member, ""), key))]
    alerts = [session.get(Alert, each.member) for each in newest_members(session, incident.id, ALERT, MOST_BEFORE)]
    raised_by = dict.fromkeys(run_id for alert in alerts if alert is not None for run_id in alert.run_ids[:_MOST_RUNS])
    told = [found for run_id in raised_by if (found := looked_at(session, run_id, "", key))]
    return _Asked(
        incident.organization_id, incident.id, key, row.since_ms,
        [each.member for each in newest_members(session, incident.id, SESSION, MOST_BEFORE)],
        [seen for seen, _ in before], [place for _, begins in (*before, *told) for place in begins], list(row.asked),
    )  # fmt: skip


def _after(session: Session, asked: Mapping[str, str], cluster_key: str, begins: list[Place]) -> RunSeen:
    """A run that was asked for; one that is gone, or has not ended, is not known."""
    found = looked_at(session, asked["run_id"], asked["name"], cluster_key, begins)
    if found is not None:
        return found[0]
    return RunSeen(asked["run_id"], asked["check_id"], asked["name"], asked["location"], "unknown", None, UNKNOWN)
