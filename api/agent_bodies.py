"""A body of events, taken apart: what can't be read in one of them takes no other with it."""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec
from flask import request

from api.envelope import JSON
from api.errors import Invalid, Malformed, UnsupportedMedia
from api.reporting import sdk_body
from telemetry.agents.events import MOST_EVENTS, AgentEvent, RefusedError, read_agent_event
from telemetry.sdk_json import BadBodyError, decode

_Fields = dict[str, msgspec.Raw]
_ESCAPE = re.compile(rb"\\(?:u[dD][89abAB]..\\u[dD][c-fC-F]..|(u[dD][89a-fA-F]..)|.)", re.DOTALL)
_REFUSED_CHARACTER = rb"\u0000"
_QUOTES_OF_A_KEY = 2


class SentEvents(msgspec.Struct):
    """`events`: as they were read, or why not, in the order in which they were sent; `parts`: each as it was sent.
    `alone`: it was one event by itself, and no batch."""

    events: list[AgentEvent | RefusedError]
    parts: Sequence[msgspec.Raw | bytes]
    alone: bool

    def key_of(self, place: int) -> str | None:
        """The `idempotency_key` of one, None where it says none."""
        event = self.events[place]
        if isinstance(event, AgentEvent):
            return event.idempotency_key
        try:
            found = decode(_fields_of(self.parts[place])["idempotency_key"])
        except (KeyError, BadBodyError):
            return None
        return found if isinstance(found, str) else None


def sent_events() -> SentEvents:
    """What the request brings. Malformed, Invalid, UnsupportedMedia."""
    raw = sdk_body()
    if not raw:
        raise Malformed("This needs a JSON body")
    if request.mimetype != JSON:
        raise UnsupportedMedia("Send JSON, with the header Content-Type: application/json")
    try:
        parts, alone = _parts(raw)
    except (msgspec.DecodeError, ValueError, RecursionError):
        try:
            parts, alone = _parts(_without_halves(raw))
        except (msgspec.DecodeError, ValueError, RecursionError):
            raise _malformed(raw) from None
    if not parts:
        raise Malformed("The list of events must not be empty")
    if len(parts) > MOST_EVENTS:
        raise Invalid({"events": [f"must not be more than {MOST_EVENTS:,} at once"]})
    return SentEvents([_read(part) for part in parts], parts, alone)


def _parts(raw: bytes) -> tuple[Sequence[msgspec.Raw | bytes], bool]:
    """The events, each as it was sent, so that it is decoded once; and whether it is one alone."""
    begins = raw.lstrip()[:1]
    if begins == b"[":
        return msgspec.json.decode(raw, type=list[msgspec.Raw]), False
    if begins != b"{":
        decode(raw)
        raise Malformed("The body must be an event, a list of events, or an object with a list 'events'")
    fields = msgspec.json.decode(raw, type=_Fields)
    if "events" not in fields or "type" in fields:
        return [raw], True
    listed = bytes(fields.pop("events"))
    if fields:
        raise Invalid({next(iter(fields))[:60]: ["stands beside events, and is no field of a batch"]})
    if raw.count(b'"') != listed.count(b'"') + _QUOTES_OF_A_KEY:
        raise Malformed("The body is not JSON: the key 'events' stands there twice")
    try:
        return msgspec.json.decode(listed, type=list[msgspec.Raw]), False
    except msgspec.ValidationError:
        raise Malformed("events must be a list") from None


def _without_halves(raw: bytes) -> bytes:
    """Half of a surrogate pair makes the whole body unreadable: told as another character that no text may hold, it
    spoils only the event that it stands in."""
    return _ESCAPE.sub(lambda found: _REFUSED_CHARACTER if found[1] else found[0], raw)


def _malformed(raw: bytes) -> Malformed:
    try:
        decode(raw)
    except BadBodyError as error:
        return Malformed(str(error))
    return Malformed("The body is not JSON")


def _read(part: msgspec.Raw | bytes) -> AgentEvent | RefusedError:
    sent = bytes(part)
    try:
        return read_agent_event(decode(sent), sent)
    except RefusedError as error:
        return error
    except BadBodyError as error:
        return _unreadable(sent, error)


def _unreadable(sent: bytes, error: BadBodyError) -> RefusedError:
    for name, value in _fields_of(sent).items():
        try:
            decode(value)
        except BadBodyError as found:
            return RefusedError(f"can't be read: {found}", field=name[:60])
    return RefusedError(f"an event can't be read: {error}")


def _fields_of(sent: msgspec.Raw | bytes) -> _Fields:
    """None of it where it is no object."""
    try:
        return msgspec.json.decode(sent, type=_Fields)
    except (msgspec.DecodeError, ValueError, RecursionError):
        return {}
