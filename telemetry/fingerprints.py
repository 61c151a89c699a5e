"""Which events are one issue: the event's own word, else its exception's type and the application's calls, else its
text without what differs from one time to the next."""

from __future__ import annotations

import re
from collections.abc import Sequence
from hashlib import blake2b

from telemetry.frames import Frame, in_app

_DEFAULT = re.compile(r"\{\{\s*default\s*\}\}")
_DIFFERS = re.compile(r"\b\w*\d\w*(?:-\w*\d\w*)*\b")
"""A number, an id, a UUID: whatever holds a digit."""
_SPACES = re.compile(r"\s+")
_COMPARED = 1000


def fingerprint_of(own: Sequence[str], kind: str, text: str, frames: Sequence[Frame]) -> tuple[str, str]:
    """(key, how it is shown). `own`: what the event itself says, where `{{ default }}` stands for what would be without
    it; `kind`: of the exception; `text`: its value, or the message."""
    if own:
        parts = [
            default if _DEFAULT.fullmatch(part) else part for default in [_default(kind, text, frames)] for part in own
        ]
        shown = " / ".join(own)[:200]
        return _digest(["own", *parts]), shown
    key = _default(kind, text, frames)
    return key, key


def plain(text: str) -> str:
    """`User 4711 not found in eu-1` -> `User # not found in #`."""
    return _SPACES.sub(" ", _DIFFERS.sub("#", text[:_COMPARED])).strip()


def _default(kind: str, text: str, frames: Sequence[Frame]) -> str:
    calls = [part for frame in in_app(frames) for part in (frame.file, frame.function)]
    return _digest(["calls", kind, *calls] if calls else ["text", kind, plain(text)])


def _digest(parts: Sequence[str]) -> str:
    return blake2b("\0".join(parts).encode(errors="replace"), digest_size=16).hexdigest()
