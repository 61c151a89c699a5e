"""What a person wants to know of a server's certificate, from libcurl's list of its fields."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from functools import lru_cache
from typing import NamedTuple

DAY_S = 86_400
_MAX_NAMES = 100
_MAX_TEXT = 1_000


class CertificateFacts(NamedTuple):
    """Of the server's own certificate. Instants in s since the epoch, None where the text is no date."""

    subject: str
    issuer: str
    serial: str
    names: tuple[str, ...]
    not_before: float | None
    not_after: float | None

    def days_left(self) -> float | None:
        """Days from now, by this host's wall clock, until it expires; negative when it has."""
        return None if self.not_after is None else (self.not_after - time.time()) / DAY_S

    def shown(self) -> dict[str, object]:
        """The run's `response.certificate`."""
        days = self.days_left()
        return {
            "subject": self.subject,
            "issuer": self.issuer,
            "serial": self.serial,
            "san": list(self.names),
            "not_before": _iso(self.not_before),
            "not_after": _iso(self.not_after),
            "days_left": None if days is None else round(days, 2),
        }


def facts_of(chain: list[tuple[tuple[str, str], ...]]) -> CertificateFacts | None:
    """The facts of the first certificate of a chain as libcurl lists it; None without one."""
    return _facts(tuple(chain[0])) if chain else None


@lru_cache(maxsize=4_096)
def _facts(fields: tuple[tuple[str, str], ...]) -> CertificateFacts:
    """The same certificate comes back with every check of its host: it is read once."""
    known = dict(fields)
    names = [name.strip() for name in known.get("X509v3 Subject Alternative Name", "").split(",")]
    return CertificateFacts(
        subject=known.get("Subject", "")[:_MAX_TEXT],
        issuer=known.get("Issuer", "")[:_MAX_TEXT],
        serial=known.get("Serial Number", "")[:_MAX_TEXT],
        names=tuple(name.removeprefix("DNS:").removeprefix("IP Address:") for name in names if name)[:_MAX_NAMES],
        not_before=_instant(known.get("Start date", "")),
        not_after=_instant(known.get("Expire date", "")),
    )


def _instant(text: str) -> float | None:
    try:
        return datetime.strptime(text, "%b %d %H:%M:%S %Y GMT").replace(tzinfo=UTC).timestamp()
    except ValueError:
        return None


def _iso(instant: float | None) -> str | None:
    return None if instant is None else datetime.fromtimestamp(instant, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
