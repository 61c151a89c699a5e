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

AT_ONCE = 50
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
            placings = [_looked_at(session, each) for each in waiting]
        self._reached("read")
        with self._database.write(organization_id, Urgency.HOUSEKEEPING) as session:
            place_all(session, organization_id, placings, self._database.now_ms(session))
            self._reached("written")
        self._reached("kept")
        return True


def _looked_at(session: Session, waiting: Waiting) -> Placing:
    placing = Placing(kind=waiting.kind, id=waiting.id, member=waiting.member, cluster=None, told=waiting.told)
    return _of_run(session, placing) if waiting.kind == RUN else _of_alert(session, placing)


def _of_run(session: Session, placing: Placing) -> Placing:
    """Only scheduled runs that a site has failed, outside of maintenance, are failures."""
    run = session.get(Run, placing.id)
    if run is None or not _is_failure(run):
        return placing
    return _placed(placing, signature_of_stored(session, run), run.at_ms, run.completed_ms or run.at_ms)


def _of_alert(session: Session, placing: Placing) -> Placing:
    alert = session.get(Alert, placing.id)
    if alert is None or alert.retracted or alert.group_key:
        return placing
    signature = _signature_of_alert(session, alert)
    if signature is None:
        return placing
    placing.resolved_ms = alert.resolved_ms
    alone = msgspec.structs.replace(signature, label="")
    placed = _placed(placing, alone, alert.triggered_ms, alert.triggered_ms)
    placed.cluster = cluster_of(signature)
    return placed


def _placed(placing: Placing, signature: Signature, first_ms: int, last_ms: int) -> Placing:
    placing.cluster, placing.label = cluster_of(signature), signature.label
    placing.first_ms, placing.last_ms = first_ms, last_ms
    return placing


def _signature_of_alert(session: Session, alert: Alert) -> Signature | None:
    """Of the first of its runs that failed, if it is about failures; else of its rule."""
    rule = session.get(AlertRule, alert.rule_id)
    about_failures = rule is None or rule.type in OF_FAILURES
    wanted = select(Run).where(Run.id.in_(alert.run_ids), Run.status == RunStatus.FAILED.value)
    runs: Sequence[Run] = session.scalars(wanted).all() if about_failures and alert.run_ids else ()
    if runs:
        return signature_of_stored(session, min(runs, key=lambda run: (run.at_ms, run.id)))
    check = session.get(Check, alert.check_id)
    return None if check is None or rule is None else signature_of_rule(_facts(check, check.definition), rule.type)


def signature_of_stored(session: Session, run: Run) -> Signature:
    """What a run that failed was, as it is stored."""
    version = session.get(CheckVersion, (run.check_id, run.check_version))
    check = session.get(Check, run.check_id)
    definition = (version.definition if version is not None else None) or (check.definition if check else {})
    facts = CheckFacts(run.check_id, "", run.check_id, definition) if check is None else _facts(check, definition)
    return signature_of_run(facts, _run_facts(run))


def _facts(check: Check, definition: dict[str, object]) -> CheckFacts:
    return CheckFacts(check.id, check.type, check.name, definition)


def _run_facts(run: Run) -> RunFacts:
    try:
        detail = msgspec.json.decode(run.detail, type=Detail) if run.detail else Detail()
    except msgspec.MsgspecError:  # written by another version: what it says beside is enough
        detail = Detail()
    return RunFacts(
        run.error_code or "", run.error_message or "", run.started_ms or run.at_ms, detail.steps, detail.assertions,
        detail.response,
    )  # fmt: skip


def _is_failure(run: Run) -> bool:
    judged = run.trigger == Trigger.SCHEDULE.value and not run.maintenance
    return judged and run.status == RunStatus.FAILED.value
