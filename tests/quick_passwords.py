"""Passwords of tests are hashed by the same function with the least of its effort: hundreds of tests sign people in,
and each time it would cost as much as the rest of the test. tests/store/test_passwords.py has it as it is served."""

from __future__ import annotations

from argon2 import PasswordHasher

from store import passwords

AS_SERVED = passwords._hasher


def hash_quickly() -> None:
    """From now on, in this process."""
    passwords._hasher = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
