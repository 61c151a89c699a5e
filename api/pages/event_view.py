"""An event as its page shows it: what somebody sent, whatever shape it has, brought into texts and lists of known size.

Nothing of it is trusted: every value may be of any type, and every text may be long or try to be markup.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from api.pages.words import text_of
from telemetry.aging import precise
from telemetry.events import exception_of, frames_of
from telemetry.frames import MOST_FRAMES, Frame, frame_of

_MOST_ENTRIES = 60
_MOST_CRUMBS = 50
_MOST_CHAINED = 10
_TEXT = 2_000
_SHORT = 300
_RAW = 20_000
_KNOWN = frozenset(
    {
        "event_id", "timestamp", "received_at", "level", "environment", "release", "trace_id", "project", "issue_id",
        "exception", "message", "breadcrumbs", "tags", "user", "fingerprint", "transaction", "span_id",
    }
)  # fmt: skip


@dataclass(frozen=True)
class Call:
    """A frame. `place`: file and line; `was`: the same before a source map was applied; `line`: the code there."""

    function: str
    place: str
    in_app: bool
    was: str = ""
    line: str = ""


@dataclass(frozen=True)
class Crumb:
    """What happened before. `at_ms`: None where what was said, `at`, is no time."""

    at: str
    at_ms: int | None
    category: str
    level: str
    message: str


@dataclass(frozen=True)
class EventView:
    """`own`: the application's calls, the one that failed first; `others`: those of libraries, in the same order.
    `chain`: exceptions that led to this one, the nearest first. `rest`: all fields that have no place of their own, as
    JSON."""

    kind: str
    value: str
    message: str
    own: list[Call] = field(default_factory=list)
    others: list[Call] = field(default_factory=list)
    chain: list[str] = field(default_factory=list)
    crumbs: list[Crumb] = field(default_factory=list)
    tags: list[tuple[str, str]] = field(default_factory=list)
    user: list[tuple[str, str]] = field(default_factory=list)
    transaction: str = ""
    rest: str = ""


def event_view(shape: Mapping[str, Any]) -> EventView:
    """`shape`: as REST tells of it (api/telemetry_shapes.py)."""
    event = dict(shape)
    exception = exception_of(event) or {}
    frames = frames_of(exception)
    calls = _calls(frames if isinstance(frames, list) else [])
    rest = {name: value for name, value in event.items() if name not in _KNOWN}
    return EventView(
        kind=_text(exception.get("type"), _SHORT),
        value=_text(exception.get("value")),
        message=_text(_message(event)),
        own=[call for call in calls if call.in_app],
        others=[call for call in calls if not call.in_app],
        chain=_chain(event),
        crumbs=_crumbs(event.get("breadcrumbs")),
        tags=entries(event.get("tags")),
        user=entries(event.get("user")),
        transaction=_text(event.get("transaction"), _SHORT),
        rest=_pretty(rest),
    )


def title_of(shape: Mapping[str, Any]) -> str:
    """An event in one line."""
    event = dict(shape)
    exception = exception_of(event) or {}
    said = _text(exception.get("value"), _SHORT) or _text(_message(event), _SHORT)
    line = ": ".join(part for part in (_text(exception.get("type"), _SHORT), said.strip().partition("\n")[0]) if part)
    return line or "(no message)"


def _calls(frames: Sequence[Any]) -> list[Call]:
    return [_call(frame) for frame in reversed(frames[-MOST_FRAMES:]) if isinstance(frame, dict)]


def _call(sent: dict[str, Any]) -> Call:
    frame = frame_of(sent)
    minified = sent.get("minified")
    was = _place(frame_of(minified)) if isinstance(minified, dict) else ""
    return Call(
        function=frame.function or "(no name)",
        place=_place(frame),
        in_app=frame.in_app,
        was=was,
        line=_text(sent.get("context_line"), _SHORT).strip(),
    )


def _place(frame: Frame) -> str:
    numbers = [str(number) for number in (frame.lineno, frame.colno) if number is not None]
    return ":".join([frame.filename or "?", *numbers])


def _chain(event: dict[str, Any]) -> list[str]:
    exception = event.get("exception")
    several = exception.get("values") if isinstance(exception, dict) else exception
    if not isinstance(several, list):
        return []
    before = [each for each in several[:-1] if isinstance(each, dict)][-_MOST_CHAINED:]
    return [title_of({"exception": each}) for each in reversed(before)]


def _crumbs(sent: Any) -> list[Crumb]:
    if isinstance(sent, dict):
        sent = sent.get("values")
    if not isinstance(sent, list):
        return []
    found = [each for each in sent[-_MOST_CRUMBS:] if isinstance(each, dict)]
    return [
        Crumb(
            _text(each.get("timestamp"), 40),
            _moment(each.get("timestamp")),
            _text(each.get("category") or each.get("type"), 80),
            _text(each.get("level"), 20),
            _text(each.get("message") or each.get("data"), 500),
        )
        for each in found
    ]


def _moment(said: Any) -> int | None:
    try:
        return round(precise(said))
    except ValueError:
        return None


def _message(event: Mapping[str, Any]) -> Any:
    message = event.get("message")
    return message.get("formatted") or message.get("message") if isinstance(message, dict) else message


def entries(sent: Any) -> list[tuple[str, str]]:
    """Names and values of an object, or of a list of pairs, as texts; nothing of what is neither."""
    if isinstance(sent, list):
        sent = {
            pair[0]: pair[1] for pair in sent if isinstance(pair, list) and len(pair) == 2 and isinstance(pair[0], str)
        }
    if not isinstance(sent, dict):
        return []
    pairs = [(_text(name, 100), _text(value, _SHORT)) for name, value in sent.items() if value is not None]
    return pairs[:_MOST_ENTRIES]


def _text(value: Any, most: int = _TEXT) -> str:
    if value is None:
        return ""
    text = text_of(value)
    return text if len(text) <= most else text[: most - 1] + "…"


def _pretty(rest: dict[str, Any]) -> str:
    if not rest:
        return ""
    text = msgspec.json.format(msgspec.json.encode(rest), indent=2).decode()
    return text if len(text) <= _RAW else text[:_RAW] + "…"
