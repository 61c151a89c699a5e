"""/journeys and /journeys/:id: how each journey stands, what its last runs looked like step by step, and how long each
step takes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from flask import Blueprint, Response, request
from sqlalchemy.orm import Session

from alerts.book import windows_at
from api import check_requests as checks
from api.access import Scope
from api.families import JOURNEY, JOURNEY_TYPE
from api.pages.check_deeds import DONE
from api.pages.check_page import check_page
from api.pages.day_bar import Bar, Line, day_bar, latency_line
from api.pages.forms import page_number
from api.pages.gate import page, visitor
from api.pages.overview import WORDS, WORST_FIRST, heading_of
from api.pages.rendering import render
from api.pages.step_timings import step_timings
from api.pages.verdicts import verdict
from api.pages.walked import Walked, walked
from api.pages.walking import all_walking
from api.run_shape import detail_of
from api.services import services
from model.fields import MAX_NAME
from model.uptime import total
from store.overview import Hour, Standing, hours_of, standings
from store.runs import last_runs
from store.tables import Run
from store.walked_runs import runs_under_way, walked_runs

pages = Blueprint("journey_pages", __name__)
PER_PAGE = 50
_FILMS, _TIMED = 3, 30
_DONE = {
    **DONE,
    "saved": "Saved. It counts from two seconds later on.",
    "made": "The journey is made. Its first run is due within its interval; or run it now.",
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
    state = services()
    with state.database.read(visitor().caller.organization_id) as session:
        now_ms = state.database.now_ms(session)
        check = checks.find(JOURNEY, session, journey_id)
        runs = walked_runs(session, check.id, _TIMED)
        walks, under_way = all_walking(session, check.id), {run.id: run for run in runs_under_way(session, check.id)}
        return check_page(
            session,
            check,
            now_ms,
            "journey.html",
            f"/journeys/{check.id}",
            _DONE,
            films=[_film(session, run) for run in runs[:_FILMS]],
            timings=step_timings([(run, detail_of(run).steps) for run in runs]),
            walking=walks,
            asked_for=under_way,
            waiting=[run for run in under_way.values() if run.id not in {walk.run_id for walk in walks}],
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


def _film(session: Session, run: Run) -> Film:
    seen = verdict(run)
    return Film(run, seen.css, seen.word, walked(session, run, detail_of(run)))
