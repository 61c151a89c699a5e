"""A change of keys: everything moves under the new one, and only then may the old one go."""

from __future__ import annotations

import pytest

from model.settings import Settings
from store.check_secrets import secrets_of
from store.checks import create_check, get_check
from store.heartbeat_rows import ping_tokens
from store.key_material import KeyringError
from store.keyring import Keyring
from store.rotation import BATCH, Rotation
from store.sessions import EVERY_ORGANIZATION, Database
from store.write_lock import Urgency
from tests.store.conftest import SECRET_KEYS, heartbeat_check, web_check

NEW = "k2:YWJjZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXphYmNkZWY="
CHECKS = BATCH + 5


@pytest.fixture
def filled(database: Database, keyring: Keyring, organization: str) -> tuple[list[str], str]:
    """Checks with a secret each, and a heartbeat."""
    with database.write(organization, Urgency.PEOPLE) as session:
        ids = [
            create_check(session, keyring, organization, web_check(headers={"X-Token": f"secret {number}"}), 1).id
            for number in range(CHECKS)
        ]
        create_check(session, keyring, organization, web_check(), 1)
        return ids, create_check(session, keyring, organization, heartbeat_check(), 1).id


def loaded(database: Database, keys: str) -> Keyring:
    return Keyring.load(Settings(secret_keys=keys), database)


def test_the_old_key_may_go_when_all_has_moved_and_not_before(
    database: Database, keyring: Keyring, filled: tuple[list[str], str]
) -> None:
    ids, heartbeat_id = filled
    with database.read(EVERY_ORGANIZATION) as session:
        token = ping_tokens(session, keyring, [heartbeat_id])
    both = loaded(database, f"{NEW},{SECRET_KEYS}")
    rotation = Rotation(database, both)
    steps = 0
    while rotation.step():
        steps += 1
        with pytest.raises(KeyringError):
            loaded(database, NEW)
    assert steps == 3
    new = loaded(database, NEW)
    assert new.hash_key("k") == keyring.hash_key("k")
    with database.read(EVERY_ORGANIZATION) as session:
        for number, check_id in enumerate(ids):
            check = get_check(session, check_id)
            assert check is not None
            assert secrets_of(new, check) == {"headers.X-Token": f"secret {number}"}
        assert ping_tokens(session, new, [heartbeat_id]) == token


def test_with_one_key_there_is_nothing_to_do(
    database: Database, keyring: Keyring, filled: tuple[list[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "read", None)
    assert not Rotation(database, keyring).step()
