"""/generations: calls of language models, what they cost, how long they take and which fail, by model and over time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask import Blueprint, Response, request

from api.access import Scope
from api.pages.event_view import entries
from api.pages.gate import page
from api.pages.generation_charts import COLOURS, HEIGHT, WIDTH, charts, columns_of, dollars
from api.pages.rendering import render
from api.pages.reported import address, chosen_project, pointing
from api.services import services
from model.times import DAY_MS, HOUR_MS
from store.sessions import EVERY_ORGANIZATION
from telemetry.stored.generations import Span, StoredGeneration, list_generations, over_time, summarize

pages = Blueprint("generation_pages", __name__)
_NEWEST = 20
_MOST_MODELS = 50


@dataclass(frozen=True)
class Stretch:
    word: str
    step_ms: int
    count: int


SPANS = {
    "24h": Stretch("24 h", HOUR_MS // 2, 48),
    "7d": Stretch("7 d", 4 * HOUR_MS, 42),
    "30d": Stretch("30 d", DAY_MS, 30),
    "90d": Stretch("90 d", 3 * DAY_MS, 30),
    "13mo": Stretch("13 months", 13 * DAY_MS, 31),
}


@pages.get("/generations")
@page(Scope.READ)
def generations() -> Response:
    """By model, the dearest first; and the newest calls."""
    chosen, model = chosen_project(), request.args.get("model", "")[:200]
    span = request.args.get("span", "7d")
    stretch = SPANS.get(span, SPANS["7d"])
    store = services().database.telemetry
    with store.read(EVERY_ORGANIZATION) as session:
        now_ms = store.now_ms(session)
        until_ms = now_ms - now_ms % stretch.step_ms + stretch.step_ms
        wanted = Span(until_ms - stretch.step_ms * stretch.count, until_ms, model or None)
        summary = summarize(session, chosen.numbers, wanted)
        slices = over_time(session, chosen.numbers, wanted, stretch.step_ms)
        newest = list_generations(session, chosen.numbers, wanted, before=None, limit=_NEWEST)
        ever = newest or list_generations(session, chosen.numbers, Span(), before=None, limit=1)
    dearest = [(each.provider, each.model) for each in summary[:COLOURS]]
    given = {"project": chosen.slug, "span": "" if span == "7d" else span, "model": model}
    return render(
        "generations.html",
        chosen=chosen,
        model=model,
        span=span if span in SPANS else "7d",
        spans=SPANS,
        summary=summary[:_MOST_MODELS],
        left_out=max(0, len(summary) - _MOST_MODELS),
        colours=COLOURS,
        charts=charts(columns_of(slices, dearest, stretch.count)) if slices else [],
        width=WIDTH,
        height=HEIGHT,
        newest=[_call(made) for made in newest],
        dollars=dollars,
        address=lambda **changed: address("/generations", given, changed),
        pointing=None if ever else pointing(list(chosen.shown.projects.values())),
        nothing_ever=not ever,
        now_ms=now_ms,
    )


def _call(made: StoredGeneration) -> dict[str, Any]:
    payload = made.payload if isinstance(made.payload, dict) else {}
    return {"made": made, "tags": entries(payload.get("tags"))[:5]}
