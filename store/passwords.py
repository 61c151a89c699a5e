"""Passwords: argon2id with the library's defaults, two at a time, and as long for an email that nobody has."""

from __future__ import annotations

import functools
import secrets
import threading
from dataclasses import dataclass

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from model.people import normal

_hasher = PasswordHasher()
_AT_ONCE, _WAITING = 2, 2
"""Each takes 64 MiB and two cores' attention, and one that waits takes a thread: guesses must cost neither the memory
nor the threads of others. The API has eight threads for requests that change something (api/server.py)."""
_PATIENCE_S = 3.0
_turns = threading.BoundedSemaphore(_AT_ONCE)
_room = threading.BoundedSemaphore(_AT_ONCE + _WAITING)


class BusyError(RuntimeError):
    """So many passwords are being looked at that this one has to be sent again."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """`outdated`: right, but hashed with what were the defaults once; the hash is to be made anew."""

    right: bool
    outdated: bool = False


def hash_password(password: str) -> str:
    """What is stored of it. BusyError."""
    with _Turn():
        return _hasher.hash(normal(password))


def verify_password(stored: str | None, password: str) -> Verdict:
    """Whether it is the one; `stored` None: of nobody, which takes as long and is never right. BusyError.

    Call it outside a transaction: it takes as long as a hundred queries."""
    with _Turn():
        nobody = _of_nobody()  # made before the first look, so that no answer is later than others for it
        try:
            _hasher.verify(stored or nobody, normal(password))
        except (VerificationError, InvalidHashError):
            return Verdict(right=False)
        return Verdict(right=stored is not None, outdated=_hasher.check_needs_rehash(stored or nobody))


@functools.cache
def _of_nobody() -> str:
    return _hasher.hash(secrets.token_urlsafe(32))


class _Turn:
    """One of the turns there are. BusyError when too many wait, or one has waited too long."""

    def __enter__(self) -> None:
        if not _room.acquire(blocking=False):
            raise BusyError
        if not _turns.acquire(timeout=_PATIENCE_S):
            _room.release()
            raise BusyError

    def __exit__(self, *_: object) -> None:
        _turns.release()
        _room.release()
