"""POST /v1/ingest: errors, transactions and AI generations, as seed 001's SDKs and beacons send them."""

from __future__ import annotations

import hashlib
import uuid

from flask import Response
from pydantic import ValidationError

from api.access import OWN
from api.envelope import json_response
from api.errors import Malformed
from api.public_keys import admit, shown
from api.reporting import REPORTERS_REFUSALS, now_ms, quota_spent, refuse_unknown_key, sdk_body
from api.routes import Routes
from api.schemas.bare import ItemError
from api.schemas.reporting import ItemsBody, ItemsTaken
from api.services import services
from telemetry.events import DroppedError, Event
from telemetry.items import Generation, Stored, read_items, stored_of
from telemetry.sdk_json import BadBodyError, decode
from telemetry.spans import Span
from telemetry.stored.storing import Submission

routes = Routes("Ingest", "Errors, transactions and AI generations in one place, also from browsers.", ItemError)

_MEANS = {
    **REPORTERS_REFUSALS,
    400: "The body is not JSON, or an item is not as it must be: none of them is stored",
    401: "No public key; or one for servers alone, without an API key beside it",
    403: "An unknown or revoked public key, or one that is not of the project that is named",
}


@routes.post(
    "/v1/ingest",
    needs=OWN,
    answers=ItemsTaken,
    accepts=ItemsBody,
    status=202,
    errors=(400, 401, 403, 413, 429),
    means=_MEANS,
)
def take_items() -> Response:
    """Send one item, or a list of 1 to 20. All or nothing; 202 means that all of it is on disk.

    The key of the DSN stands in `X-Open-Sentry-Key` (or `X-Sentry-Clone-Key`), in `?key=`, or is the user name of the
    URL. Whatever the content type, the body is JSON of at most 256 KiB, also once inflated; a larger one is 413. An
    item from more than two years ago is no valid payload. An equal body within 60 s is one.
    """
    key, project = shown()
    who = refuse_unknown_key(key)
    admit(who, project)
    raw = sdk_body()
    batch_id, received_ms = str(uuid.uuid4()), now_ms()
    stored = _stored(raw, batch_id, who.number, received_ms)
    outcome = services().intake.keep(
        Submission(
            who.number,
            events=[item for item in stored if isinstance(item, Event)],
            spans=[item for item in stored if isinstance(item, Span)],
            generations=[item for item in stored if isinstance(item, Generation)],
            quota=who.quota,
            whole=True,
            body=hashlib.sha256(f"{key}\n".encode() + raw).hexdigest(),
            answer=batch_id,
        )
    )
    if outcome.over:
        raise quota_spent(received_ms)
    return json_response({"id": outcome.answer}, 202)


def _stored(raw: bytes, batch_id: str, project: int, received_ms: int) -> list[Stored]:
    """What is stored of a body. Malformed, in seed 001's words."""
    try:
        sent = decode(raw)
    except BadBodyError:
        raise Malformed("Invalid JSON") from None
    map_frames = services().source_maps.mapper(project)
    found: list[Stored] = []
    try:
        items = read_items(sent)
        for number, (item, one) in enumerate(zip(items, sent if isinstance(sent, list) else [sent], strict=True)):
            own_id = f"{batch_id.replace('-', '')}{number:02}"
            found += stored_of(item, one, own_id, project, received_ms, map_frames)
    except (ValidationError, DroppedError, ValueError, RecursionError):
        raise Malformed("Invalid payload") from None
    return found
