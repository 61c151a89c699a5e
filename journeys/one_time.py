"""One-time codes by time (RFC 6238), from the seed that services show as base32 or behind a QR code. Pure."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

from cryptography.hazmat.primitives.hashes import SHA1, SHA256, SHA512
from cryptography.hazmat.primitives.twofactor.totp import TOTP

_HASHES: dict[str, type[SHA1 | SHA256 | SHA512]] = {"SHA1": SHA1, "SHA256": SHA256, "SHA512": SHA512}


@dataclass(frozen=True, slots=True)
class Seed:
    """`period_s`: how long a code lives."""

    key: bytes
    digits: int = 6
    period_s: int = 30
    algorithm: str = "SHA1"

    def code_at(self, now_s: float) -> str:
        """The code at an instant of Unix time."""
        # Services hand out keys shorter than the library likes; whether that is wise is for them to know.
        made = TOTP(self.key, self.digits, _HASHES[self.algorithm](), self.period_s, enforce_key_length=False)
        return made.generate(int(now_s)).decode()


def parse_seed(text: str) -> Seed:
    """A seed as people copy it: base32 with or without spaces, or `otpauth://totp/…`. Raises ValueError."""
    if not text.lower().startswith("otpauth:"):
        return Seed(_key(text))
    parts = urlsplit(text)
    if parts.netloc.lower() != "totp":
        raise ValueError("must be an otpauth://totp/… URL: codes that count uses can't be made by a monitor")
    given = {name: values[0] for name, values in parse_qs(parts.query).items()}
    algorithm = given.get("algorithm", "SHA1").upper()
    if algorithm not in _HASHES:
        raise ValueError("names an algorithm other than SHA1, SHA256 and SHA512")
    digits, period = given.get("digits", "6"), given.get("period", "30")
    if digits not in ("6", "7", "8") or not period.isascii() or not period.isdigit() or not 0 < int(period) <= 3600:
        raise ValueError("must have 6 to 8 digits and a period of 1 to 3600 seconds")
    return Seed(_key(given.get("secret", "")), int(digits), int(period), algorithm)


def is_seed(text: str) -> str:
    """The text itself, if it is a seed. Raises ValueError."""
    parse_seed(text)
    return text


def _key(text: str) -> bytes:
    bare = "".join(text.split()).replace("-", "").rstrip("=").upper()
    try:
        key = base64.b32decode(bare + "=" * (-len(bare) % 8))
    except (binascii.Error, ValueError):
        raise ValueError("is not base32 (letters A to Z and digits 2 to 7)") from None
    if not key:
        raise ValueError("holds no secret")
    return key
