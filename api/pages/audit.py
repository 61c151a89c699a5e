"""/settings/audit: who did what, when and from where, with what each change made of it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, Response

from api.access import Scope
from api.errors import Invalid
from api.pages.forms import page_number
from api.pages.gate import page, visitor
from api.pages.moments import asked_for, typed_moments
from api.pages.rendering import render
from api.pages.words import text_of
from api.services import services
from model.fields import MAX_NAME
from store.audit_log import AuditFilter, list_events
from store.audit_tables import AuditEvent

pages = Blueprint("audit_settings", __name__)
PER_PAGE = 50
_HERE = "/settings/audit"
_TEXTS = ("actor", "action", "target")
_MOST_LINES = 40
_MOST_SHOWN = 400


@dataclass(frozen=True)
class Line:
    """A field that a change touched. `before`, `after`: as text; empty where there was, or is, none."""

    field: str
    before: str
    after: str


@dataclass(frozen=True)
class Entry:
    """`more`: fields beyond those in `lines`."""

    event: AuditEvent
    lines: Sequence[Line]
    more: int


@pages.get(_HERE)
@page(Scope.ADMIN)
def audit_page() -> Response:
    """The log, filtered; a filter that makes no sense is told of beside its field."""
    chosen = asked_for(_TEXTS, MAX_NAME)
    try:
        wanted, wrong = _filter(chosen), {}
    except Invalid as error:
        wanted, wrong = None, {name: messages[0] for name, messages in (error.fields or {}).items()}
    state, number = services(), page_number()
    with state.database.read(visitor().caller.organization_id) as session:
        now_ms = state.database.now_ms(session)
        found, total = (
            list_events(session, wanted, page=((number - 1) * PER_PAGE, PER_PAGE)) if wanted is not None else ([], 0)
        )
    return render(
        "audit.html",
        Invalid.status if wrong else 200,
        no_store=True,
        entries=[_entry(event) for event in found],
        total=total,
        number=number,
        more=total > number * PER_PAGE,
        chosen=chosen,
        wrong=wrong,
        address=lambda **changed: _address(chosen, changed),
        now_ms=now_ms,
    )


def _filter(chosen: Mapping[str, str]) -> AuditFilter:
    times, wrong = typed_moments(chosen)
    if wrong:
        raise Invalid({name: [message] for name, message in wrong.items()})
    return AuditFilter(**{name: chosen.get(name) for name in _TEXTS}, from_ms=times.get("from"), to_ms=times.get("to"))


def _entry(event: AuditEvent) -> Entry:
    lines = list(_lines(_parsed(event.before), _parsed(event.after)))
    return Entry(event, lines[:_MOST_LINES], max(0, len(lines) - _MOST_LINES))


def _parsed(stored: str | None) -> Any:
    return None if stored is None else json.loads(stored)


def _lines(before: Any, after: Any, path: str = "") -> list[Line]:
    """What differs, field by field; of what was made or deleted, all that it had."""
    if before == after:
        return []
    if isinstance(before, dict | None) and isinstance(after, dict | None):
        old, new = before or {}, after or {}
        found: list[Line] = []
        for name in dict.fromkeys([*old, *new]):
            found += _lines(old.get(name), new.get(name), f"{path}.{name}" if path else str(name))
        return found
    return [Line(path, _shown(before), _shown(after))]


def _shown(value: Any) -> str:
    return "" if value is None else text_of(value)[:_MOST_SHOWN]


def _address(chosen: Mapping[str, str], changed: Mapping[str, Any]) -> str:
    found = {**chosen, **changed}
    return f"{_HERE}?{urlencode(found)}" if found else _HERE
