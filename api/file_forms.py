"""A form (multipart/form-data) with one file, read as it arrives: the file goes on in pieces, the rest is short."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import IO

from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.http import parse_options_header
from werkzeug.sansio.multipart import Data, Epilogue, Event, Field, File, MultipartDecoder, NeedData

from api.errors import Malformed

FILE = "file"
_PIECE_BYTES = 64 << 10
_BUFFER_BYTES = 512 << 10
"""What may stand between two boundaries' signs: more is no form."""
_MOST_PARTS = 20
_MOST_TEXT = 1_000


@dataclass
class Sent:
    """What came with the file. `content_type`, `filename`: as the file's part says them."""

    fields: dict[str, str] = field(default_factory=dict)
    content_type: str = ""
    filename: str = ""


def read_form(stream: IO[bytes], content_type: str, begin: Callable[[Sent], Callable[[bytes], None]]) -> Sent:
    """Read all of it. `begin` is called when the file begins, and what it returns with each piece of it. Malformed."""
    sent, open_field, files = Sent(), "", 0
    take: Callable[[bytes], None] = _nothing
    for event in _events(stream, content_type):
        if isinstance(event, File):
            files += 1
            if event.name != FILE or files > 1:
                raise Malformed(f"The form (multipart/form-data) must have one file, named {FILE!r}")
            sent.content_type, sent.filename = event.headers.get("content-type", ""), event.filename
            take, open_field = begin(sent), ""
        elif isinstance(event, Field):
            open_field = str(event.name)[:_MOST_TEXT]
            sent.fields[open_field] = ""
        elif isinstance(event, Data) and open_field:
            sent.fields[open_field] += event.data.decode("utf-8", "replace")
            if len(sent.fields[open_field]) > _MOST_TEXT:
                raise Malformed(f"The field {open_field!r} of the form is longer than {_MOST_TEXT:,} characters")
        elif isinstance(event, Data) and event.data:
            take(event.data)
    if not files:
        raise Malformed(f"The form (multipart/form-data) lacks the file {FILE!r}")
    return sent


def _nothing(_piece: bytes) -> None:
    """Before any file."""


def _events(stream: IO[bytes], content_type: str) -> Iterator[Event]:
    _, options = parse_options_header(content_type)
    boundary = options.get("boundary", "")
    if not boundary or not boundary.isascii():
        raise Malformed("Content-Type must say the form's boundary")
    decoder = MultipartDecoder(boundary.encode(), _BUFFER_BYTES, max_parts=_MOST_PARTS)
    try:
        while True:
            piece = stream.read(_PIECE_BYTES)
            decoder.receive_data(piece or None)
            while not isinstance(event := decoder.next_event(), NeedData):
                yield event
                if isinstance(event, Epilogue):
                    return
    except RequestEntityTooLarge:
        raise Malformed("The body is no form (multipart/form-data) with a few short fields and one file") from None
    except (ValueError, AttributeError):
        raise Malformed("The body is not a whole form (multipart/form-data)") from None
