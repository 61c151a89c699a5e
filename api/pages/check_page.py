"""The page of a check, a monitor's or a journey's: whether it is up and why not, how long it takes and where, its runs,
its alerts, what it is set to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flask import Response, request
from sqlalchemy.orm import Session

from api.errors import Invalid
from api.pages import history
from api.pages.axis import axis
from api.pages.check_head import head_of
from api.pages.configuration import assertions, configuration
from api.pages.gate import visitor
from api.pages.rendering import render
from api.pages.run_list import STATUSES, TRIGGERS, addresses, listed_runs, wanted
from api.pages.standing import stretch
from api.pages.summaries import Summary, runbook_of, summaries
from api.pages.verdicts import verdict
from api.pages.words import listed
from api.run_shape import detail_of
from model.outcome import RunStatus
from model.times import DAY_MS, HOUR_MS, parse_iso
from store.alert_reading import checks_by_ids
from store.alerts import AlertFilter, list_alerts
from store.check_history import durations
from store.neighbouring_runs import last_good_run
from store.probes import online_locations
from store.runs import last_runs, run_by_id
from store.tables import Check, Gap, LocationState

_MOST_ALERTS = 5


@dataclass(frozen=True)
class Certificate:
    """Of the newest answer that had one."""

    ends_ms: int
    left_days: int
    issuer: str


def check_page(
    session: Session, check: Check, now_ms: int, template: str, path: str, done: Mapping[str, str], **more: Any
) -> Response:
    """`template`: of its family, `path`: of its page, `done`: what to say after each deed, `more`: what only its family
    shows."""
    locations = ["heartbeat"] if check.kind == "heartbeat" else list(check.locations)
    fitting = history.fitting(now_ms - check.created_ms)
    span_name, location, by = _view(locations, fitting)
    span = history.SPANS[span_name]
    head = head_of(session, check, now_ms)
    steps = "all its steps" if check.kind == "browser" else ""
    drawn = history.chart(
        session, visitor().caller.organization_id, check.id, span, now_ms, locations, location=location,
        by_location=by == "location",
        in_all=steps or "in all, no phases kept", rest=steps or "redirects, no answer",
    )  # fmt: skip
    since_ms = drawn.columns.from_ms - drawn.columns.from_ms % (DAY_MS if span.daily else HOUR_MS)
    took = durations(session, check.id, since_ms, location, daily=bool(span.daily))
    asked = wanted(locations)
    alerts, all_alerts = _alerts(session, check, now_ms)
    view = {"span": span_name, "location": location or "all", "by": by}
    return render(
        template,
        422 if asked.wrong else 200,
        check=check,
        path=path,
        head=head,
        done=_done(session, check, now_ms, done),
        locations=locations,
        chart=drawn,
        axis=axis(session, check, drawn.columns, now_ms, history.WIDTH),
        spans=history.SPANS,
        first_span=fitting,
        view=view,
        p50=took.percentile(50),
        p95=took.percentile(95),
        certificate=_certificate(session, check, head.states, now_ms),
        runs=listed_runs(session, check.id, asked),
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
        address=addresses(path, {**_changed(view, fitting), **asked.typed}),
        chart_address=addresses(path, _changed(view, fitting)),
        shown=_changed(view, fitting),
        now_ms=now_ms,
        **more,
    )


def _view(locations: Sequence[str], fitting: str) -> tuple[str, str | None, str]:
    """Which span (`fitting` where none is asked for), which location (None: all), and what the chart is cut by.
    Invalid."""
    span, by = request.args.get("span", fitting), request.args.get("by", "phase")
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


def _changed(view: Mapping[str, str], fitting: str) -> dict[str, str]:
    """What is not as it is shown at first."""
    first = {"span": fitting, "location": "all", "by": "phase"}
    return {name: value for name, value in view.items() if value != first[name]}


def _done(session: Session, check: Check, now_ms: int, words: Mapping[str, str]) -> str | None:
    """What the deed that led here came to."""
    deed = request.args.get("done", "")
    runs = deed in ("made", "resumed") and check.kind != "heartbeat"
    capability = "browser" if check.kind == "browser" else "network"
    if not runs or set(check.locations) & set(online_locations(session, now_ms, capability=capability)):
        return words.get(deed)
    probe = "probe with a browser" if check.kind == "browser" else "probe"
    return f"It is {deed}. No {probe} is online at {listed(list(check.locations))}: it runs as soon as one is."


def _alerts(session: Session, check: Check, now_ms: int) -> tuple[list[Summary], int]:
    found, total = list_alerts(session, AlertFilter(check_id=check.id), (0, _MOST_ALERTS))
    return summaries(session, found, now_ms), total


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
