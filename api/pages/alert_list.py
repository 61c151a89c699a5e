"""/alerts: what needs somebody now, the worst first; what was, newest first; and what Tracer says about itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, Response, request
from pydantic import TypeAdapter, ValidationError
from sqlalchemy.orm import Session

from api.access import Scope
from api.errors import Invalid
from api.pages.forms import MOST_PAGES, local_path, page_number
from api.pages.gate import page, visitor
from api.pages.rendering import render
from api.pages.summaries import summaries
from api.pages.words import counted
from api.services import services
from model.fields import Tag
from model.ids import looks_like_id
from store.alert_reading import checks_by_ids, count_open_alerts
from store.alert_tables import Notice
from store.alerts import AlertFilter, list_alerts
from store.notices import list_notices
from store.silences import list_silences

pages = Blueprint("alert_list", __name__)
PER_PAGE = 50
_MOST_NOTICES = 20
_ALL = "all"
_FILTERS = {
    "open": ("triggered", "acknowledged"),
    "triggered": ("triggered",),
    "acknowledged": ("acknowledged",),
    "resolved": ("resolved",),
    _ALL: None,
}
SEVERITIES = ("critical", "high", "medium", "low")
_NOTICES = {"open": True, "resolved": False, _ALL: None}
"""Which notices stand above the alerts: those that are open, those that are over, both; none with other filters."""


@pages.get("/alerts")
@page(Scope.READ)
def alerts() -> Response:
    """Open ones first of all; others by filter."""
    chosen = _chosen()
    number = page_number()
    wanted = AlertFilter(
        statuses=_FILTERS[chosen["status"]],
        severities=None if chosen["severity"] == _ALL else (chosen["severity"],),
        check_id=chosen.get("check"),
        tag=chosen.get("tag"),
    )
    whole = number == 1 and chosen.keys() == {"status", "severity"} and chosen["severity"] == _ALL
    state = services()
    with state.database.read(visitor().caller.organization_id) as session:
        now_ms = state.database.now_ms(session)
        place = ((number - 1) * PER_PAGE, PER_PAGE)
        found, total = list_alerts(session, wanted, place, worst_first=chosen["status"] == "open")
        shown = summaries(session, found, now_ms)
        check = checks_by_ids(session, [chosen["check"]]).get(chosen["check"]) if "check" in chosen else None
        counts = count_open_alerts(session)
        notices = _notices(session, chosen["status"]) if whole else []
        silences, _ = list_silences(session, now_ms, status="active")
    return render(
        "alerts.html",
        summaries=shown,
        heading=_heading(counts),
        notices=notices,
        silences=silences,
        statuses=tuple(_FILTERS),
        severities=(_ALL, *SEVERITIES),
        chosen=chosen,
        only=[name for name in ("check", "tag") if name in chosen],
        check_name=check.name if check is not None else chosen.get("check"),
        address=lambda **changed: _address(chosen, changed),
        number=number,
        more=total > number * PER_PAGE and number < MOST_PAGES,
        now_ms=now_ms,
        back=local_path(request.full_path.rstrip("?"), "/alerts"),
    )


def _chosen() -> dict[str, str]:
    """The filters asked for, by name. Invalid."""
    chosen = {
        "status": _choice("status", "open", tuple(_FILTERS)),
        "severity": _choice("severity", _ALL, (*SEVERITIES, _ALL)),
    }
    check, tag = request.args.get("check"), request.args.get("tag")
    if check:
        if not (looks_like_id(check, "mon") or looks_like_id(check, "jny")):
            raise Invalid({"check": ["must be the id of a check, such as mon_01h…"]})
        chosen["check"] = check
    if tag:
        try:
            chosen["tag"] = TypeAdapter(Tag).validate_python(tag)
        except ValidationError:
            raise Invalid({"tag": ["is not what a tag may be"]}) from None
    return chosen


def _address(chosen: Mapping[str, str], changed: Mapping[str, Any]) -> str:
    """This list with other filters; a filter that is None goes."""
    return "/alerts?" + urlencode({name: value for name, value in {**chosen, **changed}.items() if value is not None})


def _notices(session: Session, status: str) -> list[Notice]:
    if status not in _NOTICES:
        return []
    return list_notices(session, is_open=_NOTICES[status], limit=_MOST_NOTICES)[0]


def _choice(name: str, default: str, known: Sequence[str]) -> str:
    given = request.args.get(name) or default
    if given not in known:
        raise Invalid({name: [f"there is no {given[:40]!r}: choose one of {', '.join(known)}"]})
    return given


def _heading(counts: dict[str, int]) -> str:
    fresh, taken = counts.get("triggered", 0), counts.get("acknowledged", 0)
    if not fresh and not taken:
        return "No open alerts"
    number = counted(fresh + taken, "open alert")
    if not taken:
        return number
    return f"{number}, {taken if fresh else 'all'} acknowledged" if fresh + taken > 1 else f"{number}, acknowledged"
