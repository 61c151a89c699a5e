"""What a person wants to know of a server's certificate, read in one way whoever shook hands: names as in RFC 4514."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache
from typing import NamedTuple, TypeVar

from cryptography import x509
from cryptography.x509 import Certificate, ExtensionNotFound, SubjectAlternativeName

Field = TypeVar("Field")

DAY_S = 86_400
_MAX_NAMES = 100
_MAX_TEXT = 1_000


class CertificateFacts(NamedTuple):
    """Of the server's own certificate. `subject`, `issuer`: RFC 4514, empty where they can't be read; `serial`: hex;
    instants in s since the epoch, None where there is no such date."""

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


def facts_of_chain(chain: list[tuple[tuple[str, str], ...]]) -> CertificateFacts | None:
    """The facts of the first certificate of a chain as libcurl lists it; None without one, or when it can't be read."""
    pem = dict(chain[0]).get("Cert") if chain else None
    return None if pem is None else _facts(pem.encode(), x509.load_pem_x509_certificate)


def facts_of_der(der: bytes) -> CertificateFacts | None:
    """The facts of one certificate; None when it can't be read."""
    return _facts(der, x509.load_der_x509_certificate)


@lru_cache(maxsize=4_096)
def _facts(encoded: bytes, load: Callable[[bytes], Certificate]) -> CertificateFacts | None:
    """The same certificate comes back with every check of its host: it is read once. A field that breaks the rules
    costs that field alone: what matters most is when it expires."""
    try:
        certificate = load(encoded)
    except (ValueError, x509.InvalidVersion):
        return None
    return CertificateFacts(
        subject=_read(lambda: certificate.subject.rfc4514_string(), "")[:_MAX_TEXT],
        issuer=_read(lambda: certificate.issuer.rfc4514_string(), "")[:_MAX_TEXT],
        serial=f"{certificate.serial_number:x}"[:_MAX_TEXT],
        names=_read(lambda: _names(certificate), ()),
        not_before=_read(lambda: certificate.not_valid_before_utc.timestamp(), None),
        not_after=_read(lambda: certificate.not_valid_after_utc.timestamp(), None),
    )


def _read(read: Callable[[], Field], otherwise: Field) -> Field:
    try:
        return read()
    except (ValueError, OverflowError, ExtensionNotFound, x509.DuplicateExtension, x509.UnsupportedGeneralNameType):
        return otherwise


def _names(certificate: Certificate) -> tuple[str, ...]:
    found = certificate.extensions.get_extension_for_class(SubjectAlternativeName).value
    names = [str(name.value)[:_MAX_TEXT] for name in found if isinstance(name, (x509.DNSName, x509.IPAddress))]
    return tuple(names[:_MAX_NAMES])


def _iso(instant: float | None) -> str | None:
    return None if instant is None else datetime.fromtimestamp(instant, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
