"""/: what is broken now, first; then every check with its state, its last 24 hours, how fast it is and from where."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, Response, g, request

from alerts.book import windows_at
from api.access import Scope
from api.errors import Invalid
from api.families import MONITOR
from api.pages.check_deeds import DONE
from api.pages.day_bar import Bar, Line, day_bar, latency_line
from api.pages.forms import page_number
from api.pages.gate import admit, page, visitor
from api.pages.rendering import go_to, render
from api.pages.summaries import summaries
from api.services import services
from model.health import Health
from model.heartbeat import LOCATION as NOWHERE
from model.uptime import Counts, total
from store.alerts import AlertFilter, list_alerts
from store.notices import list_notices
from store.overview import Hour, Standing, hours_of, standings
from store.probes import online_locations
from store.silences import list_silences

pages = Blueprint("overview", __name__)
PER_PAGE = 50
_MOST_INCIDENTS = 5
_MOST_NOTICES = 3
_OPEN = AlertFilter(statuses=("triggered", "acknowledged"))
WORST_FIRST = (Health.DOWN, Health.DEGRADED, Health.UNKNOWN, Health.MAINTENANCE, Health.UP, Health.PAUSED)
_RANK = {health: place for place, health in enumerate(WORST_FIRST)}
WORDS = {
    Health.DOWN: "down", Health.DEGRADED: "slow or partly down", Health.UNKNOWN: "not measured",
    Health.MAINTENANCE: "in maintenance", Health.UP: "up", Health.PAUSED: "paused",
}  # fmt: skip
_FIELDS = ("q", "state", "type", "tag", "location")
_MOST_TYPED = 200


@dataclass(frozen=True)
class Row:
    """One check on the page."""

    standing: Standing
    word: str
    bar: Bar
    line: Line | None
    uptime: str
    coverage: str


@pages.get("/")
@page(None)
def overview() -> Response:
    """For who is signed in; the way to sign in for everybody else."""
    if g.visitor is None:
        return go_to("/login")
    admit(g.visitor, Scope.READ)
    return _overview()


@pages.get("/monitors")
@page(Scope.READ)
def monitors() -> Response:
    """The same list, of monitors alone."""
    return _overview(path="/monitors", types=tuple(MONITOR.types))


def _overview(path: str = "/", types: Collection[str] | None = None) -> Response:
    """`types`: only checks of these."""
    chosen = _chosen()
    state, number = services(), page_number()
    organization_id = visitor().caller.organization_id
    with state.database.read(organization_id) as session:
        now_ms = state.database.now_ms(session)
        windows = windows_at(session, organization_id, now_ms)
        every = standings(
            session,
            organization_id,
            now_ms,
            lambda check_id, tags: any(window.apply_to.covers(check_id, tags) for window in windows),
        )
        every = every if types is None else [standing for standing in every if standing.type in types]
        fitting = [standing for standing in every if _fits(standing, chosen)] if chosen else list(every)
        fitting.sort(key=lambda standing: _RANK[standing.health])  # stable: by name within a state
        shown = fitting[(number - 1) * PER_PAGE : number * PER_PAGE]
        hours = hours_of(session, organization_id, [standing.check_id for standing in shown], now_ms)
        alerts, open_alerts = list_alerts(session, _OPEN, (0, _MOST_INCIDENTS), worst_first=True)
        incidents = summaries(session, alerts, now_ms)
        notices, open_notices = list_notices(session, is_open=True, limit=_MOST_NOTICES)
        online = sorted(online_locations(session, now_ms))
        silences, _ = list_silences(session, now_ms, status="active")
    totals = {check_id: total(of_a_check) for check_id, of_a_check in hours.items()}
    return render(
        "overview.html",
        heading=heading_of(every),
        measured=_measured(totals.values()),
        online=online,
        incidents=incidents,
        notices=notices,
        silences=silences,
        more_notices=open_notices - len(notices),
        more_incidents=open_alerts - len(incidents),
        rows=[_row(standing, hours[standing.check_id], totals[standing.check_id]) for standing in shown],
        total=len(fitting),
        every=len(every),
        number=number,
        more=len(fitting) > number * PER_PAGE,
        chosen=chosen,
        choices=_choices(every),
        words=WORDS,
        path=path,
        done=DONE.get(request.args.get("done", "")),
        address=lambda **changed: _address(path, chosen, changed),
        now_ms=now_ms,
    )


def _row(standing: Standing, hours: Sequence[Hour], counts: Counts) -> Row:
    return Row(
        standing,
        WORDS[standing.health],
        day_bar(standing.name, hours, counts),
        latency_line(hours),
        "" if counts.uptime is None else f"{counts.uptime:g} %",
        "" if counts.coverage in (None, 100) else f"{counts.coverage:g} % measured",
    )


def heading_of(every: Sequence[Standing]) -> str:
    """The answer in words: "2 down, 1 not measured, 131 up"."""
    if not every:
        return "Nothing is watched yet"
    found = Counter(standing.health for standing in every)
    return ", ".join(f"{found[health]} {WORDS[health]}" for health in WORST_FIRST if found[health])


def _measured(totals: Iterable[Counts]) -> str | None:
    coverage = total(totals).coverage
    return None if coverage is None else f"{coverage:g} %"


def _fits(standing: Standing, chosen: Mapping[str, str]) -> bool:
    typed = chosen.get("q", "").lower()
    return (
        (not typed or typed in standing.name.lower() or any(typed in tag.lower() for tag in standing.tags))
        and chosen.get("state", standing.health) == standing.health
        and chosen.get("type", standing.type) == standing.type
        and ("tag" not in chosen or chosen["tag"] in standing.tags)
        and ("location" not in chosen or chosen["location"] in standing.locations)
    )


def _choices(every: Sequence[Standing]) -> dict[str, list[str]]:
    """What can be chosen of each filter, as far as there is a choice."""
    states = {standing.health for standing in every}
    found: dict[str, list[str]] = {
        "state": [health for health in WORST_FIRST if health in states],
        "type": sorted({standing.type for standing in every}),
        "tag": sorted({tag for standing in every for tag in standing.tags}),
        "location": sorted({location for standing in every for location in standing.locations} - {NOWHERE}),
    }
    return {name: values for name, values in found.items() if len(values) > 1 or (name == "tag" and values)}


def _chosen() -> dict[str, str]:
    chosen = {name: value[:_MOST_TYPED] for name in _FIELDS if (value := request.args.get(name, "").strip())}
    if chosen.get("state", Health.UP) not in set(Health):
        raise Invalid({"state": [f"there is no {chosen['state'][:40]!r}: choose one of {', '.join(Health)}"]})
    return chosen


def _address(path: str, chosen: Mapping[str, str], changed: Mapping[str, Any]) -> str:
    found = {name: value for name, value in {**chosen, **changed}.items() if value is not None}
    return f"{path}?{urlencode(found)}" if found else path
