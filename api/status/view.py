"""A status page as strangers see it: components under their public names, what was posted, what is planned.

Everything here may be read by anybody. So nothing of a check goes in but the name that its page gives it, how it
stands, and its share of passed runs: no address, no cause, no error, no id, no tag; nor the name of a maintenance
window, which says what its people wrote for themselves.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from alerts.book import Window, window_of
from api.pages.words import counted, listed
from api.status.quarter import Bar, quarter_bar
from model.health import Health
from model.times import DAY_MS
from model.uptime import Counts
from store.maintenance_windows import windows_not_over
from store.stats import days_of_checks
from store.status_pages import Shown, shown_checks
from store.status_tables import StatusIncident, StatusPage, StatusUpdate
from store.status_updates import open_incidents, past_incidents, updates_of

DAYS = 90
_PAST_MS, _MOST_PAST = 90 * DAY_MS, 20
_AHEAD_MS, _MOST_PLANNED = 30 * DAY_MS, 10
_WORDS = {
    Health.UP: "Up", Health.DEGRADED: "Has trouble", Health.DOWN: "Down", Health.UNKNOWN: "Not measured",
    Health.PAUSED: "Not measured", Health.MAINTENANCE: "In maintenance",
}  # fmt: skip
_CSS = {**{health: str(health) for health in Health}, Health.PAUSED: "unknown"}
_WORST_FIRST = ("down", "degraded", "unknown", "maintenance", "up")
_MOST_NAMED = 3
_POSTED = {"investigating": "down", "identified": "degraded", "monitoring": "degraded", "resolved": "up"}


@dataclass(frozen=True)
class Component:
    """`since_ms`: since when it is down. `uptime`, `coverage`: percent of 90 days, None with nothing measured."""

    name: str
    css: str
    word: str
    since_ms: int | None
    uptime: float | None
    coverage: float | None
    bar: Bar


@dataclass(frozen=True)
class GroupView:
    name: str
    components: Sequence[Component]


@dataclass(frozen=True)
class Posted:
    """An update."""

    id: str
    status: str
    message: str
    at_ms: int


@dataclass(frozen=True)
class Incident:
    """`css`: how grave it is as its newest update says. `updates`: newest first."""

    id: str
    title: str
    css: str
    status: str
    components: Sequence[str]
    began_ms: int
    resolved_ms: int | None
    updates: Sequence[Posted]


@dataclass(frozen=True)
class Planned:
    """Maintenance that is, or is to come. `id`: of the window, which says nothing to strangers."""

    id: str
    updated_ms: int
    components: Sequence[str]
    starts_ms: int
    ends_ms: int
    active: bool
    message: str | None


@dataclass(frozen=True)
class PageView:
    """`state`, `heading`: the answer as one of up, degraded, down, unknown, maintenance, and in words."""

    slug: str
    title: str
    state: str
    heading: str
    groups: Sequence[GroupView]
    current: Sequence[Incident]
    past: Sequence[Incident]
    planned: Sequence[Planned]


def view_of(session: Session, page: StatusPage, now_ms: int) -> PageView:
    """In a session of the page's organization: seven queries, however many components there are."""
    names = {check["id"]: check["name"] for group in page.groups for check in group["checks"]}
    windows = [window_of(row) for row in windows_not_over(session, page.organization_id, now_ms)]
    active = [window for window in windows if window.holds_at(now_ms)]
    shown = shown_checks(
        session, list(names), now_ms, lambda check_id, tags: any(one.apply_to.covers(check_id, tags) for one in active)
    )
    called = {check_id: names[check_id] or one.name for check_id, one in shown.items()}
    opened = open_incidents(session, page.id)
    past = past_incidents(session, page.id, now_ms - _PAST_MS, _MOST_PAST)
    posts = updates_of(session, [incident.id for incident in (*opened, *past)])
    troubled = {check_id for incident in opened for check_id in incident.components}
    days = days_of_checks(session, list(shown), now_ms, DAYS)
    groups = [
        GroupView(
            group["name"],
            [
                _component(called[check["id"]], shown[check["id"]], days[check["id"]], check["id"] in troubled)
                for check in group["checks"]
                if check["id"] in shown
            ],
        )
        for group in page.groups
    ]
    every = [component for group in groups for component in group.components]
    current = [_incident(incident, posts, called) for incident in opened]
    state, heading = _answer(every, current)
    return PageView(
        slug=page.slug,
        title=page.title,
        state=state,
        heading=heading,
        groups=[group for group in groups if group.components],
        current=current,
        past=[_incident(incident, posts, called) for incident in past],
        planned=list(_planned(windows, shown, called, now_ms))[:_MOST_PLANNED],
    )


