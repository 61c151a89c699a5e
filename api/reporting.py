"""What all that SDKs send has in common: who sends it, its body, and what they are told when a quota is spent."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeVar

import msgspec
from flask import request

from api.dialects import body_limit
from api.errors import Forbidden, Malformed, RateLimited, Unauthorized, too_large
from api.public_keys import admit, shown
from api.reporters import Reporter
from api.services import services
from store.sessions import EVERY_ORGANIZATION
from telemetry.events import DroppedError
from telemetry.sdk_json import BadBodyError, TooMuchError, decode, inflate

_WAIT_S = 3600
"""The longest somebody is told to wait for a quota, which may be raised before the month is over."""
_Read = TypeVar("_Read")
Dropped = list[dict[str, Any]]
REPORTERS_REFUSALS: Final = {
    400: "The body can't be read",
    401: "No public key, or one that is unknown or revoked; or one for servers alone, without an API key beside it",
    403: "The key is not of the project that is named, or the API key beside it may not send there",
    429: "The project's quota is spent; `Retry-After` says when to come back",
}
"""What refusals mean to who sends with a public key."""


def reporter() -> Reporter:
    """Whose key the request shows. Unauthorized, Forbidden."""
    key, project = shown()
    if not key:
        raise Unauthorized("This needs the project's public key: X-CodeRadar-Auth: dsn=PUBLIC_KEY,project=12")
    found = services().public_keys.reporter(key)
    if found is None:
        raise Unauthorized("This public key is unknown or revoked")
    admit(found, project)
    return found


def sdk_body() -> bytes:
    """The body, inflated. Malformed; TooLarge before more is read, or inflated, than may be."""
    limit = body_limit(request.path)
    raw = request.get_data(cache=False)
    try:
        return inflate(raw, request.headers.get("Content-Encoding", "").strip().lower(), limit)
    except TooMuchError:
        raise too_large(limit) from None
    except BadBodyError as error:
        raise Malformed(str(error)) from None


def items_of(raw: bytes, name: str) -> list[tuple[Any, bytes]]:
    """The entries of `{name: [...]}`, decoded and as they were sent. Malformed."""
    if not raw:
        raise Malformed("This needs a JSON body")
    try:
        found = msgspec.json.decode(raw, type=dict[str, msgspec.Raw])[name]
        parts = msgspec.json.decode(found, type=list[msgspec.Raw])
    except KeyError:
        raise Malformed(f"The body must be an object with a list {name!r}") from None
    except (msgspec.DecodeError, ValueError, RecursionError):
        _explain(raw)
        raise Malformed(f"The body must be an object with a list {name!r}") from None
    if not parts:
        raise Malformed(f"The list {name!r} must not be empty")
    try:
        return [(decode(part), bytes(part)) for part in parts]
    except BadBodyError as error:
        raise Malformed(str(error)) from None


def _explain(raw: bytes) -> None:
    """Malformed, if it is no JSON at all."""
    try:
        decode(raw)
    except BadBodyError as error:
        raise Malformed(str(error)) from None


def read_each(
    items: Sequence[tuple[Any, bytes]], read: Callable[[Any, bytes], _Read], kind: str, id_name: str
) -> tuple[list[_Read], Dropped, Counter[tuple[str, str]]]:
    """What can be read, what can't with the reason, and how often which reason."""
    found: list[_Read] = []
    dropped: Dropped = []
    counts: Counter[tuple[str, str]] = Counter()
    for item, raw in items:
        try:
            found.append(read(item, raw))
        except DroppedError as error:
            known = item.get(id_name) if isinstance(item, dict) else None
            dropped.append({id_name: known if isinstance(known, str) else None, "reason": error.reason})
            counts[kind, error.reason.partition(":")[0]] += 1
    return found, dropped, counts


def now_ms() -> int:
    """The time by which what arrives now was received."""
    store = services().database.telemetry
    with store.read(EVERY_ORGANIZATION) as session:
        return store.now_ms(session)


def quota_spent(at_ms: int) -> RateLimited:
    """What somebody is told whose project has stored all that it may this month."""
    now = datetime.fromtimestamp(at_ms / 1000, UTC)
    ends = (now.replace(day=1) + timedelta(days=32)).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    wait_s = max(1, min(_WAIT_S, round((ends - now).total_seconds())))
    return RateLimited(f"The project's quota for {now:%Y-%m} is spent", wait_s)


def refuse_unknown_key(key: str | None) -> Reporter:
    """Seed 001's way of saying who may send. Unauthorized, Forbidden."""
    if not key:
        raise Unauthorized("Missing auth key")
    found = services().public_keys.reporter(key)
    if found is None:
        raise Forbidden("Invalid DSN key")
    return found
