"""/monitors/:id: whether it is up and why not, how long it takes and where, its runs, its alerts, what it is set to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, Response, request
from sqlalchemy.orm import Session

from alerts.book import windows_at
from alerts.payload import target_of
from api.access import Scope
from api.check_requests import find
from api.errors import Invalid
from api.families import MONITOR
from api.pages import history
from api.pages.axis import axis
from api.pages.configuration import assertions, configuration, every, ping_examples
from api.pages.gate import page, visitor
from api.pages.rendering import go_to, render
from api.pages.run_list import STATUSES, TRIGGERS, addresses, listed_runs, wanted
from api.pages.standing import answer, stretch
from api.pages.summaries import Summary, runbook_of, summaries
from api.pages.verdicts import verdict
from api.pages.words import NOTHING
from api.run_shape import detail_of
from api.services import services
from model.ids import looks_like_id
from model.outcome import RunStatus
from model.times import DAY_MS, HOUR_MS, parse_iso
from store.alert_reading import checks_by_ids
from store.alerts import AlertFilter, list_alerts
from store.check_history import durations
from store.heartbeat_rows import heartbeat_of_check, ping_token
from store.location_states import states_of_checks
from store.neighbouring_runs import last_good_run
from store.probes import online_locations
from store.runs import Entry, RunFilter, last_runs, list_runs, run_by_id
from store.tables import Check, Gap, Heartbeat, LocationState

pages = Blueprint("monitors", __name__)
_MOST_ALERTS = 5
_WINDOWS = (("24h", "24 hours", DAY_MS), ("7d", "7 days", 7 * DAY_MS), ("30d", "30 days", 30 * DAY_MS),
            ("90d", "90 days", 90 * DAY_MS))  # fmt: skip
FOR_EVER_MS = parse_iso("9999-12-31T00:00:00Z")


@dataclass(frozen=True)
class Uptime:
    """Of one window; empty texts with nothing measured."""

    word: str
    percent: str
    measured: str
    worst: str


@dataclass(frozen=True)
class Certificate:
    """Of the newest answer that had one."""

    ends_ms: int
    left_days: int
    issuer: str


@pages.get("/monitors/<monitor_id>")
@page(Scope.READ)
def monitor(monitor_id: str) -> Response:
    """One monitor. A journey's id leads to its page."""
    if looks_like_id(monitor_id, "jny"):
        return go_to(f"/journeys/{monitor_id}")
    state, organization_id = services(), visitor().caller.organization_id
    with state.database.read(organization_id) as session:
        now_ms = state.database.now_ms(session)
        check = find(MONITOR, session, monitor_id)
        locations = ["heartbeat"] if check.kind == "heartbeat" else list(check.locations)
        span_name, location, by = _view(locations)
        span = history.SPANS[span_name]
        states = states_of_checks(session, [check.id])[check.id]
        tags = check.definition.get("tags") or ()
        resting = [
            each for each in windows_at(session, organization_id, now_ms) if each.apply_to.covers(check.id, tags)
        ]
        stands = answer(
            check, states, _lately(session, check, states, now_ms), online_locations(session, now_ms), now_ms,
            maintenance=[window.name for window in resting],
        )  # fmt: skip
        drawn = history.chart(
            session, organization_id, check.id, span, now_ms, locations, location=location, by_location=by == "location"
        )
        since_ms = drawn.columns.from_ms - drawn.columns.from_ms % (DAY_MS if span.daily else HOUR_MS)
        took = durations(session, check.id, since_ms, location, daily=bool(span.daily))
        asked = wanted(locations)
        runs = listed_runs(session, check.id, asked)
        alerts, all_alerts = _alerts(session, check, now_ms)
        stats = state.recent_stats.of(session, [check.id], now_ms)[check.id]
        beat = heartbeat_of_check(session, check.id) if check.kind == "heartbeat" else None
        ping_url = f"{state.public_url}/ping/{ping_token(state.keyring, beat)}" if beat is not None else None
        path = f"/monitors/{check.id}"
        view = {"span": span_name, "location": location or "all", "by": by}
        muted_ms = _muted_until(check, now_ms)
        return render(
            "monitor.html",
            422 if asked.wrong else 200,
            check=check,
            answer=stands,
            heading=f"{check.name} {stands.sentence}",
            target=target_of(check.definition),
            every=every(check.definition),
            locations=locations,
            chart=drawn,
            axis=axis(session, check, drawn.columns, now_ms, history.WIDTH),
            spans=history.SPANS,
            view=view,
            uptimes=[
                _uptime(word, name, stats, now_ms - check.created_ms, window_ms) for name, word, window_ms in _WINDOWS
            ],
            p50=took.percentile(50),
            p95=took.percentile(95),
            certificate=_certificate(session, check, states, now_ms),
            beat=_beat(beat),
            ping_url=ping_url,
            examples=ping_examples(ping_url, check.definition) if ping_url and visitor().may("write") else (),
            runs=runs,
            asked=asked,
            statuses=STATUSES,
            triggers=TRIGGERS,
            verdict_of=verdict,
            is_gap=lambda entry: isinstance(entry, Gap),
            stretch=stretch,
            alerts=alerts,
            all_alerts=all_alerts,
            facts=configuration(check),
            assertions=assertions(check),
            above=checks_by_ids(session, check.definition.get("depends_on") or ()).values(),
            runbook=runbook_of(check),
            muted_ms=muted_ms,
            muted_for_ever=muted_ms is not None and muted_ms >= FOR_EVER_MS,
            address=addresses(path, {**_changed(view), **asked.typed}),
            chart_address=addresses(path, _changed(view)),
            shown=_changed(view),
            now_ms=now_ms,
        )


