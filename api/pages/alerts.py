"""/alerts/:id: what is wrong, since when, from where, who has it, and how it went; acknowledge and resolve."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from flask import Blueprint, Response, request
from sqlalchemy.orm import Session

from alerts.lifecycle import AlreadyResolvedError, acknowledge, resolve_by_hand
from alerts.payload import target_of
from alerts.votes import MOST_RUNS
from api.access import Scope
from api.errors import Conflict, NotFound
from api.pages.error_behind import error_behind
from api.pages.evidence import evidence
from api.pages.forms import local_path, note
from api.pages.gate import page, visitor
from api.pages.places import finding, places
from api.pages.rendering import go_to, render
from api.pages.reported import LEVELS_CSS
from api.pages.strip import strip
from api.pages.summaries import runbook_of, summary
from api.pages.timeline import timeline
from api.services import services
from model.ids import looks_like_id
from model.times import HOUR_MS
from store.alert_reading import alerts_behind, channel_names, checks_by_ids, rule_types, runs_by_ids
from store.alert_rules import get_event_rule
from store.alert_tables import Alert
from store.alerts import AlertFilter, events_of, get_alert, list_alerts, lock_alert, open_alerts
from store.notifications import notifications_of
from store.runs import Entry, RunFilter, list_runs
from store.tables import Run
from store.write_lock import Urgency

pages = Blueprint("alert_pages", __name__)
_LATELY_MS = 12 * HOUR_MS
_MOST_ENTRIES = 300
_Deed = Callable[..., None]


@pages.get("/alerts/<alert_id>")
@page(Scope.READ)
def alert(alert_id: str) -> Response:
    """One alert, so that a person woken by it needs nothing else."""
    state = services()
    with state.database.read(visitor().caller.organization_id) as session:
        now_ms = state.database.now_ms(session)
        found = _found(session, alert_id)
        end_ms = found.resolved_ms or now_ms
        check = checks_by_ids(session, [found.check_id]).get(found.check_id)
        runs = runs_by_ids(session, found.run_ids)
        entries = _lately(session, found, end_ms)
        told = notifications_of(session, [found.id])[found.id]
        channels = channel_names(session, [sent.channel_id for sent in told])
        rule_type = rule_types(session, [found.rule_id]).get(found.rule_id)
        shown = summary(found, check, now_ms, runs, rule_type=rule_type, told=bool(told))
        return render(
            "alert.html",
            summary=shown,
            alert=found,
            event_rule=get_event_rule(session, found.rule_id) if found.group_key else None,
            check=check,
            target=target_of(check.definition) if check is not None else None,
            runbook=runbook_of(check),
            runs=runs,
            most_proof=MOST_RUNS,
            finding=finding,
            last_run=next((entry for entry in entries if isinstance(entry, Run)), runs[-1] if runs else None),
            lines=timeline(events_of(session, found.id), told, channels, runs[0] if runs else None, shown.mark),
            strip=strip(entries, end_ms),
            places=places(found, check, entries, shown.mark),
            evidence=evidence(session, found, runs, entries),
            error=error_behind(found, _of_its_runs(found, entries)),
            levels=LEVELS_CSS,
            above=_above(session, found),
            behind=alerts_behind(session, found.check_id) if found.resolved_ms is None else [],
            others=[other for other in open_alerts(session, check_ids=[found.check_id]) if other.id != found.id],
            earlier=list_alerts(session, AlertFilter(check_id=found.check_id), (0, 1))[1] - 1,
            now_ms=now_ms,
        )


@pages.post("/alerts/<alert_id>/acknowledge")
@page(Scope.WRITE)
def acknowledge_alert(alert_id: str) -> Response:
    """Take it on; back to where the button was."""
    return _do(alert_id, acknowledge)


@pages.post("/alerts/<alert_id>/resolve")
@page(Scope.WRITE)
def resolve_alert(alert_id: str) -> Response:
    """Say that it is over."""
    return _do(alert_id, resolve_by_hand)


def _do(alert_id: str, deed: _Deed) -> Response:
    who, said = visitor(), note()
    state = services()
    with state.database.write(who.caller.organization_id, Urgency.PEOPLE) as session:
        found = _found(session, alert_id, lock_alert)
        _refuse_lost_note(found, said)
        try:
            deed(session, found, by=who.name, note=said, now_ms=state.database.now_ms(session))
        except AlreadyResolvedError:
            raise Conflict("This alert is resolved already: there is nothing left to acknowledge") from None
    return go_to(local_path(request.form.get("back"), f"/alerts/{alert_id}"))


def _refuse_lost_note(alert: Alert, said: str | None) -> None:
    """What is resolved takes no note any more, and what somebody wrote must not be lost without a word."""
    if said and alert.resolved_ms is not None:
        raise Conflict(f"This alert was resolved meanwhile, so your note was not kept:\n\n{said}")


def _found(session: Session, alert_id: str, by_id: Callable[[Session, str], Alert | None] = get_alert) -> Alert:
    found = by_id(session, alert_id) if looks_like_id(alert_id, "alr") else None
    if found is None:
        raise NotFound("There is no such alert")
    return found


def _lately(session: Session, alert: Alert, end_ms: int) -> Sequence[Entry]:
    """The last runs and gaps of the check, up to the end of the alert and with the run that ended it."""
    window = RunFilter(from_ms=end_ms - _LATELY_MS, to_ms=end_ms + 1)
    return list_runs(session, alert.check_id, window, page=1, per_page=_MOST_ENTRIES).entries


def _of_its_runs(alert: Alert, entries: Sequence[Entry]) -> list[str]:
    """Those that prove it and those that failed since, oldest first."""
    failed = [entry for entry in entries if isinstance(entry, Run) and entry.status == "failed"]
    since = [run.id for run in reversed(failed) if run.at_ms >= alert.at_ms and run.id not in alert.run_ids]
    return [*alert.run_ids, *since]


def _above(session: Session, alert: Alert) -> Alert | None:
    """The open alert of the check on which this one depends, which is why nobody is told of this one."""
    parent_id = (alert.held or {}).get("parent_id")
    if not parent_id or alert.resolved_ms is not None:
        return None
    return next(iter(open_alerts(session, check_ids=[parent_id])), None)
