"""`tracer audit verify` beside a server: on its database, by its keyring."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import text

from cli.main import tracer
from migrations.upgrade import upgrade
from model.settings import Settings
from store.bootstrap import bootstrap
from store.keyring import Keyring
from store.organizations import get_organization, update_organization
from store.sessions import Database
from store.write_lock import Urgency
from tests.store.auditing import events, tamper
from tests.store.conftest import SECRET_KEYS

OTHER_KEYS = "k1:YTEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="


@pytest.fixture
def served(database_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Database]:
    """A database that a server was started on, and the environment of that server."""
    settings = Settings(secret_keys=SECRET_KEYS, api_key="a-key-of-twenty-four-letters")
    database = Database(database_url)
    organization_id = bootstrap(database, Keyring.load(settings, database), settings).organization_id
    with database.write(organization_id, Urgency.PEOPLE) as session:
        row = get_organization(session, organization_id)
        assert row is not None
        update_organization(session, row, name="Shop", default_locations=[], now_ms=1)
    monkeypatch.setenv("TRACER_SECRET_KEYS", SECRET_KEYS)
    database.close()
    if database.sqlite:
        file = Path(database_url.removeprefix("sqlite:///"))
        file = file.rename(file.with_name("tracer.db"))
        monkeypatch.setenv("TRACER_DATA_DIR", str(file.parent))
        database_url = f"sqlite:///{file}"
    else:
        monkeypatch.setenv("TRACER_DATABASE_URL", database_url.replace("postgresql+psycopg://", "postgresql://"))
    opened = Database(database_url)
    yield opened
    opened.close()


def verify(*words: str) -> Result:
    return CliRunner().invoke(tracer, ["audit", "verify", *words])


def test_a_log_as_it_was_written(served: Database) -> None:
    result = verify()
    assert (result.exit_code, result.output.count("every one as it was written")) == (0, 1), result.output
    assert result.output.startswith("Shop (org_")
    assert ": 4 events since 20" in result.output


def test_a_log_that_somebody_edited_is_exit_code_1_with_the_place(served: Database) -> None:
    tamper(served, "UPDATE audit_events SET actor_name = 'Bob' WHERE number = 2")
    result = verify()
    assert result.exit_code == 1
    assert "something was done to them" in result.output
    assert "event 2 (aud_" in result.output
    [verdict] = json.loads(verify("--json").output)
    assert (verdict["events"], len(verdict["faults"])) == (4, 1)


def test_another_keyring_can_not_tell(served: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRACER_SECRET_KEYS", OTHER_KEYS)
    result = verify()
    assert result.exit_code == 2
    assert "encrypted with another key" in result.output


def test_a_database_that_is_not_there_is_not_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRACER_DATA_DIR", str(tmp_path))
    assert verify().exit_code == 2
    assert list(tmp_path.iterdir()) == []


def test_a_database_from_before_there_was_a_log_is_said_to_be_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = Database(f"sqlite:///{tmp_path / 'tracer.db'}")
    upgrade(database.engine, "0009")
    with database.engine.begin() as connection:
        connection.execute(text("INSERT INTO organizations VALUES ('org_1', 'Old', '[]', 1, NULL)"))
    database.close()
    monkeypatch.setenv("TRACER_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("TRACER_SECRET_KEYS", SECRET_KEYS)
    result = verify()
    assert (result.exit_code, "can't be read" in result.output) == (2, True)


def test_old_events_go_when_the_operator_says_so(served: Database) -> None:
    words = ["audit", "prune", "--before", "2200-01-01"]
    asked = CliRunner().invoke(tracer, words, input="n\n")
    assert (asked.exit_code, len(events(served))) == (1, 4)
    done = CliRunner().invoke(tracer, [*words, "--yes"])
    assert (done.exit_code, "4 events deleted" in done.output) == (0, True), done.output
    [left] = events(served)
    assert (left.number, left.action, left.actor_name) == (5, "audit.pruned", "tracer audit prune")
    assert verify().exit_code == 0


def test_a_log_that_somebody_edited_is_not_pruned(served: Database) -> None:
    tamper(served, "UPDATE audit_events SET actor_name = 'Bob' WHERE number = 2")
    result = CliRunner().invoke(tracer, ["audit", "prune", "--before", "2200-01-01", "--yes"])
    assert (result.exit_code, len(events(served))) == (1, 4)
    assert "event 2 (aud_" in result.output


def test_a_day_that_is_none_is_wrong_usage() -> None:
    result = CliRunner().invoke(tracer, ["audit", "prune", "--before", "yesterday"])
    assert (result.exit_code, "is not an ISO 8601 time" in result.output) == (2, True)
