"""/alerts and /alerts/:id: what is wrong, since when, from where, who has it; acknowledge and resolve."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, Response, request
from sqlalchemy.orm import Session

from alerts.lifecycle import AlreadyResolvedError, acknowledge, resolve_by_hand
from api.access import Scope
from api.errors import Conflict, Invalid, NotFound
from api.pages.forms import local_path, note
from api.pages.gate import page, visitor
from api.pages.rendering import go_to, render
from api.pages.strip import Strip, strip
from api.pages.timeline import timeline
from api.pages.words import counted, duration, listed
from api.services import services
from model.ids import looks_like_id
from model.times import HOUR_MS
from store.alert_reading import channel_names, checks_by_ids, count_open_alerts, runs_by_ids
from store.alert_tables import Alert
from store.alerts import AlertFilter, events_of, get_alert, list_alerts
from store.notifications import notifications_of
from store.runs import RunFilter, list_runs
from store.tables import Check, Run
from store.write_lock import Urgency

pages = Blueprint("alert_pages", __name__)
PER_PAGE = 50
_MOST_PAGES = 200
_ALL = "all"
_FILTERS = {
    "open": ("triggered", "acknowledged"),
    "triggered": ("triggered",),
    "acknowledged": ("acknowledged",),
    "resolved": ("resolved",),
    _ALL: None,
}
SEVERITIES = ("critical", "high", "medium", "low")
_STRIP_MS = 12 * HOUR_MS
_STRIP_RUNS = 300
MOST_RUNS = 100
_Deed = Callable[..., None]


@dataclass(frozen=True)
class Summary:
    """An alert with the words that every view of it shows."""

    alert: Alert
    check: Check | None
    since_ms: int
    lasted: str
    places: str
    state: str
    css: str


@pages.get("/alerts")
@page(Scope.READ)
def alerts() -> Response:
    """Open ones first of all; others by filter."""
    status = _choice("status", "open", tuple(_FILTERS))
    severity = _choice("severity", _ALL, (*SEVERITIES, _ALL))
    number = _page_number()
    state = services()
    with state.database.read(visitor().caller.organization_id) as session:
        now_ms = state.database.now_ms(session)
        wanted = AlertFilter(statuses=_FILTERS[status], severities=None if severity == _ALL else (severity,))
        found, total = list_alerts(session, wanted, ((number - 1) * PER_PAGE, PER_PAGE))
        checks = checks_by_ids(session, [alert.check_id for alert in found])
        proving = {run.id: run for run in runs_by_ids(session, [run_id for alert in found for run_id in alert.run_ids])}
        counts = count_open_alerts(session)
    return render(
        "alerts.html",
        summaries=[summary(alert, checks.get(alert.check_id), now_ms, _proof(alert, proving)) for alert in found],
        heading=_heading(counts),
        wrong=bool(counts.get("triggered")),
        statuses=tuple(_FILTERS),
        severities=(_ALL, *SEVERITIES),
        status=status,
        severity=severity,
        number=number,
        more=total > number * PER_PAGE and number < _MOST_PAGES,
        now_ms=now_ms,
        back=local_path(request.full_path.rstrip("?"), "/alerts"),
    )


@pages.get("/alerts/<alert_id>")
@page(Scope.READ)
def alert(alert_id: str) -> Response:
    """One alert, so that a person woken by it needs nothing else."""
    state = services()
    with state.database.read(visitor().caller.organization_id) as session:
        now_ms = state.database.now_ms(session)
        found = _found(session, alert_id)
        check = checks_by_ids(session, [found.check_id]).get(found.check_id)
        runs = runs_by_ids(session, found.run_ids[:MOST_RUNS])
        told = notifications_of(session, [found.id])[found.id]
        channels = channel_names(session, [sent.channel_id for sent in told])
        lines = timeline(events_of(session, found.id), told, channels, runs[0] if runs else None)
        return render(
            "alert.html",
            summary=summary(found, check, now_ms, runs),
            alert=found,
            check=check,
            runbook=runbook_of(check),
            runs=runs,
            lines=lines,
            strip=_strip(session, found, now_ms),
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


def summary(alert: Alert, check: Check | None, now_ms: int, runs: Sequence[Run] = ()) -> Summary:
    """`runs`: those that prove it, as far as they are kept: the first of them says since when."""
    since_ms = min([*(alert.votes.values() or (alert.at_ms,)), *(run.at_ms for run in runs)])
    end_ms = alert.resolved_ms or now_ms
    return Summary(
        alert, check, since_ms, duration(end_ms - since_ms), _places(alert, check), _state(alert), _css(alert)
    )


def runbook_of(check: Check | None) -> str | None:
    """The check's runbook, if it is an address that a link may have."""
    url = check.definition.get("runbook_url") if check is not None else None
    return url if isinstance(url, str) and url.startswith(("https://", "http://")) else None


