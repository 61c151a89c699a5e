"""/journeys and /journeys/:id: how each journey stands, what its last runs looked like step by step, and how long each
step takes; run now, pause, mute, clone, delete."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, Response, request
from sqlalchemy.orm import Session

from alerts.book import windows_at
from api import check_requests as checks
from api.access import Scope
from api.check_reading import shown_checks
from api.errors import Conflict, Invalid, PlanLimit
from api.families import JOURNEY, JOURNEY_TYPE
from api.pages.day_bar import Bar, Line, day_bar, latency_line
from api.pages.forms import page_number
from api.pages.gate import page, visitor
from api.pages.overview import WORDS, WORST_FIRST, heading_of
from api.pages.rendering import go_to, render
from api.pages.step_timings import step_timings
from api.pages.strip import strip
from api.pages.summaries import summaries
from api.pages.verdicts import verdict
from api.pages.walked import Walked, walked
from api.pages.walking import all_walking
from api.pages.words import counted
from api.run_shape import detail_of
from api.services import services
from model.fields import MAX_NAME
from model.health import Health
from model.times import HOUR_MS, iso, parse_iso
from model.uptime import total
from store.alerts import AlertFilter, list_alerts
from store.overview import Hour, Standing, hours_of, standings
from store.runs import RunFilter, last_runs, list_runs
from store.tables import Check, Run
from store.walked_runs import runs_under_way, walked_runs

pages = Blueprint("journey_pages", __name__)
PER_PAGE = 50
_FILMS, _TIMED, _STRIP = 3, 30, 60
_MOST_ALERTS = 5
_WINDOWS = (("24h", "24 hours"), ("7d", "7 days"), ("30d", "30 days"), ("90d", "90 days"))
_MUTES = {"1": "an hour", "8": "8 hours", "24": "a day", "168": "a week"}
_DONE = {
    "saved": "Saved. It counts from two seconds later on.",
    "made": "The journey is made. Its first run is due within its interval; or run it now.",
    "cloned": "This is the copy. It is paused, so that you can change it first.",
    "paused": "It is paused: nothing is run, and nobody is told, until it is resumed.",
    "active": "It runs again.",
    "muted": "It is muted: it runs, and nobody is told.",
    "unmuted": "It is not muted any more.",
    "deleted": "The journey is deleted. Its runs can be read until their time is over.",
}


@dataclass(frozen=True)
class Row:
    """A journey in the list."""

    standing: Standing
    word: str
    bar: Bar
    line: Line | None
    uptime: str
    coverage: str
    last: Run | None


@dataclass(frozen=True)
class Film:
    """A run with its pictures, step by step."""

    run: Run
    css: str
    word: str
    walked: Walked | None


@dataclass(frozen=True)
class Uptime:
    """Of a stretch of time, printed with how much of it was measured."""

    window: str
    percent: str
    coverage: str


@pages.get("/journeys")
@page(Scope.READ)
def journey_list() -> Response:
    """Every journey, the worst first."""
    state, number, organization_id = services(), page_number(), visitor().caller.organization_id
    typed = request.args.get("q", "").strip()[:MAX_NAME]
    with state.database.read(organization_id) as session:
        now_ms = state.database.now_ms(session)
        windows = windows_at(session, organization_id, now_ms)
        every = [
            each
            for each in standings(
                session,
                organization_id,
                now_ms,
                lambda check_id, tags: any(one.apply_to.covers(check_id, tags) for one in windows),
            )
            if each.type == JOURNEY_TYPE
        ]
        fitting = [each for each in every if _fits(each, typed.lower())]
        fitting.sort(key=lambda standing: WORST_FIRST.index(standing.health))
        shown = fitting[(number - 1) * PER_PAGE : number * PER_PAGE]
        ids = [standing.check_id for standing in shown]
        hours, newest = hours_of(session, organization_id, ids, now_ms), last_runs(session, ids)
        rows = [_row(each, hours[each.check_id], newest.get(each.check_id)) for each in shown]
    return render(
        "journeys.html",
        heading=heading_of(every) if every else "No journey yet",
        rows=rows,
        every=len(every),
        typed=typed,
        number=number,
        more=len(fitting) > number * PER_PAGE,
        verdict_of=verdict,
        done=_DONE.get(request.args.get("done", "")),
        now_ms=now_ms,
    )


@pages.get("/journeys/<journey_id>")
@page(Scope.READ)
def journey(journey_id: str) -> Response:
    """One journey."""
    return _page(journey_id, done=_DONE.get(request.args.get("done", "")))


@pages.post("/journeys/<journey_id>/run")
@page(Scope.RUN)
def run_now(journey_id: str) -> Response:
    """Ask for a run at each of its locations, and go to where the first of them is told."""
    asked = checks.run_by_hand(JOURNEY, journey_id, None).get_json()["data"]
    return go_to(f"/runs/{asked['run_id']}")


@pages.post("/journeys/<journey_id>/status")
@page(Scope.WRITE)
def set_status(journey_id: str) -> Response:
    """Pause or resume."""
    return _changed(journey_id, {"status": request.form.get("status", "")}, request.form.get("status", ""))


@pages.post("/journeys/<journey_id>/mute")
@page(Scope.WRITE)
def mute(journey_id: str) -> Response:
    """Keep quiet about it for a while, or not any more."""
    hours = request.form.get("hours", "")
    if hours == "0":
        return _changed(journey_id, {"muted_until": None}, "unmuted")
    if hours not in _MUTES:
        return _page(journey_id, {"hours": ["is none of the choices"]}, Invalid.status)
    state = services()
    with state.database.read(visitor().caller.organization_id) as session:
        until = iso(state.database.now_ms(session) + int(hours) * HOUR_MS)
    return _changed(journey_id, {"muted_until": until}, "muted")


@pages.post("/journeys/<journey_id>/clone")
@page(Scope.WRITE)
def clone(journey_id: str) -> Response:
    """A copy, paused, with its secrets."""
    try:
        made = checks.cloned(JOURNEY, journey_id)
    except (Invalid, Conflict, PlanLimit) as error:
        return _page(journey_id, {"": [error.message]}, error.status)
    return go_to(f"/journeys/{made['id']}?done=cloned")


@pages.post("/journeys/<journey_id>/delete")
@page(Scope.WRITE)
def delete(journey_id: str) -> Response:
    """Gone from lists."""
    checks.deleted(JOURNEY, journey_id)
    return go_to("/journeys?done=deleted")


def _changed(journey_id: str, change: dict[str, Any], done: str) -> Response:
    try:
        checks.changed(JOURNEY, journey_id, change)
    except (Invalid, Conflict) as error:
        return _page(journey_id, {"": [error.message]}, error.status)
    return go_to(f"/journeys/{journey_id}?done={done}")


def _page(
    journey_id: str,
    wrong: Mapping[str, Sequence[str]] | None = None,
    status: int = 200,
    *,
    done: str | None = None,
) -> Response:
    state = services()
    with state.database.read(visitor().caller.organization_id) as session:
        now_ms = state.database.now_ms(session)
        check = checks.find(JOURNEY, session, journey_id)
        [shape] = shown_checks(session, [check])
        runs = walked_runs(session, check.id, _TIMED)
        alerts, total_alerts = list_alerts(session, AlertFilter(check_id=check.id), (0, _MOST_ALERTS))
        listed = list_runs(session, check.id, RunFilter(), page=1, per_page=_STRIP).entries
        muted_ms = parse_iso(shape["muted_until"]) if shape["muted_until"] else 0
        return render(
            "journey.html",
            status,
            check=check,
            shape=shape,
            word=WORDS[Health(shape["health"])],
            heading=_heading(check, shape),
            since_ms=_since(shape),
            cause=_cause(shape),
            uptimes=[_uptime(shape["stats"], name, window) for name, window in _WINDOWS],
            films=[_film(session, run) for run in runs[:_FILMS]],
            timings=step_timings([(run, detail_of(run).steps) for run in runs]),
            strip=strip(listed, now_ms),
            entries=[entry for entry in listed if isinstance(entry, Run)][:12],
            walking=(walks := all_walking(session, check.id)),
            asked=(asked := {run.id: run for run in runs_under_way(session, check.id)}),
            waiting=[run for run in asked.values() if run.id not in {walk.run_id for walk in walks}],
            alerts=summaries(session, alerts, now_ms),
            more_alerts=total_alerts - len(alerts),
            muted_ms=muted_ms if muted_ms > now_ms else 0,
            mutes=_MUTES,
            verdict_of=verdict,
            wrong={name: messages[0] for name, messages in (wrong or {}).items()},
            done=done,
            now_ms=now_ms,
        )


def _row(standing: Standing, hours: Sequence[Hour], last: Run | None) -> Row:
    counts = total(hours)
    return Row(
        standing,
        WORDS[standing.health],
        day_bar(standing.name, hours, counts),
        latency_line(hours),
        "" if counts.uptime is None else f"{counts.uptime:g} %",
        "" if counts.coverage in (None, 100) else f"{counts.coverage:g} % measured",
        last,
    )


def _fits(standing: Standing, typed: str) -> bool:
    return typed in standing.name.lower() or any(typed in tag.lower() for tag in standing.tags)


def _heading(check: Check, shape: Mapping[str, Any]) -> str:
    """`Log in is down from us-east`, `Log in is up`."""
    health = shape["health"]
    bad = [place["location"] for place in shape["location_states"] if place["state"] in ("down", "degraded")]
    if health in (Health.DOWN, Health.DEGRADED) and bad:
        if len(bad) == len(shape["location_states"]):
            return f"{check.name} is {'down' if health == Health.DOWN else 'slow or partly down'}"
        return f"{check.name} fails from {', '.join(bad[:3])}, of {counted(len(shape['location_states']), 'location')}"
    return f"{check.name} is {WORDS[Health(health)]}"


def _since(shape: Mapping[str, Any]) -> int | None:
    """Since when it stands as it does: the first location that went down, or the last that came up."""
    states = shape["location_states"]
    bad = [place["since"] for place in states if place["state"] == "down" and place["since"]]
    good = [place["since"] for place in states if place["state"] in ("up", "degraded") and place["since"]]
    if bad:
        return min(parse_iso(since) for since in bad)
    return max((parse_iso(since) for since in good), default=None)


def _cause(shape: Mapping[str, Any]) -> str:
    errors = [place["error"] for place in shape["location_states"] if place["state"] == "down" and place["error"]]
    return str(errors[0].get("message") or errors[0].get("code") or "") if errors else ""


def _uptime(stats: Mapping[str, float | None], name: str, window: str) -> Uptime:
    uptime, coverage = stats.get(f"uptime_{name}"), stats.get(f"coverage_{name}")
    return Uptime(
        window,
        "not measured" if uptime is None else f"{uptime:g} %",
        "" if coverage is None else f"{coverage:g} % measured",
    )


def _film(session: Session, run: Run) -> Film:
    seen = verdict(run)
    return Film(run, seen.css, seen.word, walked(session, run, detail_of(run)))
