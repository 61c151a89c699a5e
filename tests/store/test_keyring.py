"""Secrets at rest: they open in their own cell, under their own key, and nowhere else."""

from __future__ import annotations

import base64
import stat
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some
from structlog.testing import capture_logs

from model.settings import Settings
from store.key_material import FILE_NAME, KeyringError
from store.keyring import Cell, Keyring, UndecryptableError
from store.sessions import EVERY_ORGANIZATION, Database
from store.tables import KeyringCheck
from store.write_lock import Urgency
from tests.store.conftest import SECRET_KEYS

KEYS = {"old": bytes(range(32)), "new": bytes(range(1, 33))}
CELL = Cell("org_1", "checks", "mon_1", "secrets")
OTHER_KEY = "k1:" + base64.b64encode(b"x" * 32).decode()


@given(secret=some.binary(max_size=300), bit=some.integers(min_value=0))
@settings(max_examples=500, deadline=None)
def test_a_blob_with_any_bit_flipped_never_decrypts(secret: bytes, bit: int) -> None:
    keyring = Keyring(KEYS)
    blob = bytearray(keyring.encrypt(secret, CELL))
    blob[(bit // 8) % len(blob)] ^= 1 << (bit % 8)
    with pytest.raises(UndecryptableError):
        keyring.decrypt(bytes(blob), CELL)


def test_every_single_bit_of_a_blob_counts() -> None:
    keyring = Keyring(KEYS)
    blob = keyring.encrypt("token", CELL)
    for bit in range(8 * len(blob)):
        flipped = bytearray(blob)
        flipped[bit // 8] ^= 1 << (bit % 8)
        with pytest.raises(UndecryptableError):
            keyring.decrypt(bytes(flipped), CELL)


_names = some.text(alphabet='ab",[]\x00', max_size=4)
_cells = some.builds(Cell, _names, _names, _names, _names)


@given(home=_cells, elsewhere=_cells, secret=some.text(alphabet="xyz", max_size=20))
@settings(max_examples=500, deadline=None)
def test_a_blob_decrypts_in_its_own_cell_only(home: Cell, elsewhere: Cell, secret: str) -> None:
    keyring = Keyring(KEYS)
    blob = keyring.encrypt(secret, home)
    assert keyring.decrypt(blob, home) == secret.encode()
    if elsewhere != home:
        with pytest.raises(UndecryptableError):
            keyring.decrypt(blob, elsewhere)


@given(blob=some.binary(max_size=80))
@settings(max_examples=500, deadline=None)
def test_what_was_never_encrypted_never_decrypts(blob: bytes) -> None:
    with pytest.raises(UndecryptableError):
        Keyring(KEYS).decrypt(blob, CELL)


def test_a_cut_blob_never_decrypts() -> None:
    keyring = Keyring(KEYS)
    blob = keyring.encrypt("token", CELL)
    for length in range(len(blob)):
        with pytest.raises(UndecryptableError):
            keyring.decrypt(blob[:length], CELL)


def test_the_first_key_encrypts_and_all_decrypt() -> None:
    before = Keyring({"old": KEYS["old"]})
    after = Keyring({"new": KEYS["new"], "old": KEYS["old"]})
    assert after.decrypt(before.encrypt("token", CELL), CELL) == b"token"
    with pytest.raises(UndecryptableError):
        before.decrypt(after.encrypt("token", CELL), CELL)


def test_an_error_says_which_secret_and_never_what_it_is() -> None:
    blob = Keyring(KEYS).encrypt("hunter2", CELL)
    with pytest.raises(UndecryptableError, match="checks mon_2") as caught:
        Keyring(KEYS).decrypt(blob, CELL._replace(row_id="mon_2"))
    assert "hunter2" not in str(caught.value)


def test_two_processes_hash_keys_alike(database: Database) -> None:
    one, other = (Keyring.load(Settings(secret_keys=SECRET_KEYS), database) for _ in range(2))
    assert one.hash_key("trk_x") == other.hash_key("trk_x") != one.hash_key("trk_y")
    assert len(one.hash_key("trk_x")) == 64


def test_two_installations_hash_keys_differently(make_database_url: object, database: Database) -> None:
    other = Database(make_database_url())  # type: ignore[operator]
    try:
        hashes = {Keyring.load(Settings(secret_keys=SECRET_KEYS), each).hash_key("k") for each in (database, other)}
    finally:
        other.close()
    assert len(hashes) == 2


def test_another_key_than_before_refuses_to_start_and_says_so(database: Database) -> None:
    Keyring.load(Settings(secret_keys=SECRET_KEYS), database)
    with pytest.raises(KeyringError, match=r"encrypted with another key\. Put the key back"):
        Keyring.load(Settings(secret_keys=OTHER_KEY), database)


def test_a_key_in_front_of_the_old_one_starts(database: Database) -> None:
    hashed = Keyring.load(Settings(secret_keys=SECRET_KEYS), database).hash_key("k")
    both = Settings(secret_keys=f"k2:{OTHER_KEY[3:]},{SECRET_KEYS}")
    assert Keyring.load(both, database).hash_key("k") == hashed


def test_a_pepper_that_was_tampered_with_refuses_to_start(database: Database) -> None:
    Keyring.load(Settings(secret_keys=SECRET_KEYS), database)
    with database.write(EVERY_ORGANIZATION, Urgency.PEOPLE) as session:
        check, pepper = session.get_one(KeyringCheck, "check"), session.get_one(KeyringCheck, "pepper")
        pepper.secret = check.secret
    with pytest.raises(KeyringError):
        Keyring.load(Settings(secret_keys=SECRET_KEYS), database)


@pytest.mark.parametrize("store", ["postgresql"], indirect=True)
def test_postgresql_without_keys_refuses_to_start_and_says_how_to_make_one(database: Database, tmp_path: Path) -> None:
    with pytest.raises(KeyringError, match=r"TRACER_SECRET_KEYS must be set.*openssl rand"):
        Keyring.load(Settings(data_dir=tmp_path), database)
    assert not (tmp_path / FILE_NAME).exists()


@pytest.mark.parametrize("store", ["sqlite"], indirect=True)
class TestTheFile:
    def test_is_made_at_first_start_for_its_owner_alone_and_kept(self, database: Database, tmp_path: Path) -> None:
        here = Settings(data_dir=tmp_path / "data")
        with capture_logs() as logs:
            hashed = Keyring.load(here, database).hash_key("k")
        assert logs == []  # nothing had to be narrowed
        path = here.data_dir / FILE_NAME
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert [entry.name for entry in here.data_dir.iterdir()] == [FILE_NAME]
        text = path.read_text()
        assert Keyring.load(here, database).hash_key("k") == hashed
        assert path.read_text() == text

    def test_that_is_gone_refuses_to_start_and_makes_no_new_one(self, database: Database, tmp_path: Path) -> None:
        here = Settings(data_dir=tmp_path)
        Keyring.load(here, database)
        (tmp_path / FILE_NAME).unlink()
        with pytest.raises(KeyringError, match=r"put secret\.keys back"):
            Keyring.load(here, database)
        assert not (tmp_path / FILE_NAME).exists()

    def test_open_to_others_is_closed_again(self, database: Database, tmp_path: Path) -> None:
        here = Settings(data_dir=tmp_path)
        Keyring.load(here, database)
        (tmp_path / FILE_NAME).chmod(0o644)
        Keyring.load(here, database)
        assert stat.S_IMODE((tmp_path / FILE_NAME).stat().st_mode) == 0o600

    def test_may_be_given_by_the_environment_instead(self, database: Database, tmp_path: Path) -> None:
        hashed = Keyring.load(Settings(data_dir=tmp_path), database).hash_key("k")
        moved = Settings(secret_keys=(tmp_path / FILE_NAME).read_text())
        assert Keyring.load(moved, database).hash_key("k") == hashed


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("k1", "entry 1 is not id:key"),
        ("k 1:AAAA", "entry 1 is not id:key"),
        (f"{SECRET_KEYS},k1:{OTHER_KEY[3:]}", "the id k1 stands there twice"),
        ("k1:AAAA", "has 3 bytes in place of 32"),
        ("k1:%%%%", "is not base64"),
        (" , ", "holds no key"),
    ],
)
@pytest.mark.parametrize("store", ["sqlite"], indirect=True)
def test_a_malformed_keyring_is_refused_with_a_sentence(database: Database, text: str, sentence: str) -> None:
    with pytest.raises(KeyringError, match=sentence) as caught:
        Keyring.load(Settings(secret_keys=text), database)
    assert OTHER_KEY[3:] not in str(caught.value)
