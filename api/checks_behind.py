"""The checks behind what was reported: those that an issue breaks, and how checks fared before and after a release."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from api.access import caller
from api.services import services
from model.times import HOUR_MS, iso
from model.traceparent import runs_of_trace
from store.met_runs import Fared, MetCheck, checks_of_runs, fared_around, named_checks
from store.sessions import EVERY_ORGANIZATION
from telemetry.stored.joined import traces_of_issue, traces_of_project

MOST_CHECKS = 50


def checks_of_issue(number: int) -> list[dict[str, Any]]:
    """Those in traces of whose runs it was seen, the ones with most failures first."""
    with services().database.telemetry.read(EVERY_ORGANIZATION) as session:
        traces = traces_of_issue(session, number)
    return [
        {
            "id": check.id,
            "name": check.name,
            "type": check.type,
            "runs": check.runs,
            "failed": check.failed,
            "last_run_id": check.last_run_id,
            "last_run_at": iso(check.last_at_ms),
        }
        for check in _met(traces)
    ]


def checks_around(project: int, at_ms: int, hours: int) -> tuple[bool, list[dict[str, Any]]]:
    """(whether these are checks that the project reported of, each before and after an instant)."""
    with services().database.telemetry.read(EVERY_ORGANIZATION) as session:
        traces = traces_of_project(session, project)
    met = _met(traces)[:MOST_CHECKS]
    with services().database.read(caller().organization_id) as session:
        checks = sorted(met, key=lambda check: check.name) if met else named_checks(session, None, MOST_CHECKS)
        fared = fared_around(session, [check.id for check in checks], at_ms, hours * HOUR_MS)
    shown = [
        {
            "id": check.id,
            "name": check.name,
            "type": check.type,
            "before": _fared(fared[check.id][0]),
            "after": _fared(fared[check.id][1]),
        }
        for check in checks
    ]
    return bool(met), shown


def _met(traces: Sequence[str]) -> list[MetCheck]:
    """Of the caller's organization: what others' runs had in their traces is nobody's business here."""
    run_ids = [run_id for trace in traces for run_id in runs_of_trace(trace)]
    if not run_ids:
        return []
    with services().database.read(caller().organization_id) as session:
        return checks_of_runs(session, run_ids)


def _fared(found: Fared) -> dict[str, Any]:
    return {
        "success": found.success,
        "failed": found.failed,
        "uptime": found.uptime,
        "avg_response_ms": found.avg_ms,
        "p95_response_ms": found.p95_ms,
    }
