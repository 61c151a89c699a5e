"""Why a server's certificate is not trusted, for people: OpenSSL's reasons in plain words, and what it is."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime

from probes.certificates import CertificateFacts

_REASONS = (
    ("in certificate chain", "its chain ends in a self-signed certificate that is not among the trusted authorities"),
    ("self-signed certificate", "it is a self-signed certificate: no trusted authority vouches for it"),
    ("self signed certificate", "it is a self-signed certificate: no trusted authority vouches for it"),
    ("unable to get local issuer",
     "who issued it is not trusted, or the server does not send the intermediate certificates"),
    ("unable to verify the first", "the server does not send the intermediate certificates that lead to an authority"),
    ("has expired", "it has expired"),
    ("not yet valid", "it is not valid yet"),
    ("revoked", "it has been revoked"),
)  # fmt: skip
"""What OpenSSL's X509_verify_cert_error_string(3) says, and what it means."""
_OTHER_NAME = re.compile(
    r"no alternative certificate subject name|does not match target|(hostname|address) mismatch", re.I
)
_MOST_NAMES = 5


def untrusted(reason: str, host: str, facts: CertificateFacts | None) -> str:
    """`its certificate is not valid: it has expired; subject …`, as a sentence's end. `reason`: OpenSSL's or libcurl's
    words; `facts`: of the certificate, if it could be read."""
    meaning = f"it is not for {host}" if _OTHER_NAME.search(reason) else None
    meaning = meaning or next((words for found, words in _REASONS if found in reason), reason)
    told = "" if facts is None else "".join(f"; {line}" for line in _told(facts))
    return f"certificate is not valid: {meaning}{told}"


def _told(facts: CertificateFacts) -> Iterator[str]:
    if facts.subject == facts.issuer:
        yield f"subject and issuer {facts.subject or 'unnamed'}"
    else:
        yield f"subject {facts.subject or 'unnamed'}, issuer {facts.issuer or 'unnamed'}"
    if facts.names:
        more = len(facts.names) - _MOST_NAMES
        yield f"for {', '.join(facts.names[:_MOST_NAMES])}{f' and {more} more' if more > 0 else ''}"
    if facts.not_before is not None and facts.not_after is not None:
        yield f"valid from {_day(facts.not_before)} until {_day(facts.not_after)}"


def _day(instant: float) -> str:
    return datetime.fromtimestamp(instant, UTC).strftime("%Y-%m-%d")
