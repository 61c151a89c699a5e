"""/settings/maintenance: planned times as a calendar; made, changed, deleted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from flask import Blueprint, Response, request

from alerts.book import window_of
from alerts.coverage import ground_of
from api import maintenance_windows as rest
from api.access import Scope
from api.errors import Conflict, Invalid
from api.pages.check_picker import finding, looked_for, named_in, picker
from api.pages.forms import beside
from api.pages.gate import page, visitor
from api.pages.meanwhile import meanwhile, seen
from api.pages.moments import zone_of
from api.pages.month import begins_ms, calendar, month_of, neighbours, weeks
from api.pages.project_picker import chosen_things, names_of_projects, project_picker, quiets
from api.pages.rendering import go_to, render
from api.pages.repeating import DATES, DAYS, KINDS, cron_of, often, typed_of
from api.pages.spans import seconds_of, span_text
from api.services import services
from model.schedule import fires, next_fire
from model.times import iso
from store.alert_tables import MaintenanceWindow
from store.check_choices import check_names
from store.maintenance_windows import list_windows, windows_between

pages = Blueprint("maintenance", __name__)
_HERE = "/settings/maintenance"
_MOST = 100
_FIELDS = ("name", "message", "starts_at", "ends_at", "on", "date", "at", "cron", "duration", "timezone", "apply_to")
_TYPED = ("name", "message", "starts_at", "ends_at", "date", "at", "cron", "duration", "timezone", "kind")
_DONE = {
    "made": "The window is planned.",
    "changed": "The window is changed. Runs that it left out of uptime already stay left out.",
    "ended": "The window is over from now on: alerts fire again, and runs count.",
    "deleted": "The window is deleted. Runs that it left out of uptime already stay left out.",
}
_NEXT_TIMES = 3
_MOST_TYPED = 2_000
_LOCAL = "%Y-%m-%dT%H:%M"


@pages.get(_HERE)
@page(Scope.READ)
def maintenance_page() -> Response:
    """A month, and the list."""
    zone = zone_of(request.args.get("zone", "UTC"))
    state = services()
    with state.database.read(visitor().caller.organization_id) as session:
        now_ms = state.database.now_ms(session)
        first = month_of(request.args.get("month", ""), zone, now_ms)
        days = weeks(first)
        between = begins_ms(days[0][0], zone), begins_ms(days[-1][-1] + timedelta(days=1), zone)
        shown = windows_between(session, *between, _MOST)
        found, total = list_windows(session, page=(0, _MOST))
        ground = ground_of(session, ())
        meant = [window.apply_to for window in found]
        names = check_names(session, named_in(meant)) | names_of_projects(session, meant)
    before, after = neighbours(first)
    return render(
        "maintenance.html",
        month=first,
        calendar=calendar(first, shown, zone, now_ms),
        before=_address(before, zone),
        after=_address(after, zone),
        zone=zone.key,
        windows=[
            (window, _standing(window, now_ms), quiets(ground, window.apply_to, names))
            for window in sorted(found, key=lambda window: _order(window, now_ms))
        ],
        total=total,
        lasts=span_text,
        often=often,
        begins=_next_begin,
        done=_DONE.get(request.args.get("done", "")),
        warning=request.args.get("note") == "past",
        now_ms=now_ms,
    )


@pages.get(f"{_HERE}/new")
@page(Scope.WRITE)
def new_window() -> Response:
    """A new window's form, on the day that the address names."""
    day = request.args.get("day", "")
    typed = {"kind": "once", "timezone": zone_of(request.args.get("zone", "UTC")).key, "duration": "1 h", "at": "03:00"}
    try:
        begin = datetime.strptime(day, "%Y-%m-%d")  # noqa: DTZ007 - local to the zone beside it
    except ValueError:
        return _form(typed, {"all": False})
    ends = {"starts_at": begin.replace(hour=22).strftime(_LOCAL), "ends_at": begin.replace(hour=23).strftime(_LOCAL)}
    return _form({**typed, **ends}, {"all": False})


@pages.post(_HERE)
@page(Scope.WRITE)
def plan_here() -> Response:
    """Plan a window by the form."""
    if finding():
        return _form(_typed(), chosen_things())
    try:
        _, warnings = rest.plan_window(visitor().caller, _body())
    except Invalid as error:
        return _form(_typed(), chosen_things(), wrong=error.fields, status=error.status)
    past = any(warning.startswith("it is over") for warning in warnings)
    return go_to(f"{_HERE}?done=made{'&note=past' if past else ''}")


@pages.get(f"{_HERE}/<window_id>")
@page(Scope.READ)
def window_page(window_id: str) -> Response:
    """A window's form."""
    window = _window(window_id)
    return _form(_shown(window), window.apply_to, window=window)


@pages.post(f"{_HERE}/<window_id>")
@page(Scope.WRITE)
def change_here(window_id: str) -> Response:
    """Change a window by the form."""
    window = _window(window_id)
    if finding():
        return _form(_typed(), chosen_things(), window=window)
    if told := meanwhile(window.id):
        return _form(_typed(), chosen_things(), window=window, wrong={"": [told.said()]}, status=Conflict.status)
    try:
        rest.change_window(visitor().caller, window_id, _body())
    except Invalid as error:
        return _form(_typed(), chosen_things(), window=window, wrong=error.fields, status=error.status)
    return go_to(f"{_HERE}?done=changed")


