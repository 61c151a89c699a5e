"""An event as seed 000 sends it, read into what is stored of it. Fields that nobody knows are kept."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec

from telemetry.aging import TooOldError, instant
from telemetry.fingerprints import fingerprint_of
from telemetry.frames import MOST_FRAMES, Frame, frame_of
from telemetry.payloads import pack
from telemetry.words import searchable, term

LEVELS: Final = ("fatal", "error", "warning", "info", "debug")
MOST_BYTES = 256 << 10
"""Of one event: nobody reads more, and a hundred of them are a body."""
_MOST_TAGS = 100
_TEXT = 8192
"""How much of a message is searched and compared."""
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
MapFrames = Callable[[str, Sequence[dict[str, Any]]], Sequence[dict[str, Any]]]
"""(release, frames as sent) -> frames of the sources, as far as source maps are there."""


class DroppedError(ValueError):
    """Not stored, and why: `invalid: <field>`, `too_old`, `too_large`."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Event(msgspec.Struct):
    """What is stored of one. `key`: its fingerprint as it is compared; `fingerprint`: as it is shown. `user_key`: what
    tells its user from others. `tags`: JSON. `payload`: telemetry/payloads.py."""

    project: int
    event_id: str
    level: str
    at_ms: int
    environment: str | None
    release: str | None
    user_key: str | None
    trace_id: str | None
    tags: str | None
    title: str
    culprit: str
    key: str
    fingerprint: str
    search: str
    payload: bytes


def read_event(
    item: Any, project: int, received_ms: int, *, raw: bytes | None = None, map_frames: MapFrames | None = None
) -> Event:
    """`item`: as decoded; `raw`: its JSON, where that is at hand. DroppedError."""
    if not isinstance(item, dict):
        raise DroppedError("invalid: event")
    if raw is not None and len(raw) > MOST_BYTES:
        raise DroppedError("too_large")
    event_id = named(item, "event_id", 128)
    if not event_id:
        raise DroppedError("invalid: event_id")
    level = item.get("level") or "error"
    if level not in LEVELS:
        raise DroppedError("invalid: level")
    release, environment = named(item, "release", 200), named(item, "environment", 200)
    kind, value, sent = _exception(item.get("exception"))
    message = _message(item)
    text = (value or message)[:_TEXT]
    if map_frames is not None and release and sent:
        sent = map_frames(release, sent)
    frames = [frame_of(frame) for frame in sent]
    key, shown = fingerprint_of(_own_fingerprint(item), kind, text, frames)
    tags, user_key, trace_id = tags_of(item), _user_key(item), named(item, "trace_id", 128)
    terms = [term("project", str(project))]
    for name, known in (
        ("release", release),
        ("environment", environment),
        ("user.id", user_key),
        ("trace_id", trace_id),
    ):
        if known:
            terms.append(term(name, known))
    terms += [term(name, value) for name, value in tags.items()]
    return Event(
        project=project,
        event_id=event_id,
        level=level,
        at_ms=when(item, received_ms),
        environment=environment,
        release=release,
        user_key=user_key,
        trace_id=trace_id,
        tags=msgspec.json.encode(tags).decode() if tags else None,
        title=_title(kind, text),
        culprit=_culprit(item, frames),
        key=key,
        fingerprint=shown,
        search=searchable(terms, f"{message[:_TEXT]}\n{kind} {value[:_TEXT]}"),
        payload=pack(item if raw is None else raw),
    )


def named(item: dict[str, Any], name: str, most: int) -> str | None:
    """A short text of one line, if there is one. DroppedError."""
    value = item.get(name)
    if value is None or value == "":
        return None
    if not isinstance(value, str) or len(value) > most or _CONTROL.search(value):
        raise DroppedError(f"invalid: {name}")
    return value


def when(item: dict[str, Any], received_ms: int, name: str = "timestamp") -> int:
    """When it happened, ms. DroppedError."""
    try:
        return instant(item.get(name), received_ms)
    except TooOldError:
        raise DroppedError("too_old") from None
    except ValueError:
        raise DroppedError(f"invalid: {name}") from None


