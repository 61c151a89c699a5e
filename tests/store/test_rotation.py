"""A change of keys: everything moves under the new one, and only then may the old one go."""

from __future__ import annotations

import pytest

from journeys.definition import JourneyCheck
from model.protocol import RunOverrides
from model.settings import Settings
from store.alert_channels import channel_secrets, create_channel
from store.alert_tables import AlertChannel
from store.batches import Wanted, add_batch, lock_journeys_with_tag, overrides_of
from store.check_secrets import secrets_of
from store.checks import create_check, get_check
from store.heartbeat_rows import ping_tokens
from store.key_material import KeyringError
from store.keyring import Keyring
from store.rotation import BATCH, Rotation
from store.sessions import EVERY_ORGANIZATION, Database
from store.variables import add_variable, variables_of
from store.write_lock import Urgency
from tests.store.conftest import SECRET_KEYS, heartbeat_check, web_check

NEW = "k2:YWJjZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXphYmNkZWY="
CHECKS = BATCH + 5
GOTO = {"type": "goto", "url": "https://example.com"}


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
    database: Database, keyring: Keyring, organization: str, filled: tuple[list[str], str]
) -> None:
    ids, heartbeat_id = filled
    with database.read(EVERY_ORGANIZATION) as session:
        token = ping_tokens(session, keyring, [heartbeat_id])
    run_id, channel_id = _fill_the_rest(database, keyring, organization)
    both = loaded(database, f"{NEW},{SECRET_KEYS}")
    rotation = Rotation(database, both)
    steps = 0
    while rotation.step():
        steps += 1
        with pytest.raises(KeyringError):
            loaded(database, NEW)
    assert steps == 6
    new = loaded(database, NEW)
    assert new.hash_key("k") == keyring.hash_key("k")
    with database.read(EVERY_ORGANIZATION) as session:
        for number, check_id in enumerate(ids):
            check = get_check(session, check_id)
            assert check is not None
            assert secrets_of(new, check) == {"headers.X-Token": f"secret {number}"}
        assert ping_tokens(session, new, [heartbeat_id]) == token
        assert variables_of(session, new, organization, ["NAME"]) == {"NAME": "shared"}
        assert overrides_of(session, new, [run_id])[run_id].variables == {"NAME": "asked"}
        assert channel_secrets(new, session.get_one(AlertChannel, channel_id)) == {"url": "https://e.com/secret"}


def _fill_the_rest(database: Database, keyring: Keyring, organization: str) -> tuple[str, str]:
    """A variable, a batch with overrides, a channel: (run id, channel id)."""
    journey = JourneyCheck.model_validate({"name": "j", "locations": ["eu"], "steps": [GOTO], "tags": ["smoke"]})
    wanted = Wanted(organization, "smoke", {}, "CI", RunOverrides({"NAME": "asked"}))
    with database.write(EVERY_ORGANIZATION, Urgency.PEOPLE) as session:
        add_variable(session, keyring, organization, ("NAME", "shared"), 1)
        create_check(session, keyring, organization, journey, 1)
        _, [run] = add_batch(session, keyring, lock_journeys_with_tag(session, organization, "smoke"), wanted, 1)
        channel = create_channel(
            session, keyring, organization, channel_type="webhook", name="c", config={"url": "https://e.com/secret"},
            secret_fields=["url"], signing_secret=None, now_ms=1,
        )  # fmt: skip
        return run.run_id, channel.id


def test_with_one_key_there_is_nothing_to_do(
    database: Database, keyring: Keyring, filled: tuple[list[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "read", None)
    assert not Rotation(database, keyring).step()
