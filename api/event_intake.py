"""POST /v1/events: what went wrong, as seed 000's SDKs say it."""

from __future__ import annotations

from flask import Response

from api.access import OWN
from api.envelope import json_response
from api.reporting import REPORTERS_REFUSALS, items_of, now_ms, quota_spent, read_each, reporter, sdk_body
from api.routes import Routes
from api.schemas.bare import BareError
from api.schemas.reporting import EventsBody, EventsTaken
from api.services import services
from telemetry.events import Event, read_event
from telemetry.stored.storing import EVENTS, Submission

routes = Routes("Events", "Errors and messages, as SDKs send them with a project's public key.", BareError)


@routes.post(
    "/v1/events",
    needs=OWN,
    answers=EventsTaken,
    accepts=EventsBody,
    status=202,
    errors=(400, 401, 403, 413, 429),
    means=REPORTERS_REFUSALS,
)
def take_events() -> Response:
    """Send events. 202 means that they are on disk: a query right after finds them.

    Who sends is told by `X-CodeRadar-Auth: dsn=PUBLIC_KEY,project=12`; a key for servers alone needs an API key with
    the scope `ingest` as well. At most 1 MiB, also once inflated (`Content-Encoding: gzip`); a larger body is 413.
    """
    who, items = reporter(), items_of(sdk_body(), "events")
    state, received_ms = services(), now_ms()
    map_frames = state.source_maps.mapper(who.number)

    def read(item: object, raw: bytes) -> Event:
        return read_event(item, who.number, received_ms, raw=raw, map_frames=map_frames)

    events, dropped, counts = read_each(items, read, EVENTS, "event_id")
    outcome = state.intake.keep(Submission(who.number, events=events, quota=who.quota, dropped=counts))
    if outcome.spent:
        raise quota_spent(received_ms)
    dropped += [{"event_id": key[0], "reason": "quota"} for key in sorted(outcome.over)]
    return json_response({"accepted": len(items) - len(dropped), "dropped": dropped}, 202)
