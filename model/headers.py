"""The request headers a person may set: nothing that could end a line, frame a message or name another host (T5)."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, Field

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
    for name, value in headers.items():
        lower = name.lower()
        if not _TOKEN.fullmatch(name):
            raise ValueError(f"{name[:60]!r} is not a header name: letters, digits and !#$%&'*+-.^_`|~ only")
        if lower in _FRAMING or lower.startswith("proxy-"):
            raise ValueError(f"{name} is set by Tracer itself and can't be given")
        if lower in seen:
            raise ValueError(f"{name} is given twice")
        if _CONTROL.search(value):
            raise ValueError(f"the value of {name} must not contain line ends or other control characters")
        if len(value) > MAX_VALUE:
            raise ValueError(f"the value of {name} is longer than {MAX_VALUE} characters")
        seen.add(lower)
    return headers


Headers = Annotated[dict[str, str], Field(max_length=MAX_HEADERS), AfterValidator(_checked_headers)]
