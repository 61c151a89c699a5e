"""The writer of uses: now and then while the server runs, and once more when it ends."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from api import use_writer
from api.use_writer import UseWriter
from store.api_keys import NewApiKey, create_api_key
from store.keyring import Keyring
from store.sessions import EVERY_ORGANIZATION, Database
from store.tables import ApiKey
from store.uses import Uses
from store.write_lock import Urgency
from tests.api.wire import wait_until
from tests.conftest import Clock


@pytest.fixture
def key_id(database: Database, keyring: Keyring, organization: str, clock: Clock) -> str:
    with database.write(organization, Urgency.PEOPLE) as session:
        return create_api_key(session, keyring, NewApiKey(organization, "CI", ("read",)), clock.now_ms)[0].id


def last_used_ms(database: Database) -> int | None:
    with database.read(EVERY_ORGANIZATION) as session:
        return session.scalars(select(ApiKey.last_used_ms)).one()


def test_what_was_noted_last_is_written_when_the_server_ends(database: Database, key_id: str, clock: Clock) -> None:
    uses = Uses()
    with UseWriter(database, uses):
        uses.note_key(key_id, clock.now_ms)
        assert last_used_ms(database) is None
    assert last_used_ms(database) == clock.now_ms


def test_notes_are_written_while_the_server_runs(
    database: Database, key_id: str, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(use_writer, "WRITE_S", 0.01)
    uses = Uses()
    with UseWriter(database, uses):
        uses.note_key(key_id, clock.now_ms)
        wait_until(lambda: last_used_ms(database) == clock.now_ms, "the use is stored")
