"""Identifiers: a prefix that names the kind, then a part that sorts by time of making (runs of slots excepted)."""

from __future__ import annotations

import hashlib
import os
import re
import uuid

CROCKFORD = "0123456789abcdefghjkmnpqrstvwxyz"
_RUN_NAMESPACE = uuid.UUID("6d0c2f0e-7a43-4d0e-9a0e-5f9f1d2b7c11")
_UUID_5 = 0x5 << 76 | 0x2 << 62
_UUID_MASK = ~(0xF << 76 | 0x3 << 62)
_ID = re.compile(r"[a-z]{2,4}_[0-9a-z]{6,40}")


def new_id(prefix: str, now_ms: int) -> str:
    """`mon_` + 10 characters of time (ms) + 12 random ones, so that ids of one kind sort by age."""
    stamp = "".join(CROCKFORD[(now_ms >> shift) & 31] for shift in range(45, -1, -5))
    noise = int.from_bytes(os.urandom(8))
    return f"{prefix}_{stamp}" + "".join(CROCKFORD[(noise >> shift) & 31] for shift in range(55, -1, -5))


def run_id_by_hand() -> str:
    """Of a run that is stored nowhere: what HTTP targets read of it in X-Tracer-Run."""
    return f"run_byhand{os.urandom(8).hex()}"


def slot_run_id(check_id: str, location: str, due_ms: int) -> str:
    """The id of the run of one slot: a pure function, so that every process and every retry names it alike (R5)."""
    digest = hashlib.sha1(_RUN_NAMESPACE.bytes + f"{check_id}/{location}/{due_ms}".encode(), usedforsecurity=False)
    number = int.from_bytes(digest.digest()[:16])
    return f"run_{number & _UUID_MASK | _UUID_5:032x}"  # uuid.uuid5 by hand: it is made for every slot, twice as quick


def phase_ms(check_id: str, location: str, interval_ms: int) -> int:
    """Where in its interval a check is due at a location: spread evenly, and the same on every machine."""
    digest = hashlib.blake2b(f"{check_id}/{location}".encode(), digest_size=8).digest()
    return int.from_bytes(digest) % interval_ms


def shard_of(check_id: str, shards: int) -> int:
    """The scheduler shard a check belongs to."""
    return int.from_bytes(hashlib.blake2b(check_id.encode(), digest_size=4).digest()) % shards


def looks_like_id(text: str, prefix: str) -> bool:
    """Whether a text from outside could be an id of that kind; anything else is answered 404 without a query."""
    return text.startswith(prefix + "_") and _ID.fullmatch(text) is not None
