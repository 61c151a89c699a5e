"""What the files of agents' runs may be, and whether bytes are what they are called: by what they begin with, and for
text by all of them. Pure; looks at a file as it arrives, and keeps nothing of it.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

HEAD_BYTES = 4_096
"""What a file begins with: enough for each of these to show itself."""
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1a\x1c-\x1f]")
"""What no text holds; a terminal's colours begin with an escape."""
_SPACE = "\ufeff \t\r\n"
_HAR = re.compile(rb'(?:\xef\xbb\xbf)?\s*\{\s*"log"\s*:\s*\{')
_BEGINS_JSON = re.compile(rb'(?:\xef\xbb\xbf)?\s*(?:[\[{"0-9-]|true\b|false\b|null\b)')
_CLOSING = {"{": "}", "[": "]", '"': '"'}


class ForgedError(ValueError):
    """The bytes are not what they are called; the text is for people."""


@dataclass(frozen=True)
class Medium:
    """`begins`: whether a file of this type can begin so. `text`: all of it is UTF-8; `closed`: and its last sign is
    that which closes its first."""

    ending: str
    begins: Callable[[bytes], object]
    text: bool = False
    closed: bool = False


MEDIA: Mapping[str, Medium] = {
    "image/png": Medium("png", lambda head: head.startswith(b"\x89PNG\r\n\x1a\n")),
    "image/jpeg": Medium("jpg", lambda head: head.startswith(b"\xff\xd8\xff")),
    "image/webp": Medium("webp", lambda head: head[:4] == b"RIFF" and head[8:12] == b"WEBP"),
    "application/zip": Medium("zip", lambda head: head[:4] in (b"PK\x03\x04", b"PK\x05\x06")),
    "video/webm": Medium("webm", lambda head: head[:4] == b"\x1a\x45\xdf\xa3" and b"webm" in head[:64]),
    "application/har+json": Medium("har", _HAR.match, text=True, closed=True),
    "application/json": Medium("json", _BEGINS_JSON.match, text=True, closed=True),
    "text/plain": Medium("txt", lambda _head: True, text=True),
}
"""By type."""
_SHOWN = tuple(name for name in MEDIA if name != "application/json")
"""What a file without a type can turn out to be, the first that its bytes fit: a text that begins with a bracket need
be no JSON."""
_ALSO = {
    "image/jpg": "image/jpeg", "application/x-zip-compressed": "application/zip", "text/json": "application/json",
    "application/x-har": "application/har+json",
}  # fmt: skip
_SAYS_NOTHING = ("", "application/octet-stream")


def medium_named(content_type: str, filename: str = "") -> str | None:
    """The type that this header means, or a file's name where the header says nothing; None where neither does.
    ForgedError where it is none of those taken."""
    named = content_type.partition(";")[0].strip().lower()
    if named in _SAYS_NOTHING:
        ending = filename.rpartition(".")[2].lower()
        return next((name for name, medium in MEDIA.items() if medium.ending == ending), None)
    found = _ALSO.get(named, named)
    if found not in MEDIA:
        raise ForgedError(f"Files of type {named[:60]!r} are not taken: it may be one of {', '.join(MEDIA)}")
    return found


@dataclass
class Looking:
    """Looks at one file, piece by piece: `take` each, then `finish`. `named`: what it is called, None: anything."""

    named: str | None
    _head: bytearray = field(default_factory=bytearray)
    _judged: str | None = None
    _first: str = ""
    _last: str = ""
    _decoder: codecs.IncrementalDecoder = field(default_factory=codecs.getincrementaldecoder("utf-8"))

    def take(self, piece: bytes) -> None:
        """ForgedError as soon as it shows."""
        if self._judged is not None:
            self._read(piece)
            return
        self._head += piece
        if len(self._head) >= HEAD_BYTES:
            self._judge()

    def finish(self) -> str:
        """The type. ForgedError."""
        if self._judged is None:
            self._judge()
        medium = MEDIA[self._judged or ""]
        if medium.text:
            self._decoded(b"", final=True)
        if medium.closed and self._last != _CLOSING.get(self._first, self._last):
            raise self._forged()
        return self._judged or ""

    def _judge(self) -> None:
        head = bytes(self._head)
        possible = _SHOWN if self.named is None else (self.named,)
        self._judged = next((name for name in possible if MEDIA[name].begins(head)), None)
        if self._judged is None:
            raise self._forged()
        self._read(head)

    def _read(self, piece: bytes) -> None:
        if MEDIA[self._judged or ""].text:
            self._decoded(piece)

    def _decoded(self, piece: bytes, *, final: bool = False) -> None:
        try:
            text = self._decoder.decode(piece, final)
        except UnicodeDecodeError:
            raise self._forged() from None
        if _CONTROL.search(text):
            raise self._forged()
        self._first = self._first or text.lstrip(_SPACE)[:1]
        self._last = text.rstrip(_SPACE)[-1:] or self._last

    def _forged(self) -> ForgedError:
        return ForgedError(f"The file is not {self.named}" if self.named else "The file is of no type that is taken")
