"""/query: events by the query language, as they come in."""

from __future__ import annotations

from flask import Blueprint, Response, request

from api.access import Scope
from api.errors import Malformed
from api.events_query import number_of, terms_of
from api.pages.gate import page
from api.pages.rendering import render
from api.pages.reported import LEVELS_CSS, Chosen, address, chosen_project, pointing
from api.pages.traces import ShownEvent, shown_events
from api.services import services
from store.sessions import EVERY_ORGANIZATION
from telemetry.stored.reading import find_events

pages = Blueprint("query_page", __name__)
PER_PAGE = 50
TERMS = (
    ("level:error", "fatal, error, warning, info, debug"),
    ("release:web@2.4.1", "also environment: user.id: trace_id: and any tag; web* for how it begins"),
    ("declined", 'a word of message or exception; "payment declined" in a row, declin* for how one begins'),
    ("in:5m", "s m h d; after: and before: take a time"),
    ("-term", "not that"),
)


@pages.get("/query")
@page(Scope.READ)
def query() -> Response:
    """The newest first; the first page follows what comes in."""
    chosen, q, cursor = chosen_project(), request.args.get("q", "").strip(), request.args.get("cursor") or None
    found: list[ShownEvent] = []
    following: int | None = None
    wrong = ""
    store = services().database.telemetry
    try:
        terms, before = terms_of(q), number_of(cursor)
        with store.read(EVERY_ORGANIZATION) as session:
            events = find_events(
                session, chosen.numbers, terms, store.now_ms(session), before=before, limit=PER_PAGE + 1
            )  # fmt: skip
        following = events[PER_PAGE - 1].seq if len(events) > PER_PAGE else None
        found = shown_events(events[:PER_PAGE], chosen.every)
    except Malformed as error:
        wrong = error.message
    with store.read(EVERY_ORGANIZATION) as session:
        now_ms = store.now_ms(session)
    quiet = not found and not q and not wrong and cursor is None
    return render(
        "query.html",
        400 if wrong else 200,
        chosen=chosen,
        q=q,
        wrong=wrong,
        events=found,
        following=following,
        live=cursor is None and not wrong,
        stream=_stream(chosen, q),
        terms=TERMS,
        levels=LEVELS_CSS,
        address=lambda **changed: address("/query", {"project": chosen.slug, "q": q}, changed),
        pointing=pointing(list(chosen.shown.projects.values())) if quiet else None,
        quiet=quiet,
        now_ms=now_ms,
    )


def _stream(chosen: Chosen, q: str) -> str | None:
    """What says that there is something new: a stream is of one project. None: of several, the page asks."""
    if len(chosen.shown.projects) != 1:
        return None
    [project] = chosen.shown.projects.values()
    return address("/v1/stream", {"project": project.slug, "q": q}, {})
