"""What a person wants to know of a peer's certificate, from its DER form."""

from __future__ import annotations

from functools import lru_cache

from cryptography import x509

from probes.http.certificates import CertificateFacts

_MAX_NAMES = 100
_MAX_TEXT = 1_000


@lru_cache(maxsize=1_024)
def facts_of_der(der: bytes) -> CertificateFacts | None:
    """The same certificate comes back with every check of its host: it is read once. None when it can't be read."""
    try:
        certificate = x509.load_der_x509_certificate(der)
        return CertificateFacts(
            subject=certificate.subject.rfc4514_string()[:_MAX_TEXT],
            issuer=certificate.issuer.rfc4514_string()[:_MAX_TEXT],
            serial=f"{certificate.serial_number:x}",
            names=_names(certificate),
            not_before=certificate.not_valid_before_utc.timestamp(),
            not_after=certificate.not_valid_after_utc.timestamp(),
        )
    except (ValueError, OverflowError):
        return None


def _names(certificate: x509.Certificate) -> tuple[str, ...]:
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, x509.DuplicateExtension):
        return ()
    return tuple(str(name.value)[:_MAX_TEXT] for name in found if isinstance(name, (x509.DNSName, x509.IPAddress)))[
        :_MAX_NAMES
    ]
