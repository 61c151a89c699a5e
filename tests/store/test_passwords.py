"""Passwords are hashed so that nobody reads them, and nobody learns from an answer who has one."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from argon2 import PasswordHasher

from store import passwords
from store.passwords import BusyError, hash_password, verify_password
from tests.quick_passwords import AS_SERVED
from tests.store.people import PASSWORD, hashed_once


@pytest.fixture(autouse=True)
def _as_served(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """With all the effort that a guess is to cost."""
    with monkeypatch.context() as patched:
        patched.setattr(passwords, "_hasher", AS_SERVED)
        _forget()
        yield
    _forget()


def _forget() -> None:
    hashed_once.cache_clear()
    passwords._of_nobody.cache_clear()


def test_a_hash_is_argon2id_and_opens_by_its_password_alone() -> None:
    stored = hashed_once()
    assert stored.startswith("$argon2id$")
    assert AS_SERVED.memory_cost >= 64 * 1024, "so much memory for each guess"
    assert PASSWORD not in stored
    assert verify_password(stored, PASSWORD).right
    for other in ("", PASSWORD[:-1], PASSWORD + " ", PASSWORD.upper()):
        assert not verify_password(stored, other).right
    assert hash_password(PASSWORD) != stored, "each hash has a salt of its own"


def test_how_a_keyboard_composes_a_letter_makes_no_difference() -> None:
    assert verify_password(hash_password("caf\u00e9 and cake"), "cafe\u0301 and cake").right


def test_nobody_s_password_is_looked_at_as_long_and_never_right(monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[str] = []
    hasher = passwords._hasher

    class Counting:
        def verify(self, stored: str, password: str) -> bool:
            looked.append(stored.rpartition("$")[0].rpartition("$")[0])
            return hasher.verify(stored, password)

        def __getattr__(self, name: str) -> Any:
            return getattr(hasher, name)

    monkeypatch.setattr(passwords, "_hasher", Counting())
    assert not verify_password(None, PASSWORD).right
    assert not verify_password(hashed_once(), "something else").right
    assert looked[0] == looked[1], "one look each, at the same cost"


def test_what_is_stored_and_is_no_hash_opens_nothing() -> None:
    for stored in ("", "x", PASSWORD, "$argon2id$v=19$m=65536,t=3,p=4$"):
        assert not verify_password(stored or "-", PASSWORD).right


def test_a_hash_of_other_defaults_is_to_be_made_anew() -> None:
    weak = PasswordHasher(time_cost=1, memory_cost=8 * 1024, parallelism=1).hash(PASSWORD)
    assert verify_password(weak, PASSWORD) == passwords.Verdict(right=True, outdated=True)
    assert not verify_password(hashed_once(), PASSWORD).outdated


def test_who_would_wait_behind_too_many_is_told_so_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "_PATIENCE_S", 1_000)
    monkeypatch.setattr(passwords, "_turns", threading.BoundedSemaphore(1))
    monkeypatch.setattr(passwords, "_room", threading.BoundedSemaphore(1))
    with passwords._Turn(), pytest.raises(BusyError):
        verify_password(None, "x")
    assert verify_password(hashed_once(), PASSWORD).right


def test_who_finds_all_turns_taken_is_told_to_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "_PATIENCE_S", 0.01)
    monkeypatch.setattr(passwords, "_turns", threading.BoundedSemaphore(1))
    with passwords._Turn(), pytest.raises(BusyError):
        verify_password(None, "x")
    assert verify_password(hashed_once(), PASSWORD).right
