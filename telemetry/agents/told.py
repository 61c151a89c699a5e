"""Failed journeys and monitors' alerts, as they are told (store/incident_failures.py): looked at as they are now, and
put into incidents. A job of the scheduler.

Whoever records a failed run, or opens or ends an alert, says so in its own transaction, with a row that waits. Killed
before a look at it is committed, it is looked at again; what comes of a look is the same each time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec
from sqlalchemy import select
from sqlalchemy.orm import Session

from model.finished import Detail
from model.outcome import RunStatus, Trigger
from store.alert_tables import Alert, AlertRule
from store.incident_failures import RUN, Waiting, next_waiting
from store.sessions import EVERY_ORGANIZATION, Database
from store.tables import Check, CheckVersion, Run
from store.write_lock import Urgency
from telemetry.agents.checked import CheckFacts, RunFacts, signature_of_rule, signature_of_run
from telemetry.agents.failures import Signature, cluster_of
from telemetry.agents.uniting import Placing, place_all

AT_ONCE = 20
"""In one transaction: slots wait for it."""
MOST_PASSES = 100
OF_FAILURES = ("consecutive_failures", "failure_rate")
"""Rules whose alerts are about what the runs met; others are about how long those took, or that there were none."""


class Uniting:
    """Of one process. `reached`: called at read, written and kept; what it raises ends the work there, as a crash
    would."""

    def __init__(
        self, database: Database, reached: Callable[[str], None] = lambda _point: None, at_once: int = AT_ONCE
    ) -> None:
        self._database = database
        self._reached = reached
        self._at_once = at_once

    def work(self) -> None:
        """All that waits, or a good deal of it."""
        for _ in range(MOST_PASSES):
            if not self.step():
                return

    def step(self) -> bool:
        """A part of what waits; whether anything did."""
        with self._database.read(EVERY_ORGANIZATION) as session:
            found = next_waiting(session, self._at_once)
        if found is None:
            return False
        organization_id, waiting = found
        with self._database.read(organization_id) as session:
            placings = _Look(session, waiting).placings()
        self._reached("read")
        with self._database.write(organization_id, Urgency.HOUSEKEEPING) as session:
            place_all(session, organization_id, placings, self._database.now_ms(session))
            self._reached("written")
        self._reached("kept")
        return True


class _Look:
    """Runs and alerts of one organization as they are, with what they are of, each read once."""

    def __init__(self, session: Session, waiting: Sequence[Waiting]) -> None:
        self._session = session
        self._waiting = waiting
        ids = [each.id for each in waiting]
        self._alerts = {alert.id: alert for alert in session.scalars(select(Alert).where(Alert.id.in_(ids)))}
        raised_by = {run_id for alert in self._alerts.values() for run_id in alert.run_ids}
        wanted = select(Run).where(Run.id.in_({*ids, *raised_by}), Run.status == RunStatus.FAILED.value)
        self._runs = {run.id: run for run in session.scalars(wanted)}
        checks = {run.check_id for run in self._runs.values()} | {alert.check_id for alert in self._alerts.values()}
        self._checks = {check.id: check for check in session.scalars(select(Check).where(Check.id.in_(checks)))}
        self._versions = {
            (row.check_id, row.version): row
            for row in session.scalars(
                select(CheckVersion).where(
                    CheckVersion.check_id.in_(checks),
                    CheckVersion.version.in_({run.check_version for run in self._runs.values()}),
                )
            )
        }

    def placings(self) -> list[Placing]:
        return [self._placing(each) for each in self._waiting]

    def _placing(self, waiting: Waiting) -> Placing:
        placing = Placing(kind=waiting.kind, id=waiting.id, member=waiting.member, cluster=None, told=waiting.told)
        return self._of_run(placing) if waiting.kind == RUN else self._of_alert(placing)

    def _of_run(self, placing: Placing) -> Placing:
        """Only scheduled runs that a site has failed, outside of maintenance, are failures."""
        run = self._runs.get(placing.id)
        if run is None or run.trigger != Trigger.SCHEDULE.value or run.maintenance:
            return placing
        signature = self._signature(run)
        placing.label = signature.label
        return _placed(placing, signature, run.at_ms, run.completed_ms or run.at_ms)

    def _of_alert(self, placing: Placing) -> Placing:
        alert = self._alerts.get(placing.id)
        signature = None if alert is None or alert.retracted or alert.group_key else self._signature_of(alert)
        if alert is None or signature is None:
            return placing
        placing.resolved_ms = alert.resolved_ms
        return _placed(placing, signature, alert.triggered_ms, alert.triggered_ms)

    def _signature_of(self, alert: Alert) -> Signature | None:
        """Of the first of its runs that failed, if it is about failures; else of its rule."""
        rule = self._session.get(AlertRule, alert.rule_id)
        runs = [self._runs[run_id] for run_id in alert.run_ids if run_id in self._runs]
        if runs and (rule is None or rule.type in OF_FAILURES):
            return self._signature(min(runs, key=lambda run: (run.at_ms, run.id)))
        check = self._checks.get(alert.check_id)
        return None if check is None or rule is None else signature_of_rule(_facts(check, check.definition), rule.type)

    def _signature(self, run: Run) -> Signature:
        version = self._versions.get((run.check_id, run.check_version))
        return signature_of_run(_as_then(run, self._checks.get(run.check_id), version), _run_facts(run))


def _placed(placing: Placing, signature: Signature, first_ms: int, last_ms: int) -> Placing:
    placing.cluster, placing.first_ms, placing.last_ms = cluster_of(signature), first_ms, last_ms
    return placing


def as_stored(session: Session, run: Run) -> tuple[CheckFacts, RunFacts]:
    """A run as it is stored, and its check as it was then."""
    version = session.get(CheckVersion, (run.check_id, run.check_version))
    return _as_then(run, session.get(Check, run.check_id), version), _run_facts(run)


def _as_then(run: Run, check: Check | None, version: CheckVersion | None) -> CheckFacts:
    definition = (version.definition if version is not None else None) or (check.definition if check else {})
    return CheckFacts(run.check_id, "", run.check_id, definition) if check is None else _facts(check, definition)


def _facts(check: Check, definition: dict[str, object]) -> CheckFacts:
    return CheckFacts(check.id, check.type, check.name, definition)


def _run_facts(run: Run) -> RunFacts:
    try:
        detail = msgspec.json.decode(run.detail, type=Detail) if run.detail else Detail()
    except msgspec.MsgspecError:  # written by another version: what it says beside is enough
        detail = Detail()
    return RunFacts(
        run.error_code or "", run.error_message or "", run.started_ms or run.at_ms, detail.steps, detail.assertions,
        detail.response, failed=run.status != RunStatus.SUCCESS.value,
    )  # fmt: skip
