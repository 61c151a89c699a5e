"""An app on a real store, and clients that send a key."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence

import pytest
from flask import Flask
from structlog.testing import capture_logs
from werkzeug.serving import make_server

from api import attempts
from api.app import create_app
from api.services import Services, install
from model.settings import Settings
from store.api_keys import SCOPES, NewApiKey, create_api_key
from store.keyring import Keyring
from store.sessions import Database
from store.write_lock import Urgency
from tests.api.client import Client as Client
from tests.api.endings import ends as ends
from tests.api.people import Crowd
from tests.conftest import KEYRING

PUBLIC_URL = "https://tracer.example"
INTERNAL_TOKEN = "a-token-that-only-our-own-servers-hold"
MakeKey = Callable[..., str]


@pytest.fixture
def keyring() -> Keyring:
    return KEYRING


@pytest.fixture
def settings() -> Settings:
    return Settings(public_url=PUBLIC_URL, metrics_token="a-token-for-prometheus", internal_token=INTERNAL_TOKEN)


@pytest.fixture
def own_app(database: Database, keyring: Keyring, settings: Settings) -> Flask:
    """An app that this test may add to."""
    return create_app(database, keyring, settings)


@pytest.fixture(scope="session")
def _apps() -> list[Flask]:
    return []


@pytest.fixture
def app(_apps: list[Flask], database: Database, keyring: Keyring, settings: Settings) -> Flask:
    """The app of this worker, with this test's services: making one takes longer than most tests."""
    if not _apps:
        _apps.append(create_app(database, keyring, settings))
    [found] = _apps
    install(found, Services(database, keyring, settings))
    attempts.install(found)
    return found


@pytest.fixture
def make_key(database: Database, keyring: Keyring, organization: str) -> MakeKey:
    """A function that makes a key with these scopes, of the test's organization or of another."""

    def make(scopes: Sequence[str] = SCOPES, organization_id: str | None = None, expires_ms: int | None = None) -> str:
        wanted = NewApiKey(organization_id or organization, "test", tuple(scopes), expires_ms)
        with database.write(wanted.organization_id, Urgency.PEOPLE) as session:
            return create_api_key(session, keyring, wanted, 1_705_314_600_000)[1]

    return make


@pytest.fixture
def api(app: Flask, make_key: MakeKey, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The app behind a port, and the environment of a command line that may use it."""
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    monkeypatch.setenv("TRACER_URL", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv("TRACER_API_KEY", make_key())
    with capture_logs():  # the server's log lines would stand among what the command prints
        yield
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def owner(app: Flask, make_key: MakeKey) -> Client:
    """A client with an owner's key."""
    return Client(app.test_client(), make_key())


@pytest.fixture
def client_of(app: Flask, make_key: MakeKey) -> Callable[..., Client]:
    """A function that makes a client whose key has these scopes."""
    return lambda *scopes, organization_id=None: Client(app.test_client(), make_key(scopes, organization_id))


@pytest.fixture
def crowd(app: Flask, database: Database, keyring: Keyring, organization: str) -> Crowd:
    """Makes members, and clients that are signed in as them."""
    return Crowd(app, database, keyring, organization)
