"""What a target answered, in the form assertions look at. Fields a check type has no use for stay at their default."""

from __future__ import annotations

import msgspec


class Answer(msgspec.Struct, frozen=True):
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
