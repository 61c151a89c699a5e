"""/runs/:id: what one run found, beginning with the answer, then what is different from the last good one."""

from __future__ import annotations

import re
from collections.abc import Sequence

from flask import Blueprint, Response, request
from msgspec.structs import replace
from sqlalchemy.orm import Session

from alerts.explaining import Explained, decisions_of
from alerts.payload import target_of
from api.access import Scope
from api.artifact_links import LASTS_MS, artifact_path
from api.errors import NotFound
from api.pages.assertion_rows import WORDS
from api.pages.evidence import compared
from api.pages.gate import page, visitor
from api.pages.rendering import go_to, render
from api.pages.reported import LEVELS_CSS
from api.pages.summaries import runbook_of
from api.pages.traces import behind_run
from api.pages.verdicts import verdict
from api.pages.walked import walked
from api.pages.walking import walking
from api.pages.waterfall import hops, wants_tls, waterfall
from api.run_shape import detail_of
from api.services import services
from api.trace_viewer import viewer_link
from model.errors import broke_off
from model.heartbeat import LOCATION
from model.ids import looks_like_id
from model.outcome import RunStatus, Trigger
from store.alert_reading import alerts_of_run, channel_names, checks_by_ids, probe_name, rule_names
from store.alert_tables import Alert
from store.alerts import get_alert
from store.artifact_tables import Artifact
from store.artifacts import artifacts_of_run
from store.checks import definition_at
from store.neighbouring_runs import runs_around
from store.runs import run_by_id
from store.sessions import EVERY_ORGANIZATION
from store.tables import Check, Run

pages = Blueprint("run_pages", __name__)


OUTCOMES = {
    "triggered": "raised an alert",
    "joined": "is part of an alert that was open",
    "not_met": "asks for more",
    "not_counted": "does not count it",
    "maintenance": "kept quiet: maintenance",
    "silenced": "kept quiet: a silence",
    "parent_down": "kept quiet: what it depends on is down",
    "muted": "kept quiet: the check is muted",
    "storm": "told it together with others",
}
"""What a rule made of a run, by the contract's names."""
_CHANNEL = re.compile(r"\bchan_\w+")
"""As the API names channels in what it says; people know them by name."""
_TRIGGERS = {
    "schedule": "on schedule",
    "manual": "asked for by hand",
    "ci": "asked for by CI",
    "confirm": "to confirm a failure elsewhere",
}


@pages.get("/runs/<run_id>")
@page(Scope.READ)
def run(run_id: str) -> Response:
    """One run with all it found. Runs of deleted checks stay readable until their retention ends."""
    state = services()
    with state.database.read(visitor().caller.organization_id) as session:
        now_ms = state.database.now_ms(session)
        found = run_by_id(session, run_id) if looks_like_id(run_id, "run") else None
        if found is None:
            raise NotFound("There is no such run, or it is older than runs are kept")
        check = checks_by_ids(session, [found.check_id]).get(found.check_id)
        detail = detail_of(found)
        written = definition_at(session, found.check_id, found.check_version)
        good, comparison = compared(session, found) if _compared(found) else (None, None)
        decisions = _decisions(found)
        alerts = _alerts(session, found, decisions)
        around = runs_around(session, found)
        place = next(number for number, other in enumerate(around) if other.id == found.id)
        return render(
            "run.html",
            run=found,
            check=check,
            detail=detail,
            walked=walked(session, found, detail),
            viewer=viewer_link(state.settings, request.host, "/") is not None,
            walking=None if RunStatus(found.status).terminal else walking(session, found.id),
            target=target_of(check.definition) if check is not None else None,
            probe=probe_name(session, found.probe_id) or found.probe_id,
            runbook=runbook_of(check),
            heading=_heading(found, check),
            verdict=verdict(found),
            verdict_of=verdict,
            trigger=_TRIGGERS.get(found.trigger, found.trigger),
            aside=found.trigger in (Trigger.MANUAL, Trigger.CI),
            compared=_compared(found),
            good=good,
            comparison=comparison,
            bars=waterfall(found, detail.response, failed_by=found.error_code, secured=wants_tls(written or {})),
            unjudged=broke_off(found.error_code),
            hops=hops(detail.response),
            behind=behind_run(found),
            levels=LEVELS_CSS,
            words=WORDS,
            alerts=alerts,
            decisions=decisions,
            rules=rule_names(session, [decision.rule_id for decision in decisions]),
            outcomes=OUTCOMES,
            around=around,
            after=around[place - 1] if place else None,
            before=around[place + 1] if place + 1 < len(around) else None,
            check_path=f"/{'journeys' if found.check_id.startswith('jny_') else 'monitors'}/{found.check_id}",
            unfinished=not RunStatus(found.status).terminal,
            now_ms=now_ms,
        )


@pages.get("/runs/<run_id>/trace")
@page(Scope.READ)
def trace(run_id: str) -> Response:
    """On to the viewer, with a link that opens the run's trace for five minutes."""
    state = services()
    with state.database.read(visitor().caller.organization_id) as session:
        found = run_by_id(session, run_id) if looks_like_id(run_id, "run") else None
        kept = None if found is None else next(iter(_traces(session, found)), None)
        if found is None or kept is None:
            raise NotFound("This run has no trace, or it has made room for newer ones")
        until_ms = state.database.now_ms(session) + LASTS_MS
    link = viewer_link(state.settings, request.host, artifact_path(state.keyring, kept.id, until_ms))
    if link is None:
        return go_to(f"/runs/{found.id}#trace")
    answer = go_to(link)
    answer.headers["Referrer-Policy"] = "no-referrer"
    return answer


def _traces(session: Session, run: Run) -> list[Artifact]:
    return [each for each in artifacts_of_run(session, run.id) if each.type == "trace"]


def _decisions(run: Run) -> list[Explained]:
    """What each rule made of a run that this visitor may see: rules are read for all organizations at once."""
    if not RunStatus(run.status).terminal:
        return []
    with services().database.read(EVERY_ORGANIZATION) as session:
        decisions = decisions_of(session, run)
        ids = {each for decision in decisions for each in _CHANNEL.findall(decision.detail)}
        names = channel_names(session, ids)
    return [replace(each, detail=_CHANNEL.sub(lambda at: names.get(at[0], at[0]), each.detail)) for each in decisions]


def _alerts(session: Session, run: Run, decisions: Sequence[Explained]) -> list[Alert]:
    """Those that the run proves or was part of: a long outage keeps the first of its runs as proof."""
    proven = alerts_of_run(session, run)
    known = {alert.id for alert in proven}
    more = [decision.alert_id for decision in decisions if decision.alert_id and decision.alert_id not in known]
    return proven + [alert for alert_id in more if (alert := get_alert(session, alert_id)) is not None]


def _compared(run: Run) -> bool:
    """Whether the question is what changed: of what failed or was slow."""
    return run.status == RunStatus.FAILED or (run.status == RunStatus.SUCCESS and run.degraded)


def _heading(run: Run, check: Check | None) -> str:
    name = check.name if check is not None else "A deleted check"
    place = "" if run.location == LOCATION else f" from {run.location}"
    return f"{name} {verdict(run).sentence}{place}"
