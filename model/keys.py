"""Keys as people paste them: a prefix that says what it opens, 160 random bits, and a checksum.

`trk_` + 32 characters + 7 of CRC-32. The checksum lets a secret scanner, and a person with a typing error, tell a key
from a lookalike without asking anybody. It is no defence: whether a key opens anything is the store's to say.
"""

from __future__ import annotations

import os
import zlib

from model.ids import CROCKFORD

API_KEY = "trk"
PROBE_KEY = "tprb"
_NOISE_CHARACTERS = 32
_CHECK_CHARACTERS = 7
_HINT_CHARACTERS = 4


def new_key(prefix: str) -> str:
    """A fresh key, from the operating system's randomness."""
    noise = _digits(int.from_bytes(os.urandom(20)), _NOISE_CHARACTERS)
    return f"{prefix}_{noise}{_checksum(prefix, noise)}"


def well_formed(key: str, prefix: str) -> bool:
    """Whether a text has a key's shape and its checksum is right."""
    start = f"{prefix}_"
    noise, checksum = key[len(start) : -_CHECK_CHARACTERS], key[-_CHECK_CHARACTERS:]
    return key.startswith(start) and len(noise) == _NOISE_CHARACTERS and checksum == _checksum(prefix, noise)


def hint_of(key: str) -> str:
    """What a list shows of a key, so that people know which one it is: its prefix and its last four characters."""
    prefix, mark, _ = key.partition("_")
    return f"{prefix if mark and len(prefix) <= _HINT_CHARACTERS else ''}…{key[-_HINT_CHARACTERS:]}"


def _checksum(prefix: str, noise: str) -> str:
    return _digits(zlib.crc32(f"{prefix}_{noise}".encode()), _CHECK_CHARACTERS)


def _digits(number: int, length: int) -> str:
    return "".join(CROCKFORD[(number >> shift) & 31] for shift in range(5 * (length - 1), -1, -5))
