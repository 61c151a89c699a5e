"""/issues: what goes wrong in the services themselves, by what is one thing; and one of them with all that is known."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from flask import Blueprint, Response, request
from pydantic import ValidationError

from api.access import Scope
from api.checks_behind import checks_of_issue
from api.errors import Conflict, Invalid, Malformed, NotFound
from api.events_query import number_of, terms_of
from api.issues import IssuePath, change_issue
from api.pages.event_view import entries, event_view
from api.pages.gate import page
from api.pages.rendering import go_to, render
from api.pages.reported import LEVELS_CSS, address, chosen_project, pointing
from api.project_access import Visible, visible
from api.schemas.telemetry import IssueChange
from api.services import services
from api.telemetry_shapes import event_shapes, issue_number
from api.telemetry_shapes import issue_id as id_of
from model.validation import field_errors
from store.sessions import EVERY_ORGANIZATION
from telemetry.stored.issues import Issue, Place, get_issue, list_issues
from telemetry.stored.reading import StoredEvent, find_events

pages = Blueprint("issue_pages", __name__)
PER_PAGE = 50
_EVENTS = 20
_TALLIED = 100
"""Newest events of an issue whose tags are counted."""
_MOST_VALUES = 4
_STATUSES = ("open", "resolved", "ignored", "all")
_PLACE = re.compile(r"([0-9]{1,18})-([0-9]{1,18})", re.ASCII)
_DONE = {
    "resolved": "It is resolved. Its next event opens it again, and says in which release.",
    "ignored": "It is ignored: it stays out of the list, whatever comes.",
    "open": "It is open again.",
    "merged": "They are one issue now, also for the events to come.",
}


@pages.get("/issues")
@page(Scope.READ)
def issues() -> Response:
    """Those with the newest events first; open ones unless others are asked for."""
    chosen, status, q = chosen_project(), request.args.get("status") or "open", request.args.get("q", "").strip()
    if status not in _STATUSES:
        raise Invalid({"status": [f"must be one of {', '.join(_STATUSES)}"]})
    given = {"project": chosen.slug, "status": "" if status == "open" else status, "q": q}
    found: list[Issue] = []
    following: Place | None = None
    wrong = ""
    store = services().database.telemetry
    with store.read(EVERY_ORGANIZATION) as session:
        now_ms = store.now_ms(session)
        try:
            found, following = list_issues(
                session, chosen.numbers, terms_of(q), now_ms, status=None if status == "all" else status,
                place=_place(request.args.get("cursor")), limit=PER_PAGE,
            )  # fmt: skip
        except Malformed as error:
            wrong = error.message
    plain = not found and not wrong and not q and status == "open"
    return render(
        "issues.html",
        400 if wrong else 200,
        issues=[(id_of(issue.number), issue) for issue in found],
        chosen=chosen,
        status=status,
        statuses=_STATUSES,
        q=q,
        wrong=wrong,
        levels=LEVELS_CSS,
        address=lambda **changed: address("/issues", given, changed),
        following=None if following is None else f"{following.as_of}-{following.last}",
        pointing=pointing(list(chosen.shown.projects.values())) if plain else None,
        quiet=plain,
        now_ms=now_ms,
    )


@pages.get("/issues/<issue_id>")
@page(Scope.READ)
def issue_page(issue_id: str) -> Response:
    """One issue: its newest event, or the one asked for, and all around it."""
    return _page(issue_id, done=_DONE.get(request.args.get("done", "")))


@pages.post("/issues/<issue_id>/status")
@page(Scope.WRITE)
def decide_on_issue(issue_id: str) -> Response:
    """Resolve, ignore or open it."""
    changed = _change(issue_id, {"status": request.form.get("status", "")})
    return changed or go_to(f"/issues/{issue_id}?done={request.form['status']}")


@pages.post("/issues/<issue_id>/merge")
@page(Scope.WRITE)
def merge_issue(issue_id: str) -> Response:
    """Make it one with another, which stands for both."""
    into = request.form.get("merge_into", "").strip().rstrip("/").rpartition("/")[2]
    changed = _change(issue_id, {"merge_into": into})
    return changed or go_to(f"/issues/{into}?done=merged")


def _change(issue: str, given: Mapping[str, str]) -> Response | None:
    """The page again where it was refused."""
    _known(issue)
    try:
        change_issue(IssuePath(issue_id=issue), IssueChange.model_validate(given))
    except ValidationError as error:
        return _page(issue, field_errors(error), 422)
    except (Invalid, Conflict) as error:
        return _page(issue, error.fields or {"": [error.message]}, error.status)
    return None


def _known(issue: str) -> tuple[Issue, Visible]:
    """NotFound."""
    projects, number = visible(), issue_number(issue)
    with services().database.telemetry.read(EVERY_ORGANIZATION) as session:
        found = None if number is None else get_issue(session, projects.numbers, number)
    if found is None:
        raise NotFound("There is no such issue, or what was known of it is older than its project keeps")
    return found, projects


def _page(
    issue: str, wrong: Mapping[str, Sequence[str]] | None = None, status: int = 200, *, done: str | None = None
) -> Response:
    found, projects = _known(issue)
    at = number_of(request.args.get("event"))
    store = services().database.telemetry
    with store.read(EVERY_ORGANIZATION) as session:
        now_ms = store.now_ms(session)

        def newest(before: int | None, limit: int) -> list[StoredEvent]:
            return find_events(
                session, [found.project], (), now_ms, before=before, limit=limit, issue=found.number
            )  # fmt: skip

        events = newest(None, _TALLIED)
        shown = newest(at + 1, 1) if at is not None else events[:1]
    shapes = event_shapes(shown, projects)
    return render(
        "issue.html",
        status,
        issue=found,
        id=id_of(found.number),
        project=projects.projects[found.project],
        event=shown[0] if shown else None,
        view=event_view(shapes[0]) if shapes else None,
        events=events[:_EVENTS],
        tallies=_tallies(events),
        tallied=len(events),
        users=_users(events),
        checks=checks_of_issue(found.number),
        levels=LEVELS_CSS,
        wrong={name: messages[0] for name, messages in (wrong or {}).items()},
        done=done,
        now_ms=now_ms,
    )


def _tallies(events: Sequence[StoredEvent]) -> list[tuple[str, list[tuple[str, int]]]]:
    """(tag, its most frequent values with the share of the events that have it, in percent)."""
    counts: dict[str, Counter[str]] = {}
    for event in events:
        named = [("release", event.release), ("environment", event.environment)]
        for name, value in (*named, *entries(_field(event, "tags"))):
            if value:
                counts.setdefault(name, Counter())[value] += 1
    return [
        (name, [(value, round(100 * count / len(events))) for value, count in values.most_common(_MOST_VALUES)])
        for name, values in list(counts.items())[:30]
    ]


def _users(events: Sequence[StoredEvent]) -> list[tuple[str, int]]:
    """Who met it most, of the newest events, each by what tells them from others."""
    counts: Counter[str] = Counter()
    for event in events:
        told = dict(entries(_field(event, "user")))
        who = next((told[name] for name in ("email", "username", "id", "ip_address") if told.get(name)), None)
        if who is not None:
            counts[who] += 1
    return counts.most_common(10)


def _field(event: StoredEvent, name: str) -> Any:
    return event.payload.get(name) if isinstance(event.payload, dict) else None


def _place(cursor: str | None) -> Place | None:
    if not cursor:
        return None
    found = _PLACE.fullmatch(cursor)
    if found is None:
        raise Invalid({"cursor": ["must be that of the page before"]})
    return Place(int(found[1]), int(found[2]))
