"""`tracer setup-link`: beside a running Tracer, a link that makes an owner; never a database of its own making."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import select

from cli.environment import SettingsError
from cli.main import tracer
from model.settings import Settings
from store.bootstrap import bootstrap
from store.invitations import invitation_of
from store.keyring import Keyring
from store.organizations import get_organization
from store.people_tables import Membership
from store.sessions import EVERY_ORGANIZATION, Database
from tests.store.conftest import SECRET_KEYS


@pytest.fixture
def running(database_url: str, monkeypatch: pytest.MonkeyPatch) -> Database:
    """The store of a Tracer that was started, and its settings in the environment."""
    monkeypatch.setenv("TRACER_DATABASE_URL", database_url.replace("+psycopg", ""))
    monkeypatch.setenv("TRACER_SECRET_KEYS", SECRET_KEYS)
    monkeypatch.setenv("TRACER_PUBLIC_URL", "https://tracer.example/")
    database = Database(database_url)
    settings = Settings(secret_keys=SECRET_KEYS, api_key="a-key-of-my-own-choosing-1")
    bootstrap(database, Keyring.load(settings, database), settings)
    return database


def typed(*words: str) -> Result:
    return CliRunner().invoke(tracer, ["setup-link", *words])


def test_it_prints_a_link_for_an_owner_and_ends_the_one_before(running: Database) -> None:
    links = []
    for _ in range(2):
        result = typed()
        assert result.exit_code == 0, result.output
        links += [line.strip() for line in result.output.splitlines() if "https://tracer.example/setup/" in line]
    keyring = Keyring.load(Settings(secret_keys=SECRET_KEYS), running)
    with running.read(EVERY_ORGANIZATION) as session:
        now_ms = running.now_ms(session)
        first, second = (invitation_of(session, keyring, link.rpartition("/")[2], now_ms) for link in links)
    running.close()
    assert first is None
    assert second is not None
    assert second.role == "owner"


def test_it_makes_another_organization_apart_from_the_first(running: Database) -> None:
    result = typed("--new", "Team Search")
    assert result.exit_code == 0, result.output
    assert "an owner of 'Team Search'" in result.output
    with running.read(EVERY_ORGANIZATION) as session:
        waiting = session.scalars(select(Membership).where(Membership.status == "invited")).one()
        organization = get_organization(session, waiting.organization_id)
    running.close()
    assert organization is not None
    assert organization.name == "Team Search"


@pytest.mark.parametrize("store", ["sqlite"], indirect=True)
def test_where_no_tracer_was_started_it_makes_nothing(
    store: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TRACER_DATABASE_URL", raising=False)
    result = typed("--data-dir", str(tmp_path / "none"))
    assert isinstance(result.exception, SettingsError)
    assert "start it once" in str(result.exception)
    assert not (tmp_path / "none").exists()


def test_a_database_of_another_version_is_left_alone(
    make_empty_database: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = make_empty_database()  # type: ignore[operator]
    opened = Database(url)
    with opened.engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE x (y INTEGER)")
    opened.close()
    monkeypatch.setenv("TRACER_DATABASE_URL", url.replace("+psycopg", ""))
    result = typed()
    assert isinstance(result.exception, SettingsError)
    assert "another version" in str(result.exception)
