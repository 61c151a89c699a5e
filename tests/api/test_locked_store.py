"""While another process holds the database's lock: who reads is served, who changes something is told to come back."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager

import pytest
from flask import Flask
from sqlalchemy import text

import api.server
from api.server import Server
from model.settings import Settings
from store.keyring import Keyring
from store.sessions import EVERY_ORGANIZATION, Database
from store.write_lock import Urgency
from tests.api.conftest import MakeKey
from tests.api.pages.world import Browser
from tests.api.test_monitors import url_monitor
from tests.api.test_pings import Job
from tests.api.wire import Line, ask
from tests.conftest import KEYRING, Clock

Locked = Callable[[], AbstractContextManager[None]]
TABLES = "checks, changes, heartbeats, organizations, web_sessions"


@pytest.fixture
def database(database_url: str, clock: Clock) -> Iterator[Database]:
    """With less patience than the five seconds it has outside."""
    opened = Database(database_url, now_ms=clock, patience_s=0.2)
    opened.seal_with(KEYRING.signature)
    yield opened
    opened.close()


@pytest.fixture
def locked(database_url: str) -> Iterator[Locked]:
    """A context in which another process holds the lock: SQLite's one; on PostgreSQL, of what people write."""
    theirs = Database(database_url)

    @contextmanager
    def lock() -> Iterator[None]:
        with theirs.write(EVERY_ORGANIZATION, Urgency.RESULTS) as session:
            if not theirs.sqlite:
                session.connection().execute(text(f"LOCK TABLE {TABLES} IN EXCLUSIVE MODE"))
            yield

    yield lock
    theirs.close()


@pytest.fixture
def server(app: Flask, database: Database, keyring: Keyring, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setattr(api.server, "CHANGE_THREADS", 2)
    monkeypatch.setattr(api.server, "BEAT_S", 3600)  # so that nothing of ours waits for the lock before people do
    with Server(app, database, keyring, Settings(port=0)) as serving:
        yield serving


def test_changes_and_pings_are_answered_503_and_taken_once_the_lock_is_free(
    server: Server, locked: Locked, make_key: MakeKey, database: Database, keyring: Keyring, organization: str,
    clock: Clock,
) -> None:  # fmt: skip
    job = Job(database, keyring, organization, clock)
    headers = (f"Authorization: Bearer {make_key()}", "Content-Type: application/json")
    body = json.dumps(url_monitor()).encode()
    asked = [("POST", "/v1/monitors", body), ("PUT", "/v1/organization", b'{"name": "New"}'), ("POST", job.path, b"")]
    with locked():
        for method, path, sent in asked:
            answer = ask(server, method, path, sent, *headers)
            assert (answer.status, answer.code, answer.headers["retry-after"]) == (503, "unavailable", "1")
            assert "another process has locked it" in answer.json["error"]["message"]
    assert [ask(server, method, path, sent, *headers).status for method, path, sent in asked] == [201, 200, 200]
    assert job.statuses == ["success"]


def test_who_reads_is_served_while_all_who_change_something_wait(
    server: Server, locked: Locked, make_key: MakeKey, database_url: str
) -> None:
    headers = (f"Authorization: Bearer {make_key()}", "Content-Type: application/json")
    body = json.dumps(url_monitor()).encode()
    with locked(), ExitStack() as lines:
        waiting = [lines.enter_context(Line(server)) for _ in range(6)]
        for line in waiting:
            line.request("POST", "/v1/monitors", body, *headers)
        assert ask(server, "GET", "/v1/monitors", b"", *headers).status == 200
        assert {line.answer().status for line in waiting} == {503}
    assert ask(server, "GET", "/v1/monitors", b"", *headers).json["meta"]["total"] == 0


def test_pages_are_shown_and_forms_are_answered_503(
    app: Flask, locked: Locked, make_key: MakeKey, clock: Clock
) -> None:
    browser = Browser.of(app)
    browser.sign_in(make_key())
    clock.advance(60_000)
    with locked():
        browser.answer("/alerts")
        answer = browser.send("/alerts", "/logout")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
    browser.answer("/alerts")
