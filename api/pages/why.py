"""/alerts/why: why somebody was told of a check, or nobody was: what each rule made of its last runs, in words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask import Blueprint, Response, request
from sqlalchemy.orm import Session

from alerts.coverage import nobody_is_told
from alerts.explaining import Explained, why
from api.access import Scope
from api.errors import Invalid, NotFound
from api.pages.gate import page, visitor
from api.pages.rendering import render
from api.services import services
from model.fields import MAX_NAME
from model.ids import looks_like_id
from model.times import parse_iso
from store.alert_reading import checks_by_ids, rule_names
from store.check_choices import check_choices
from store.sessions import EVERY_ORGANIZATION
from store.tables import Check

pages = Blueprint("why", __name__)
_OFFERED = 20
_WORDS = {
    "triggered": ("told", "Alert raised"),
    "joined": ("told", "Part of an alert that was told"),
    "storm": ("told", "Told in a digest"),
    "not_met": ("up", "Not enough for an alert"),
    "not_counted": ("unknown", "Not counted"),
    "maintenance": ("maintenance", "In maintenance"),
    "silenced": ("unknown", "Silenced"),
    "parent_down": ("unknown", "What it depends on is down"),
    "muted": ("unknown", "Muted"),
}


@dataclass(frozen=True)
class Line:
    """`css`, `word`: what became of it; `rule`: its name."""

    css: str
    word: str
    rule: str
    each: Explained


@pages.get("/alerts/why")
@page(Scope.READ)
def why_page() -> Response:
    """Of the check and the time in the address; without a check, the way to one."""
    state, organization_id = services(), visitor().caller.organization_id
    check_id, named = request.args.get("check", ""), request.args.get("named", "").strip()[:MAX_NAME]
    with state.database.read(organization_id) as session:
        now_ms = state.database.now_ms(session)
        at_ms = _at(request.args.get("at", ""), now_ms)
        choices, total = check_choices(session, named=named, most=_OFFERED)
        check = _check(session, check_id) if check_id else None
        untold = check is not None and nobody_is_told(session, check)
    lines: list[Line] = []
    if check is not None:
        with state.database.read(EVERY_ORGANIZATION) as session:
            found = why(session, check, at_ms)
        with state.database.read(organization_id) as session:
            rules = rule_names(session, {each.rule_id for each in found})
        lines = [_line(each, rules) for each in reversed(found)]
    return render(
        "why.html",
        check=check,
        lines=lines,
        untold=untold,
        at_ms=at_ms,
        choices=choices,
        total=total,
        named=named,
        now_ms=now_ms,
    )


def _line(each: Explained, rules: dict[str, str]) -> Line:
    css, word = _WORDS.get(each.outcome, ("unknown", each.outcome.replace("_", " ").capitalize()))
    return Line(css, word, rules.get(each.rule_id, each.rule_id), each)


def _check(session: Session, check_id: str) -> Check:
    known = looks_like_id(check_id, "mon") or looks_like_id(check_id, "jny")
    found: Any = checks_by_ids(session, [check_id]).get(check_id) if known else None
    if found is None or found.deleted_ms is not None:
        raise NotFound("There is no such monitor or journey")
    return found  # type: ignore[no-any-return]


def _at(text: str, now_ms: int) -> int:
    if not text:
        return now_ms
    try:
        return min(parse_iso(text), now_ms)
    except ValueError:
        raise Invalid({"at": ["must be a time as in ISO 8601, such as 2026-11-26T22:00:00Z"]}) from None
