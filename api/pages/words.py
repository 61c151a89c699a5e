"""What pages say in words: durations, counts, instants; and text from strangers, made harmless to the eye too."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
from markupsafe import Markup, escape

from model.times import DAY_MS, HOUR_MS

_MINUTE_MS = 60_000
NOTHING = "\N{EN DASH}"
_CONTROLS = (*range(0x09), 0x0B, 0x0C, *range(0x0E, 0x20), *range(0x7F, 0xA0))
_TURNS = (*range(0x202A, 0x202F), *range(0x2066, 0x206A))
_INVISIBLE = dict.fromkeys((*_CONTROLS, *_TURNS), "\N{REPLACEMENT CHARACTER}")
"""Control characters and those that turn the direction of what follows: nothing to see, but much to mislead with."""


def inert(value: Any) -> Any:
    """What a template prints, without characters that only steer terminals and text direction. Markup stays as it is:
    autoescape has been over its parts."""
    return value.translate(_INVISIBLE) if type(value) is str else value


_INSTANT = re.compile(r"\b(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d:\d\d)(?: UTC|Z)(?![\w-])")


def coded(text: str) -> Markup:
    """A sentence whose `selectors` and the like stand between backticks, as HTML that shows them as code, and whose
    instants are in the reader's zone. A backtick that is never closed is one."""
    *pairs, last = re.split(r"`([^`]*)`", text)
    shown = (escape(inert(part)) for part in pairs)
    return Markup("").join(
        Markup("<code>{}</code>").format(part) if number % 2 else _timed(part) for number, part in enumerate(shown)
    ) + _timed(escape(inert(last)))


def _timed(text: Markup) -> Markup:
    """Instants in a sentence, for the reader's zone: pages.js turns them."""
    return Markup(_INSTANT.sub(r'<time datetime="\1T\2Z">\g<0></time>', text))  # noqa: S704 - the text is escaped


def text_of(value: Any) -> str:
    """Any stored value as a person reads it: text as it is, other values as JSON, nothing as a dash."""
    if value is None:
        return NOTHING
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def duration(milliseconds: int) -> str:
    """`31 s`, `9 min`, `2 h 5 min`, `3 d 4 h`."""
    if milliseconds < _MINUTE_MS:
        return f"{max(0, milliseconds) // 1000} s"
    if milliseconds < HOUR_MS:
        return f"{milliseconds // _MINUTE_MS} min"
    if milliseconds < DAY_MS:
        return _two(milliseconds // HOUR_MS, "h", milliseconds % HOUR_MS // _MINUTE_MS, "min")
    return _two(milliseconds // DAY_MS, "d", milliseconds % DAY_MS // HOUR_MS, "h")


def _two(large: int, large_unit: str, small: int, small_unit: str) -> str:
    return f"{large} {large_unit} {small} {small_unit}" if small else f"{large} {large_unit}"


def milliseconds(value: float | None) -> str:
    """`0.4 ms`, `27 ms`, `1.72 s`; nothing as a dash."""
    if value is None:
        return NOTHING
    if value < 10:
        return f"{value:.1f} ms" if value >= 0.05 or not value else "<0.1 ms"
    return f"{value:.0f} ms" if value < 1_000 else f"{value / 1000:.2f} s"


def file_size(size_bytes: int) -> str:
    """`1 kB`, `312 kB`, `4.2 MB`."""
    return f"{size_bytes / 1e6:.1f} MB" if size_bytes >= 1_000_000 else f"{max(1, round(size_bytes / 1e3))} kB"


def offset(milliseconds: int) -> str:
    """How far into something: `0.3 s`, `12.3 s`, `3:12 min`, `2:03:12 h`."""
    seconds = max(0, milliseconds) / 1000
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes}:{rest:02} min" if minutes < 60 else f"{minutes // 60}:{minutes % 60:02}:{rest:02} h"


def clock(at_ms: int, now_ms: int) -> str:
    """`14:02:31` today, `15 Jan, 14:02:31` on another day, UTC."""
    at, now = (datetime.fromtimestamp(ms / 1000, UTC) for ms in (at_ms // 1000 * 1000, now_ms))
    day = "" if at.date() == now.date() else f"{at.day} {at:%b}{'' if at.year == now.year else f' {at.year}'}, "
    return f"{day}{at:%H:%M:%S}"


def moment(at_ms: int) -> str:
    """`15 Jan, 14:02`, UTC: for what is read days later too."""
    at = datetime.fromtimestamp(at_ms / 1000, UTC)
    return f"{at.day} {at:%b, %H:%M}"


_BROWSERS = (("Edg", "Edge"), ("OPR/", "Opera"), ("Firefox/", "Firefox"), ("Chrome/", "Chrome"), ("Safari/", "Safari"))
_SYSTEMS = (
    ("Android", "Android"), ("iPhone", "iPhone"), ("iPad", "iPad"), ("Windows", "Windows"), ("Mac OS", "macOS"),
    ("CrOS", "ChromeOS"), ("Linux", "Linux"),
)  # fmt: skip
"""What tells apart, in the order in which it is looked for: most browsers say that they are several others too."""


def program(user_agent: str) -> str:
    """`Firefox on Windows`, `curl/8.5.0`: enough for people to know which of their sessions it is."""
    browser = next((name for mark, name in _BROWSERS if mark in user_agent), None)
    if browser is None:
        return user_agent.split(" ")[0][:60] or "Something that did not say what it is"
    system = next((name for mark, name in _SYSTEMS if mark in user_agent), None)
    return f"{browser} on {system}" if system else browser


def listed(names: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return " and ".join(part for part in (", ".join(names[:-1]), *names[-1:]) if part)


def counted(number: int, one: str, many: str | None = None) -> str:
    """`1 alert`, `2 alerts`."""
    return f"{number} {one if number == 1 else many or one + 's'}"