@pages.post(f"{_HERE}/<window_id>/end")
@page(Scope.WRITE)
def end_here(window_id: str) -> Response:
    """A window that holds ends now."""
    try:
        rest.end_window(visitor().caller, window_id)
    except Conflict as error:
        window = _window(window_id)
        wrong = {"": [error.message]}
        return _form(_shown(window), window.apply_to, window=window, wrong=wrong, status=Conflict.status)
    return go_to(f"{_HERE}?done=ended")


@pages.post(f"{_HERE}/<window_id>/delete")
@page(Scope.WRITE)
def delete_here(window_id: str) -> Response:
    """Delete a window."""
    rest.drop_window(visitor().caller, window_id)
    return go_to(f"{_HERE}?done=deleted")


def _address(month: str, zone: ZoneInfo) -> str:
    return f"{_HERE}?" + urlencode({"month": month, **({} if zone.key == "UTC" else {"zone": zone.key})})


def _window(window_id: str) -> MaintenanceWindow:
    with services().database.read(visitor().caller.organization_id) as session:
        return rest.found_window(session, window_id)


def _standing(window: MaintenanceWindow, now_ms: int) -> tuple[str, str]:
    """(state, in words)"""
    if window_of(window).holds_at(now_ms):
        return "maintenance", "Now"
    if window.cron is not None or (window.starts_ms or 0) > now_ms:
        return "planned", "Planned"
    return "over", "Over"


def _order(window: MaintenanceWindow, now_ms: int) -> tuple[int, int]:
    """What holds now, then what comes next, then what is over, the latest first."""
    state, _ = _standing(window, now_ms)
    if state == "over":
        return 2, -(window.ends_ms or 0)
    return int(state == "planned"), _next_begin(window, now_ms) or window.starts_ms or 0


def _times_at(window: MaintenanceWindow, now_ms: int) -> Iterator[tuple[int, int]]:
    return window_of(window).times(now_ms, now_ms + 1)


def _next_begin(window: MaintenanceWindow, now_ms: int) -> int | None:
    """Of one that comes again and again."""
    return None if window.cron is None else next_fire(window.cron, window.timezone, now_ms)


def _typed() -> dict[str, str]:
    typed = {name: request.form.get(name, "")[:_MOST_TYPED].replace("\r\n", "\n").strip() for name in _TYPED}
    return {**typed, "on": ",".join(day for day in DAYS if day in request.form.getlist("on"))}


def _shown(window: MaintenanceWindow) -> dict[str, str]:
    """A stored window as its form, in UTC: in which zone a one-off time was given is not kept."""
    ends = {"starts_at": window.starts_ms, "ends_at": window.ends_ms}
    local = {
        name: "" if at_ms is None else f"{datetime.fromtimestamp(at_ms / 1000, ZoneInfo('UTC')):{_LOCAL}}"
        for name, at_ms in ends.items()
    }
    local |= {f"{name}_iso": iso(at_ms) or "" for name, at_ms in ends.items() if at_ms is not None}
    return {
        "name": window.name, "message": window.message or "",
        "duration": "" if window.duration_s is None else span_text(window.duration_s),
        "timezone": window.timezone, **({"kind": "once"} if window.cron is None else typed_of(window.cron)), **local,
    }  # fmt: skip


def _body() -> dict[str, Any]:
    """The form as REST takes it: a one-off time with its zone's offset. Invalid."""
    typed = _typed()
    body: dict[str, Any] = {"name": typed["name"], "message": typed["message"] or None, "apply_to": chosen_things()}
    if typed["kind"] in KINDS:
        cron, lasts = cron_of(typed), seconds_of(typed["duration"])
        return {**body, "cron": cron, "duration": lasts, "timezone": typed["timezone"] or "UTC"}
    zone = zone_of(typed["timezone"])
    return body | {name: _instant(name, typed[name], zone) for name in ("starts_at", "ends_at")}


def _instant(name: str, text: str, zone: ZoneInfo) -> str:
    try:
        local = datetime.strptime(text[:16], _LOCAL)  # noqa: DTZ007 - the zone comes next
    except ValueError:
        raise Invalid({name: ["must be a date and a time, such as 2026-11-26T22:00"]}) from None
    instant = local.replace(tzinfo=zone)
    if instant.astimezone(UTC).astimezone(zone).replace(tzinfo=None) != local:
        raise Invalid({name: [f"is a time that no clock in {zone.key} shows: clocks go forward over it"]})
    return instant.isoformat()


def _form(
    typed: Mapping[str, str],
    chosen: Mapping[str, Any],
    *,
    window: MaintenanceWindow | None = None,
    wrong: Mapping[str, Sequence[str]] | None = None,
    status: int = 200,
) -> Response:
    state = services()
    with state.database.read(visitor().caller.organization_id) as session:
        choice = picker(session, ground_of(session, ()), chosen, looked_for())
        projects = project_picker(session, chosen)
        now_ms = state.database.now_ms(session)
    return render(
        "window.html",
        status,
        no_store=True,
        window=window,
        seen=seen(None if window is None else window.id),
        begins=[]
        if window is None or window.cron is None
        else list(islice(fires(window.cron, window.timezone, now_ms), _NEXT_TIMES)),
        days=DAYS,
        dates=DATES,
        typed=typed,
        picker=choice,
        projects=projects,
        standing=_standing(window, now_ms) if window is not None else None,
        until_ms=None if window is None else next((end for _, end in _times_at(window, now_ms)), None),
        wrong=beside(wrong, _FIELDS, spans=("duration",)),
        now_ms=now_ms,
    )
