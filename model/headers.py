"""The request headers a person may set: nothing that could end a line, frame a message or name another host (T5)."""

from __future__ import annotations

import re
from collections.abc import Container
from typing import Annotated

from pydantic import AfterValidator, Field

from model.validation import FieldsError, shown_part

MAX_HEADERS = 100
MAX_VALUE = 8_192
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,200}")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f\ud800-\udfff]")
_FRAMING = frozenset(
    {
        "host", "content-length", "transfer-encoding", "connection", "keep-alive", "upgrade", "te", "trailer", "expect",
        "http2-settings", "x-tracer-run",
    }
)  # fmt: skip


def _checked_headers(headers: dict[str, str]) -> dict[str, str]:
    seen: set[str] = set()
    wrong: dict[str, str] = {}
    for name, value in headers.items():
        said = _mistake(name, value, seen)
        if said is not None:
            wrong[shown_part(name)] = said
        seen.add(name.lower())
    if wrong:
        raise FieldsError(wrong)
    return headers


def _mistake(name: str, value: str, seen: Container[str]) -> str | None:
    """What is wrong with a header, as a sentence that begins with it."""
    lower = name.lower()
    if not _TOKEN.fullmatch(name):
        return "is not a header name: letters, digits and !#$%&'*+-.^_`|~ only"
    if lower in _FRAMING or lower.startswith("proxy-"):
        return "is set by Tracer itself and can't be given"
    if lower in seen:
        return "is given twice"
    if _CONTROL.search(value):
        return "must not contain line ends or other control characters"
    if len(value) > MAX_VALUE:
        return f"is longer than {MAX_VALUE} characters"
    return None


Headers = Annotated[dict[str, str], Field(max_length=MAX_HEADERS), AfterValidator(_checked_headers)]
