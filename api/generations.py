"""/v1/generations: calls of language models, and what they come to."""

from __future__ import annotations

import msgspec
from flask import Response

from api.access import Scope
from api.envelope import json_response
from api.events_query import number_of
from api.project_access import visible
from api.routes import Routes
from api.schemas.bare import BareError
from api.schemas.telemetry import GenerationListQuery, GenerationPage, GenerationQuery, GenerationSummary
from api.services import services
from api.telemetry_shapes import generation_shape
from model.times import parse_iso
from store.sessions import EVERY_ORGANIZATION
from telemetry.stored.generations import Span, list_generations, summarize

routes = Routes(
    "AI generations", "Calls of language models: what they cost, how long they took, which failed.", BareError
)


@routes.get("/v1/generations", needs=Scope.READ, answers=GenerationPage)
def list_of_generations(query: GenerationListQuery) -> Response:
    """List calls of language models, newest first."""
    projects, before = visible(query.project), number_of(query.cursor)
    with services().database.telemetry.read(EVERY_ORGANIZATION) as session:
        found = list_generations(session, projects.numbers, _span(query), before=before, limit=query.limit + 1)
    shown = found[: query.limit]
    cursor = str(shown[-1].seq) if len(found) > query.limit else None
    return json_response({"generations": [generation_shape(made, projects) for made in shown], "cursor": cursor})


@routes.get("/v1/generations/summary", needs=Scope.READ, answers=GenerationSummary)
def generation_summary(query: GenerationQuery) -> Response:
    """What the calls of each model come to: number, errors, tokens, cost, and how long they took."""
    projects = visible(query.project)
    with services().database.telemetry.read(EVERY_ORGANIZATION) as session:
        found = summarize(session, projects.numbers, _span(query))
    return json_response({"by_model": [msgspec.to_builtins(one) for one in found]})


def _span(query: GenerationQuery) -> Span:
    since, until = (None if at is None else parse_iso(at) for at in (query.since, query.until))
    return Span(since, until, query.model)
