"""The runs of a check, by status, location, trigger and time, a page at a time: as the REST list has them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from flask import request
from sqlalchemy.orm import Session

from api.pages.forms import MOST_PAGES
from api.pages.moments import asked_for, typed_moments
from model.outcome import RunStatus, Trigger
from store.runs import Entry, RunFilter, list_runs

PER_PAGE = 20
STATUSES = {
    "failed": ("Failed", (RunStatus.FAILED,)),
    "success": ("Passed", (RunStatus.SUCCESS,)),
    "unmeasured": ("Not measured", (RunStatus.MISSED, RunStatus.UNKNOWN)),
    "waiting": ("Waiting or running", (RunStatus.QUEUED, RunStatus.RUNNING)),
    "cancelled": ("Cancelled", (RunStatus.CANCELLED,)),
}
TRIGGERS = {"schedule": "On schedule", "manual": "By hand", "ci": "By CI", "confirm": "To confirm a failure"}
_FIELDS = ("status", "place", "trigger")
_MOST_TYPED = 64


@dataclass
class Wanted:
    """What was asked for. `wrong`: messages by the names of fields; then nothing is listed."""

    typed: Mapping[str, str]
    number: int = 1
    filter: RunFilter = field(default_factory=RunFilter)
    wrong: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Listed:
    """A page of them. `total` is a least number when `more_than_counted`."""

    entries: Sequence[Entry]
    total: int
    at_least: bool
    more: bool


def wanted(locations: Sequence[str]) -> Wanted:
    """From the address. What can't be read is said beside its field."""
    typed = asked_for(_FIELDS, _MOST_TYPED)
    asked = Wanted(typed)
    for name, known in (("status", tuple(STATUSES)), ("trigger", tuple(TRIGGERS)), ("place", tuple(locations))):
        if name in typed and typed[name] not in known:
            asked.wrong[name] = f"must be one of {', '.join(known)}"
    times, wrong = typed_moments(typed)
    asked.wrong |= wrong
    given = {f"{name}_ms": at_ms for name, at_ms in times.items()}
    page = request.args.get("page", "1")
    if page.isascii() and page.isdigit() and len(page) < 5 and 1 <= int(page) <= MOST_PAGES:
        asked.number = int(page)
    else:
        asked.wrong["page"] = f"must be a number from 1 to {MOST_PAGES}"
    if not asked.wrong:
        asked.filter = RunFilter(
            statuses=STATUSES[typed["status"]][1] if "status" in typed else (),
            locations=[typed["place"]] if "place" in typed else (),
            triggers=[Trigger(typed["trigger"])] if "trigger" in typed else (),
            **given,
        )
    return asked


def listed_runs(session: Session, check_id: str, asked: Wanted) -> Listed:
    """Newest first; none when what was asked for can't be read."""
    if asked.wrong:
        return Listed((), 0, at_least=False, more=False)
    found = list_runs(session, check_id, asked.filter, page=asked.number, per_page=PER_PAGE)
    more = found.next is not None and asked.number < MOST_PAGES
    return Listed(found.entries, found.total, found.total_is_minimum, more)


def addresses(path: str, kept: Mapping[str, str]) -> Callable[..., str]:
    """A function that gives this page's address with some fields changed; a field that is None goes."""

    def address(**changed: Any) -> str:
        renamed = {name.removesuffix("_"): value for name, value in changed.items()}  # `from` is a word of Python's
        fields = {name: value for name, value in {**kept, **renamed}.items() if value is not None}
        return f"{path}?{urlencode(fields)}" if fields else path

    return address