def _proof(alert: Alert, runs: Mapping[str, Run]) -> list[Run]:
    return [runs[run_id] for run_id in alert.run_ids if run_id in runs]


def _do(alert_id: str, deed: _Deed) -> Response:
    who, said = visitor(), note()
    state = services()
    with state.database.write(who.caller.organization_id, Urgency.PEOPLE) as session:
        found = _found(session, alert_id, lock=True)
        try:
            deed(session, found, by=who.name, note=said, now_ms=state.database.now_ms(session))
        except AlreadyResolvedError:
            raise Conflict("This alert is resolved already: there is nothing left to acknowledge") from None
    return go_to(local_path(request.form.get("back"), f"/alerts/{alert_id}"))


def _found(session: Session, alert_id: str, *, lock: bool = False) -> Alert:
    found = get_alert(session, alert_id, lock=lock) if looks_like_id(alert_id, "alr") else None
    if found is None:
        raise NotFound("There is no such alert")
    return found


def _choice(name: str, default: str, known: Sequence[str]) -> str:
    given = request.args.get(name) or default
    if given not in known:
        raise Invalid({name: [f"there is no {given[:40]!r}: choose one of {', '.join(known)}"]})
    return given


def _page_number() -> int:
    given = request.args.get("page", "1")
    if not (given.isascii() and given.isdigit() and len(given) < 5 and 1 <= int(given) <= _MOST_PAGES):
        raise Invalid({"page": [f"must be a number from 1 to {_MOST_PAGES}"]})
    return int(given)


def _heading(counts: dict[str, int]) -> str:
    fresh, taken = counts.get("triggered", 0), counts.get("acknowledged", 0)
    if not fresh and not taken:
        return "No open alerts"
    number = counted(fresh + taken, "open alert")
    if not taken:
        return number
    return f"{number}, {taken if fresh else 'all'} acknowledged" if fresh + taken > 1 else f"{number}, acknowledged"


def _places(alert: Alert, check: Check | None) -> str:
    """`from eu-west and us-east`, `from all 3 locations`: where it was seen, and what would have been enough."""
    voted = sorted(alert.votes)
    if not voted or voted == ["heartbeat"]:
        return ""
    if check is not None and len(voted) > 1 and set(voted) >= set(check.locations):
        seen = f"from {'both' if len(voted) == 2 else f'all {len(voted)}'} locations"
    else:
        seen = f"from {listed(voted)}"
    if len(voted) < alert.needed:
        seen += f" ({len(voted)} of {len(voted)} that could measure, {alert.needed} wanted)"
    return seen


def _state(alert: Alert) -> str:
    if alert.status == "resolved":
        return "withdrawn" if alert.retracted else "resolved"
    return "acknowledged" if alert.status == "acknowledged" else "not acknowledged"


def _css(alert: Alert) -> str:
    return {"triggered": "down", "acknowledged": "acknowledged"}.get(alert.status, "up")


def _strip(session: Session, alert: Alert, now_ms: int) -> Strip | None:
    end_ms: int = alert.resolved_ms or now_ms
    window = RunFilter(from_ms=end_ms - _STRIP_MS, to_ms=end_ms)
    entries: list[Any] = list_runs(session, alert.check_id, window, page=1, per_page=_STRIP_RUNS).entries
    return strip(entries, end_ms)
