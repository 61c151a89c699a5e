"""A change of keys: everything moves under the new one, and only then may the old one go."""

from __future__ import annotations

import threading
from collections.abc import Callable
from itertools import permutations
from pathlib import Path

import pytest
from sqlalchemy import select

from journeys.definition import JourneyCheck
from model.protocol import RunOverrides
from model.settings import Settings
from store.alert_channels import channel_secrets, create_channel
from store.alert_tables import AlertChannel
from store.batches import Wanted, add_batch, lock_journeys_with_tag, overrides_of
from store.check_secrets import secrets_of
from store.checks import create_check, get_check
from store.heartbeat_rows import ping_tokens
from store.key_material import KeyringError, parse_keys, read_key_file
from store.keyring import Cell, Keyring, UndecryptableError
from store.rotation import BATCH, SECRETS, Rotation, begin, retire
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


def test_an_interrupted_rotation_goes_on_where_it_was(
    database: Database, keyring: Keyring, filled: tuple[list[str], str]
) -> None:
    both = loaded(database, f"{NEW},{SECRET_KEYS}")
    assert Rotation(database, both).left() == CHECKS + 1
    assert Rotation(database, both).step() == BATCH
    again = Rotation(database, loaded(database, f"{NEW},{SECRET_KEYS}"))
    assert again.left() == CHECKS + 1 - BATCH
    assert [again.step(), again.step(), again.step()] == [CHECKS - BATCH, 1, 0]
    assert again.left() == 0


def blobs_of(database: Database) -> dict[Cell, bytes]:
    """Every secret there is, by its home."""
    with database.read(EVERY_ORGANIZATION) as session:
        return {
            cell(row): getattr(row, blob.key)
            for table, blob, _, cell in SECRETS
            for row in session.scalars(select(table).where(blob.is_not(None)))
        }


def test_nothing_swapped_between_rows_columns_or_organizations_is_accepted(
    database: Database, keyring: Keyring, organization: str, make_organization: Callable[[str], str]
) -> None:
    for owner in (organization, make_organization("Other")):
        _fill_the_rest(database, keyring, owner)
        with database.write(owner, Urgency.PEOPLE) as session:
            for _ in range(3):
                create_check(session, keyring, owner, web_check(headers={"X-Token": "s"}), 1)
                create_check(session, keyring, owner, heartbeat_check(), 1)
    blobs = blobs_of(database)
    assert len(blobs) == 2 * (3 + 6)
    accepted = tried = 0
    for home, other in permutations(blobs, 2):
        moved = [other._replace(**{name: getattr(home, name)}) for name in Cell._fields]
        for cell in {other, *moved} - {home}:
            tried += 1
            try:
                keyring.decrypt(blobs[home], cell)
            except UndecryptableError:
                continue
            accepted += 1
    assert (accepted, tried > 1_000) == (0, True)
    assert all(keyring.decrypt(blob, home) for home, blob in blobs.items())


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    path = tmp_path / "keys"
    path.write_text(SECRET_KEYS + "\n")
    path.chmod(0o600)
    return path


def test_what_runs_beside_a_rotation_reads_and_writes_all_along(
    database: Database, keyring: Keyring, organization: str, filled: tuple[list[str], str], key_file: Path
) -> None:
    """Another process of the same file, which is told nothing."""
    before = blobs_of(database)
    server = loaded(database, str(key_file))
    ids, _ = filled
    done = threading.Event()
    reads: list[int] = []
    written: list[str] = []
    failed: list[Exception] = []

    def live() -> None:
        try:
            while not done.is_set() or not reads:
                with database.read(EVERY_ORGANIZATION) as session:
                    checks = [get_check(session, check_id) for check_id in ids]
                    found = [secrets_of(server, check) for check in checks if check is not None]
                reads.append(sum(secrets == {"headers.X-Token": f"secret {n}"} for n, secrets in enumerate(found)))
                with database.write(organization, Urgency.PEOPLE) as session:
                    check = create_check(session, server, organization, web_check(headers={"X-Token": "new"}), 1)
                    written.append(check.id)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is told
            failed.append(error)

    thread = threading.Thread(target=live)
    thread.start()
    assert begin(key_file)
    assert not begin(key_file), "it is on its way"
    rotation = Rotation(database, loaded(database, str(key_file)))
    while rotation.step():
        continue
    done.set()
    thread.join()
    while rotation.step():
        continue
    assert retire(key_file) == ["k1"]
    assert retire(key_file) == []
    assert failed == []
    assert set(reads) == {CHECKS}
    assert list(read_key_file(key_file) or ()) == ["k2"]
    assert server.older_keys == ()
    for home, blob in before.items():
        with pytest.raises(UndecryptableError):
            server.decrypt(blob, home)
    new = loaded(database, str(key_file))
    for home, blob in blobs_of(database).items():
        assert new.decrypt(blob, home)
    assert written
    with pytest.raises(KeyringError):
        loaded(database, SECRET_KEYS)
    old = Keyring(parse_keys(SECRET_KEYS, "test"))
    for home, blob in blobs_of(database).items():
        with pytest.raises(UndecryptableError):
            old.decrypt(blob, home)


def test_a_keyring_file_that_can_not_be_read_for_a_moment_changes_nothing(
    database: Database, keyring: Keyring, key_file: Path
) -> None:
    server = loaded(database, str(key_file))
    cell = Cell("org", "checks", "mon", "secrets")
    blob = server.encrypt("token", cell)
    key_file.write_text("not a key at all")
    assert server.decrypt(blob, cell) == b"token"
    key_file.unlink()
    assert server.decrypt(blob, cell) == b"token"


def test_a_named_file_that_is_not_there_is_said(database: Database, keyring: Keyring, tmp_path: Path) -> None:
    with pytest.raises(KeyringError, match="there is no file"):
        loaded(database, str(tmp_path / "nothing"))
