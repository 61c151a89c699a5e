"""What a file is goes by its bytes, however they are cut into pieces; what it is called only says what to expect."""

from __future__ import annotations

import json
import re
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telemetry.agents.media import MEDIA, ForgedError, Looking, medium_named

SHOWN = {
    "image/png": b"\x89PNG\r\n\x1a\n" + b"\x00" * 40,
    "image/jpeg": b"\xff\xd8\xff\xe0" + b"\x00" * 40,
    "image/webp": b"RIFF\x24\x00\x00\x00WEBPVP8 " + b"\x00" * 40,
    "application/zip": b"PK\x03\x04" + b"\x00" * 40,
    "video/webm": b"\x1a\x45\xdf\xa3\x9f\x42\x86\x81\x01\x42\x82\x84webm" + b"\x00" * 40,
    "application/har+json": b'{"log": {"version": "1.2", "entries": []}}',
    "application/json": b' [{"a": "\xc3\xbc"}]\n',
    "text/plain": "größe \x1b[31mrot\n".encode(),
}
FORGED = [
    ("image/png", b"<html><script>alert(1)</script>"),
    ("image/png", SHOWN["image/jpeg"]),
    ("image/jpeg", SHOWN["image/png"]),
    ("image/webp", b"RIFF\x24\x00\x00\x00WAVEfmt "),
    ("application/zip", b"MZ\x90\x00"),
    ("video/webm", b"\x1a\x45\xdf\xa3matroska"),
    ("application/har+json", b'{"entries": []}'),
    ("application/json", b"<html>"),
    ("application/json", b'{"a": 1'),
    ("application/json", b'{"a": "\xff"}'),
    ("application/json", b""),
    ("text/plain", SHOWN["image/png"]),
    ("text/plain", b"\x7fELF\x02\x01\x01\x00"),
    ("text/plain", "cut off ü".encode()[:-1]),
    ("image/png", b""),
]


def looked(named: str | None, *pieces: bytes) -> str:
    looking = Looking(named)
    for piece in pieces:
        looking.take(piece)
    return looking.finish()


def test_every_type_is_known_by_what_it_holds() -> None:
    assert set(SHOWN) == set(MEDIA)
    for name, content in SHOWN.items():
        assert looked(name, content) == name
        assert looked(None, content) == ("text/plain" if name == "application/json" else name)


@pytest.mark.parametrize(("name", "content"), FORGED)
def test_a_forged_type_is_found(name: str, content: bytes) -> None:
    with pytest.raises(ForgedError, match=re.escape(name)):
        looked(name, content)


def test_it_is_found_at_the_beginning_not_at_the_end() -> None:
    looking = Looking("image/png")
    with pytest.raises(ForgedError):
        looking.take(b"<html>" + b" " * 5_000)


@given(st.sampled_from(sorted(SHOWN)), st.lists(st.integers(1, 20_000), max_size=5), st.binary(max_size=9_000))
def test_how_it_is_cut_into_pieces_makes_no_difference(name: str, cuts: list[int], more: bytes) -> None:
    content = SHOWN[name] + more
    places = sorted({0, len(content), *(cut for cut in cuts if cut < len(content))})
    pieces = [content[begin:end] for begin, end in pairwise(places)]
    whole = _outcome(name, content)
    assert _outcome(name, *pieces) == whole


values = st.none() | st.booleans() | st.floats() | st.text(max_size=9)


@given(values | st.lists(values, max_size=3) | st.dictionaries(st.text(max_size=9), values, max_size=3))
def test_whatever_is_json_may_be_called_so(value: object) -> None:
    try:
        content = json.dumps(value, allow_nan=False, ensure_ascii=False).encode()
    except ValueError:
        return
    assert looked("application/json", content) == "application/json"


def _outcome(name: str, *pieces: bytes) -> str:
    try:
        return looked(name, *pieces)
    except ForgedError as error:
        return str(error)


@pytest.mark.parametrize(
    ("header", "filename", "named"),
    [
        ("image/png", "x.json", "image/png"),
        ("IMAGE/JPG; q=1", "", "image/jpeg"),
        ("", "run.har", "application/har+json"),
        ("application/octet-stream", "a/b.JSON", "application/json"),
        ("", "blob", None),
        ("text/plain;charset=utf-8", "", "text/plain"),
    ],
)
def test_the_header_names_the_type_and_else_the_name_does(header: str, filename: str, named: str | None) -> None:
    assert medium_named(header, filename) == named


@pytest.mark.parametrize("header", ["text/html", "image/svg+xml", "application/x-sh", "x" * 500])
def test_other_types_are_not_taken(header: str) -> None:
    with pytest.raises(ForgedError, match="not taken"):
        medium_named(header)
