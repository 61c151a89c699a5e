"""The writer of uses: now and then while the server runs, and once more when it ends."""

from __future__ import annotations

import json

import pytest
from flask import Flask
from sqlalchemy import select

from api import use_writer
from api.server import Server
from api.use_writer import UseWriter
from model.settings import Settings
from store.api_keys import NewApiKey, create_api_key
from store.keyring import Keyring
from store.probes import register_probe
from store.sessions import EVERY_ORGANIZATION, Database
from store.tables import ApiKey
from store.uses import Uses
from store.write_lock import Urgency
from tests.api.wire import ask, wait_until
from tests.conftest import Clock
from tests.store.auditing import events


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


def test_from_where_a_probe_leases_is_noted(
    database: Database, keyring: Keyring, organization: str, clock: Clock
) -> None:
    with database.write(EVERY_ORGANIZATION, Urgency.PEOPLE) as session:
        _, key = register_probe(session, keyring, organization, ("frankfurt-1", "local"), clock.now_ms)
    past, uses = len(events(database)), Uses()
    with UseWriter(database, uses), Server(Flask("people"), database, keyring, Settings(port=0), uses=uses) as server:
        body = {"protocol": 1, "instance": "one", "version": "1", "types": ["url"], "capabilities": ["network"],
                "capacity": 0, "wait_ms": 0}  # fmt: skip
        answer = ask(server, "POST", "/v1/probe/lease", json.dumps(body).encode(), f"Authorization: Bearer {key}")
        assert answer.status == 200, answer.body
    assert [(event.action, event.address) for event in events(database, past=past)] == [
        ("probe.new_address", "127.0.0.1")
    ]
