"""Stack frames, whoever wrote them down: a field of an event, or the text that a program printed."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any

import msgspec

MOST_FRAMES = 250
_LIBRARIES = re.compile(
    r"(^|/)(site-packages|dist-packages|node_modules|vendor)/|^node:|^<frozen |/lib/python\d|^java\."
)
_ORIGIN = re.compile(r"^[a-z][a-z0-9+.-]*://[^/]*", re.IGNORECASE)
_BUILD = re.compile(r"[.-](?=[0-9a-f]*\d)[0-9a-f]{6,}(?=\.)", re.IGNORECASE)
_PYTHON = re.compile(
    r'^\s*File "(?P<file>[^"]{1,1000})", line (?P<line>\d{1,9})(?:, in (?P<function>.{1,300}))?$', re.M
)
_SCRIPT = re.compile(
    r"^\s*at (?:(?P<function>[^()\n]{1,300}?) \()?(?P<file>[^()\n]{1,1000}?):(?P<line>\d{1,9}):(?P<column>\d{1,9})\)?$",
    re.M,
)
_JAVA = re.compile(r"^\s*at (?P<function>[\w.$<>/@]{1,300})\((?P<file>[\w.$-]{1,200}):(?P<line>\d{1,9})\)$", re.M)


class Frame(msgspec.Struct, frozen=True):
    """One call. `lineno`, `colno` are 1-based."""

    filename: str
    function: str
    lineno: int | None
    colno: int | None
    in_app: bool

    @property
    def file(self) -> str:
        """Its file, whichever host served it and whichever build it was."""
        return _plain(self.filename)


def frame_of(sent: dict[str, Any]) -> Frame:
    """A frame as it was sent."""
    filename = _text(sent.get("filename")) or _text(sent.get("abs_path")) or _text(sent.get("module"))
    in_app = sent.get("in_app", sent.get("inApp"))
    if not isinstance(in_app, bool):
        in_app = not _is_library(filename)
    return Frame(filename, _text(sent.get("function")), _number(sent.get("lineno")), _number(sent.get("colno")), in_app)


def written(text: str) -> list[dict[str, Any]]:
    """The frames of a stack trace as Python, JavaScript or Java print it, the call that failed last."""
    python = [found.groupdict() for found in _firsts(_PYTHON, text)]
    others = [] if python else [found.groupdict() for found in _firsts(_SCRIPT, text) or _firsts(_JAVA, text)]
    frames = []
    for found in python or reversed(others):
        frame: dict[str, Any] = {
            "filename": found["file"],
            "function": found["function"] or "",
            "lineno": int(found["line"]),
        }
        if found.get("column"):
            frame["colno"] = int(found["column"])
        frame["in_app"] = frame_of(frame).in_app
        frames.append(frame)
    return frames


def _firsts(pattern: re.Pattern[str], text: str) -> list[re.Match[str]]:
    return [found for found, _ in zip(pattern.finditer(text), range(MOST_FRAMES), strict=False)]


def in_app(frames: Sequence[Frame]) -> Iterator[Frame]:
    """The application's own calls. One that calls itself again and again counts once: how deep it went is chance."""
    last: tuple[str, str] | None = None
    for frame in frames:
        if frame.in_app and (frame.file, frame.function) != last:
            last = (frame.file, frame.function)
            yield frame


@lru_cache(maxsize=4096)
def _plain(filename: str) -> str:
    return _BUILD.sub("", _ORIGIN.sub("", filename).split("?")[0].split("#")[0])


@lru_cache(maxsize=4096)
def _is_library(filename: str) -> bool:
    return _LIBRARIES.search(filename) is not None


def _text(value: Any) -> str:
    return value[:1000] if isinstance(value, str) else ""


def _number(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 31 else None
