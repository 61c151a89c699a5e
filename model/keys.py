"""Keys as people paste them: a prefix that says what it opens, 160 random bits, and a checksum, as GitHub's tokens.

`trk_` + 32 characters + CRC-32 of all that in base 62, 6 characters. The checksum lets a secret scanner, and a person
with a typing error, tell a key from a lookalike without asking anybody. It is no defence: whether a key opens anything
is the store's to say. Keys that people chose, and those that were made before, have other shapes.
"""

from __future__ import annotations

import os
import re
import zlib
from string import ascii_lowercase, ascii_uppercase, digits

from model.ids import CROCKFORD

API_KEY = "trk"
PROBE_KEY = "tprb"
_NOISE_CHARACTERS = 32
_CHECK_CHARACTERS = 6
_HINT_CHARACTERS = 4
_BASE_62 = digits + ascii_uppercase + ascii_lowercase
_BODY = re.compile(r"[0-9A-Za-z]{38}", re.ASCII)


def new_key(prefix: str) -> str:
    """A fresh key, from the operating system's randomness."""
    noise = int.from_bytes(os.urandom(20))
    start = f"{prefix}_" + "".join(CROCKFORD[(noise >> shift) & 31] for shift in range(155, -1, -5))
    return start + _checksum(start)


def well_formed(key: str, prefix: str) -> bool:
    """Whether a text has a key's shape and its checksum is right."""
    return _has_shape(key, prefix) and key[-_CHECK_CHARACTERS:] == _checksum(key[:-_CHECK_CHARACTERS])


def mistyped(key: str, prefix: str) -> bool:
    """Whether a text has a key's shape and is none: somebody slipped, or guesses."""
    return _has_shape(key, prefix) and not well_formed(key, prefix)


def hint_of(key: str) -> str:
    """What a list shows of a key, so that people know which one it is: its prefix and its last four characters."""
    prefix, mark, _ = key.partition("_")
    return f"{prefix if mark and len(prefix) <= _HINT_CHARACTERS else ''}…{key[-_HINT_CHARACTERS:]}"


def _has_shape(key: str, prefix: str) -> bool:
    start = f"{prefix}_"
    return key.startswith(start) and _BODY.fullmatch(key, len(start)) is not None


def _checksum(start: str) -> str:
    number, said = zlib.crc32(start.encode()), ""
    for _ in range(_CHECK_CHARACTERS):
        number, place = divmod(number, len(_BASE_62))
        said = _BASE_62[place] + said
    return said