def tags_of(item: dict[str, Any]) -> dict[str, str]:
    """Tags, each as text. DroppedError."""
    tags = item.get("tags")
    if tags is None:
        return {}
    if isinstance(tags, list):  # pairs, as some SDKs have them
        tags = dict(pair for pair in tags if isinstance(pair, list) and len(pair) == 2 and isinstance(pair[0], str))
    if not isinstance(tags, dict) or len(tags) > _MOST_TAGS:
        raise DroppedError("invalid: tags")
    found = {}
    for name, value in tags.items():
        if isinstance(value, bool):
            found[name[:200]] = "true" if value else "false"
        elif isinstance(value, str | int | float):
            found[name[:200]] = str(value)[:1000]
        elif value is not None:
            raise DroppedError("invalid: tags")
    return found


def exception_of(item: dict[str, Any]) -> dict[str, Any] | None:
    """The exception of an event: the one that was raised last, where several are told."""
    exception = item.get("exception")
    if isinstance(exception, dict) and isinstance(exception.get("values"), list):
        exception = exception["values"]
    if isinstance(exception, list):
        exception = exception[-1] if exception else None
    return exception if isinstance(exception, dict) else None


def frames_of(exception: dict[str, Any] | None) -> Any:
    """The list of frames of an exception, whatever it is."""
    trace = exception.get("stacktrace") if exception is not None else None
    return trace.get("frames") if isinstance(trace, dict) else None


def _exception(sent: Any) -> tuple[str, str, Sequence[dict[str, Any]]]:
    """(type, value, frames as sent)."""
    if sent is None:
        return "", "", []
    exception = exception_of({"exception": sent})
    if exception is None:
        raise DroppedError("invalid: exception")
    kind, value = exception.get("type") or "", exception.get("value") or ""
    if not isinstance(kind, str) or len(kind) > 1000:
        raise DroppedError("invalid: exception.type")
    if not isinstance(value, str):
        raise DroppedError("invalid: exception.value")
    frames = frames_of(exception)
    if frames is None:
        return kind, value, []
    if not isinstance(frames, list) or not all(isinstance(frame, dict) for frame in frames):
        raise DroppedError("invalid: exception.stacktrace.frames")
    return kind, value, frames[-MOST_FRAMES:]


def _message(item: dict[str, Any]) -> str:
    message = item.get("message")
    if isinstance(message, dict):  # {formatted, message, params}
        message = message.get("formatted") or message.get("message")
    if message is None:
        return ""
    if not isinstance(message, str):
        raise DroppedError("invalid: message")
    return message


def _own_fingerprint(item: dict[str, Any]) -> list[str]:
    own = item.get("fingerprint")
    if own is None or own == "" or own == []:
        return []
    parts = own if isinstance(own, list) else [own]
    if len(parts) > 20 or not all(isinstance(part, str) and len(part) <= 1000 for part in parts):
        raise DroppedError("invalid: fingerprint")
    return parts


def _user_key(item: dict[str, Any]) -> str | None:
    user = item.get("user")
    if user is None:
        return None
    if not isinstance(user, dict):
        raise DroppedError("invalid: user")
    for name in ("id", "email", "username", "ip_address"):
        value = user.get(name)
        if isinstance(value, str | int) and not isinstance(value, bool) and value != "":
            return str(value)[:200]
    return None


def _title(kind: str, text: str) -> str:
    first = text.strip().split("\n", 1)[0][:200]
    return ": ".join(part for part in (kind[:100], first) if part) or "(no message)"


def _culprit(item: dict[str, Any], frames: Sequence[Frame]) -> str:
    """Where it was: the application's innermost call."""
    for frame in reversed(frames):
        if frame.in_app and (frame.filename or frame.function):
            return f"{frame.function} ({frame.filename})"[:300] if frame.function else frame.filename[:300]
    transaction = item.get("transaction")
    return transaction[:300] if isinstance(transaction, str) else ""