def _component(name: str, shown: Shown, days: Sequence[Any], troubled: bool) -> Component:
    """`troubled`: an open incident says so, whatever our own runs say."""
    counts = Counts()
    for day in days:
        counts.add(day.planned, day.success, day.failed)
    health = Health.DEGRADED if troubled and shown.health == Health.UP else shown.health
    bar = quarter_bar(name, days, counts)
    return Component(name, _CSS[health], _WORDS[health], shown.since_ms, counts.uptime, counts.coverage, bar)


def _incident(
    incident: StatusIncident, posts: Mapping[str, Sequence[StatusUpdate]], called: Mapping[str, str]
) -> Incident:
    return Incident(
        id=incident.id.removeprefix("pinc_"),
        title=incident.title,
        css=_POSTED[incident.status],
        status=incident.status,
        components=[called[check_id] for check_id in incident.components if check_id in called],
        began_ms=incident.began_ms,
        resolved_ms=incident.resolved_ms,
        updates=[Posted(post.id.removeprefix("upd_"), post.status, post.message, post.at_ms)
                 for post in posts[incident.id]],
    )  # fmt: skip


def _answer(every: Sequence[Component], current: Sequence[Incident]) -> tuple[str, str]:
    """The worst of it, in words."""
    by_state = {state: [one.name for one in every if one.css == state] for state in _WORST_FIRST}
    worst = next((state for state in _WORST_FIRST[:2] if by_state[state]), None)
    if worst is not None:
        names = by_state[worst]
        if worst == "down":
            return worst, "Everything is down" if len(names) == len(every) > 1 else _are(names, "is down", "are down")
        return worst, _are(names, "has trouble", "have trouble")
    if current:
        return "degraded", "An incident is being worked on" if len(current) == 1 else "Incidents are being worked on"
    if not every:
        return "unknown", "Nothing is shown here yet"
    for state, one, many in (("unknown", "is not measured", "are not measured"),
                             ("maintenance", "is in maintenance", "are in maintenance")):  # fmt: skip
        names = by_state[state]
        if names:
            rest = "" if len(names) == len(every) else ", all else works"
            return state, f"{_are(names, one, many)}{rest}"
    return "up", "All systems work" if len(every) > 1 else f"{every[0].name} works"


def _are(names: Sequence[str], one: str, many: str) -> str:
    if len(names) > _MOST_NAMED:
        return f"{counted(len(names), 'component')} {many}"
    return f"{listed(names)} {one if len(names) == 1 else many}"


def _planned(
    windows: Iterable[Window], shown: Mapping[str, Shown], called: Mapping[str, str], now_ms: int
) -> Iterable[Planned]:
    """The soonest first; of a window that comes again and again, the next time."""
    found = []
    for window in windows:
        covered = [called[check_id] for check_id, one in shown.items() if window.apply_to.covers(check_id, one.tags)]
        span = next(window.times(now_ms, now_ms + _AHEAD_MS), None)
        if covered and span is not None:
            active = span[0] <= now_ms
            told_ms = span[0] if active else window.changed_ms
            id_ = window.id.removeprefix("mwin_")
            found.append(Planned(id_, told_ms, covered, *span, active, window.message))
    return sorted(found, key=lambda planned: planned.starts_ms)