def _view(locations: Sequence[str]) -> tuple[str, str | None, str]:
    """Which span, which location (None: all), and what the chart is cut by. Invalid."""
    span, by = request.args.get("span", "24h"), request.args.get("by", "phase")
    location = request.args.get("location", "all")
    wrong = {
        name: [f"there is no {given[:40]!r}: choose one of {', '.join(known)}"]
        for name, given, known in (
            ("span", span, tuple(history.SPANS)),
            ("by", by, ("phase", "location")),
            ("location", location, ("all", *locations)),
        )
        if given not in known
    }
    if wrong:
        raise Invalid(wrong)
    return span, None if location == "all" else location, by


def _changed(view: Mapping[str, str]) -> dict[str, str]:
    """What is not as it is shown at first."""
    first = {"span": "24h", "location": "all", "by": "phase"}
    return {name: value for name, value in view.items() if value != first[name]}


def _lately(session: Session, check: Check, states: Sequence[LocationState], now_ms: int) -> Sequence[Entry]:
    """Its newest run or gap, which says why it is not measured; nothing while it is."""
    if any((state.fresh_until_ms or 0) > now_ms for state in states):
        return ()
    return list_runs(session, check.id, RunFilter(), page=1, per_page=1).entries


def _alerts(session: Session, check: Check, now_ms: int) -> tuple[list[Summary], int]:
    found, total = list_alerts(session, AlertFilter(check_id=check.id), (0, _MOST_ALERTS))
    return summaries(session, found, now_ms), total


def _uptime(word: str, name: str, stats: Mapping[str, float | None], age_ms: int, window_ms: int) -> Uptime:
    uptime, coverage, floor = (
        stats[f"{what}_{name}{end}"] for what, end in (("uptime", ""), ("coverage", ""), ("uptime", "_floor"))
    )
    if coverage is None:
        return Uptime(word, NOTHING, "nothing was due", "")
    measured = "all measured" if coverage == 100 else f"{coverage:g} % measured"
    if age_ms < window_ms:
        measured = f"{measured} since it was made"
    worst = f"at worst {floor:g} %" if floor is not None and coverage < 100 else ""
    return Uptime(word, NOTHING if uptime is None else f"{uptime:g} %", measured, worst)


def _certificate(session: Session, check: Check, states: Sequence[LocationState], now_ms: int) -> Certificate | None:
    """Of the newest run, of one that counts now, or of the last good one: a failure may come before the handshake."""
    newest = last_runs(session, [check.id]).get(check.id)
    ids = [state.run_id for state in sorted(states, key=lambda state: -(state.at_ms or 0)) if state.run_id][:2]
    counting = [run_by_id(session, run_id) for run_id in ids]
    good = last_good_run(session, newest) if newest is not None and newest.status != RunStatus.SUCCESS else None
    for run in (newest, *counting, good):
        found: Any = (detail_of(run).response or {}).get("certificate") if run is not None else None
        try:
            ends_ms = parse_iso(str(found["not_after"])) if found else None
        except (KeyError, ValueError):
            continue
        if ends_ms is not None:
            return Certificate(ends_ms, (ends_ms - now_ms) // DAY_MS, str(found.get("issuer") or ""))
    return None


def _beat(beat: Heartbeat | None) -> dict[str, Any] | None:
    """What is known of a heartbeat's pings."""
    if beat is None:
        return None
    said = (beat.body or b"").decode("utf-8", "replace").strip()[:2_000]
    return {
        "last_ms": beat.last_ping_ms, "deadline_ms": beat.deadline_ms, "started_ms": beat.started_ms, "said": said,
    }  # fmt: skip


def _muted_until(check: Check, now_ms: int) -> int | None:
    """Until when nobody is told of it; None when that is over, or never was."""
    until = check.definition.get("muted_until")
    until_ms = parse_iso(until) if until else None
    return until_ms if until_ms is not None and until_ms > now_ms else None
