"""What a target answered, in the form assertions look at. Fields a check type has no use for stay at their default."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import msgspec

from model.matching.json_text import NotJsonError, decode_json


class Document(msgspec.Struct, frozen=True):
    """A body read as JSON: its value, or why it has none (a sentence's end)."""

    value: Any = None
    problem: str | None = None


class Answer(msgspec.Struct, frozen=True, dict=True):
    """`headers` in order of arrival, names as sent; `body` is decoded and capped; `certificate_days` to expiry,
    fractional; `records` as in a zone file (CONTRACT, assertion `record`); `response` is what a tcp peer sent."""

    duration_ms: float = 0.0
    status_code: int | None = None
    http_version: str | None = None
    headers: tuple[tuple[str, str], ...] = ()
    body: str | None = None
    redirects: int | None = None
    certificate_days: float | None = None
    records: tuple[str, ...] | None = None
    ttl: int | None = None
    response: str | None = None

    @cached_property
    def document(self) -> Document:
        """The body as JSON, read once however many assertions ask."""
        if self.body is None:
            return Document(problem="was not read")
        try:
            return Document(decode_json(self.body))
        except NotJsonError as error:
            return Document(problem=str(error))
