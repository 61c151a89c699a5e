"""/v1/issues: events that are one thing, and what people decide about it."""

from __future__ import annotations

import re
from typing import Annotated, Any

from flask import Response
from pydantic import Field

from api.access import Scope, caller
from api.checks_behind import checks_of_issue
from api.envelope import json_response
from api.errors import Conflict, Invalid, Malformed, no_such
from api.events_query import terms_of
from api.project_access import Visible, queried, visible
from api.routes import PathModel, Routes
from api.schemas.bare import BareError
from api.schemas.telemetry import Issue, IssueChange, IssueDetail, IssuePage, IssueQuery
from api.services import services
from api.telemetry_shapes import issue_number, issue_shape
from store.audit import Target, note
from store.sessions import EVERY_ORGANIZATION
from store.wakeups import wake
from store.write_lock import Urgency
from telemetry.joining import join_alerts_of
from telemetry.stored.issues import NotMergedError, Place, get_issue, list_issues, merge, set_status
from telemetry.stored.storing import TOPIC

routes = Routes("Issues", "Events that are one thing: an exception from one place, a message.", BareError)
_PLACE = re.compile(r"([0-9]{1,18})-([0-9]{1,18})", re.ASCII)


class IssuePath(PathModel):
    issue_id: Annotated[str, Field(pattern=r"^iss_[0-9a-z]{6,20}$", description="The issue's id")]


@routes.get("/v1/issues", needs=Scope.READ, answers=IssuePage, pages=True)
def list_of_issues(query: IssueQuery) -> Response:
    """List issues, those with the newest events first. Pages by `cursor` show what there was when the first was asked
    for, each issue once. One of the 60 questions a minute that each token may ask, as `/v1/query` has it."""
    terms, place = terms_of(query.q), _place(query.cursor)
    projects, store = queried(query.project), services().database.telemetry
    with store.read(EVERY_ORGANIZATION) as session:
        found, following = list_issues(
            session, projects.numbers, terms, store.now_ms(session), status=query.status, place=place, limit=query.limit
        )
    cursor = None if following is None else f"{following.as_of}-{following.last}"
    return json_response({"issues": [issue_shape(issue, projects) for issue in found], "cursor": cursor})


@routes.get("/v1/issues/<issue_id>", needs=Scope.READ, answers=IssueDetail)
def show_issue(path: IssuePath) -> Response:
    """Get an issue with the checks that it breaks; one that was merged, by the issue that stands for it.

    One of the 60 questions a minute that each token may ask, as `/v1/query` has it.
    """
    projects, number = queried(), issue_number(path.issue_id)
    with services().database.telemetry.read(EVERY_ORGANIZATION) as session:
        issue = None if number is None else get_issue(session, projects.numbers, number)
    if issue is None:
        raise no_such("issue", path.issue_id)
    return json_response({**issue_shape(issue, projects), "checks": checks_of_issue(issue.number)})


@routes.put("/v1/issues/<issue_id>", needs=Scope.WRITE, answers=Issue, errors=(409,))
def change_issue(path: IssuePath, body: IssueChange) -> Response:
    """Decide about an issue: `status`, or that it is the same as another (`merge_into`), which then stands for both.

    Of alerts that a rule on events has open for both, the one of the merged issue is resolved with that reason, and the
    other goes on; one that is open for the merged issue alone goes on for both.
    """
    projects = visible()
    before, after = _change(path.issue_id, body, projects)
    differ = [name for name in ("id", "status") if before[name] != after[name]]
    if differ:
        verb = (
            "merged"
            if "id" in differ
            else {"resolved": "resolved", "ignored": "ignored"}.get(after["status"], "opened")
        )
        database = services().database
        with database.write(caller().organization_id, Urgency.PEOPLE) as session:
            if "id" in differ:
                join_alerts_of(session, before["id"], after, database.now_ms(session))
            note(
                session, caller().organization_id, f"issue.{verb}",
                Target("issue", str(before["id"]), str(before["title"])[:200]),
                before={name: before[name] for name in differ}, after={name: after[name] for name in differ},
            )  # fmt: skip
    return json_response(after)


def _change(issue_id: str, body: IssueChange, projects: Visible) -> tuple[dict[str, Any], dict[str, Any]]:
    """What it was, and what it is. NotFound, Invalid, Conflict."""
    store, number = services().database.telemetry, issue_number(issue_id)
    with store.write(EVERY_ORGANIZATION, Urgency.PEOPLE) as session:
        issue = None if number is None else get_issue(session, projects.numbers, number, lock=True)
        if issue is None:
            raise no_such("issue", issue_id)
        before = issue_shape(issue, projects)
        if body.merge_into is not None:
            other = issue_number(body.merge_into)
            into = None if other is None else get_issue(session, projects.numbers, other)
            if into is None:
                raise Invalid({"merge_into": ["is no issue"]})
            try:
                merge(session, issue, into)
            except NotMergedError as error:
                raise Conflict(f"{error}: nothing was merged") from None
            issue = into
        if body.status is not None and body.status != issue.status:
            set_status(session, issue, body.status, store.now_ms(session))
            wake(session, TOPIC)
        found = get_issue(session, projects.numbers, issue.number)
        if found is None:
            raise no_such("issue", issue_id)
        return before, issue_shape(found, projects)


def _place(cursor: str | None) -> Place | None:
    if cursor is None:
        return None
    found = _PLACE.fullmatch(cursor)
    if found is None:
        raise Malformed("The cursor must be that of the page before")
    return Place(int(found[1]), int(found[2]))
