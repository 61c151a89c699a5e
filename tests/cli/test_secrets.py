"""`tracer secrets rotate`: beside a running Tracer, with its settings; interrupted, it goes on."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

import cli.secrets
from cli.environment import SettingsError
from cli.main import tracer
from model.settings import Settings
from store.bootstrap import bootstrap
from store.checks import create_check
from store.key_material import FILE_NAME, KeyringError, parse_keys, read_key_file
from store.keyring import Keyring
from store.organizations import first_organization
from store.rotation import BATCH, Rotation
from store.sessions import EVERY_ORGANIZATION, Database
from store.write_lock import Urgency
from tests.store.conftest import SECRET_KEYS, web_check

SECRETS = BATCH + 3


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    path = tmp_path / FILE_NAME
    path.write_text(SECRET_KEYS)
    path.chmod(0o600)
    return path


@pytest.fixture
def running(database_url: str, keys: Path, monkeypatch: pytest.MonkeyPatch) -> Database:
    """The store of a Tracer that was started, with secrets, and its settings in the environment."""
    monkeypatch.setattr(cli.secrets, "SETTLE_S", 0)
    monkeypatch.setattr(cli.secrets, "PAUSE_S", 0)
    monkeypatch.setenv("TRACER_DATABASE_URL", database_url.replace("+psycopg", ""))
    monkeypatch.setenv("TRACER_SECRET_KEYS", str(keys))
    database = Database(database_url)
    settings = Settings(secret_keys=SECRET_KEYS, api_key="a-key-of-my-own-choosing-1")
    keyring = Keyring.load(settings, database)
    bootstrap(database, keyring, settings)
    with database.write(EVERY_ORGANIZATION, Urgency.PEOPLE) as session:
        organization = first_organization(session)
        assert organization is not None
        for _ in range(SECRETS):
            create_check(session, keyring, organization.id, web_check(headers={"X-Token": "secret"}), 1)
    return database


def rotate() -> Result:
    return CliRunner().invoke(tracer, ["secrets", "rotate"])


def test_a_new_key_takes_over_and_the_old_one_is_retired(running: Database, keys: Path) -> None:
    server = Keyring.load(Settings(secret_keys=str(keys)), running)
    hashed = server.hash_key("k")
    for old, new in (("k1", "k2"), ("k2", "k3")):
        result = rotate()
        assert result.exit_code == 0, result.output
        assert f"{SECRETS} secrets to encrypt again" in result.output
        assert f"retired: {old}" in result.output
        assert list(read_key_file(keys) or ()) == [new]
    assert oct(keys.stat().st_mode)[-3:] == "600"
    after = Keyring.load(Settings(secret_keys=str(keys)), running)
    assert after.hash_key("k") == hashed, "API keys go on working"
    with pytest.raises(KeyringError):
        Keyring.load(Settings(secret_keys=SECRET_KEYS), running)
    running.close()


def test_interrupted_it_goes_on_when_it_is_run_again(
    running: Database, keys: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    step = Rotation.step
    calls: list[int] = []

    def stopped(self: Rotation) -> int:
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return step(self)

    monkeypatch.setattr(Rotation, "step", stopped)
    result = rotate()
    assert result.exit_code == 2
    assert "run it again" in result.output
    assert len(read_key_file(keys) or ()) == 2
    assert Keyring.load(Settings(secret_keys=str(keys)), running)
    result = rotate()
    assert result.exit_code == 0, result.output
    assert f"\n{SECRETS - BATCH} secrets to encrypt again" in result.output
    assert list(read_key_file(keys) or ()) == ["k2"]
    running.close()


def test_keys_of_the_environment_are_for_whoever_sets_it(running: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRACER_SECRET_KEYS", SECRET_KEYS)
    result = rotate()
    assert result.exit_code == 2
    [fresh] = [line.strip() for line in result.output.splitlines() if line.startswith("  k2:")]
    assert list(parse_keys(fresh, "test")) == ["k2"]
    monkeypatch.setenv("TRACER_SECRET_KEYS", f"{fresh},{SECRET_KEYS}")
    result = rotate()
    assert result.exit_code == 0, result.output
    assert "Take k1 out" in result.output
    assert Keyring.load(Settings(secret_keys=fresh), running)
    running.close()


def test_the_wrong_keyring_changes_nothing(running: Database, keys: Path) -> None:
    keys.write_text("k1:" + "A" * 43 + "=\n")
    before = keys.read_bytes()
    result = rotate()
    assert isinstance(result.exception, SettingsError)
    assert "nothing is lost" in str(result.exception)
    assert keys.read_bytes() == before
    running.close()


def test_two_rotations_at_once_are_one(running: Database, keys: Path) -> None:
    with cli.secrets._alone(keys):
        result = rotate()
    assert isinstance(result.exception, SettingsError)
    assert "running already" in str(result.exception)
    assert len(read_key_file(keys) or ()) == 1
    running.close()
