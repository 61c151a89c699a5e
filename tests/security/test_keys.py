"""Keys that nobody was given: near misses of a live one, random ones by the ten thousand, and those that were taken
away. Judged by what opens."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from itertools import islice

import pytest
from flask import Flask

from api.access import Caller
from model.keys import API_KEY, PROBE_KEY, new_key
from store import api_keys
from store.api_keys import NewApiKey, authenticate, create_api_key, revoke_api_key
from store.keyring import Keyring
from store.probes import authenticate_probe, delete_probe, register_probe
from store.sessions import EVERY_ORGANIZATION, Database
from store.web_sessions import web_session_of
from store.write_lock import Urgency
from tests.api.client import Client
from tests.api.conftest import MakeKey
from tests.api.test_keys_near_misses import ATTACK, near_misses
from tests.conftest import KEYRING, Clock
from tests.security.tally import WHOLE, Tally, corpus

ONE_STORE = pytest.mark.parametrize("store", ["sqlite"], indirect=True)
RANDOM = 20_000 if WHOLE else 300


def guesses() -> Iterator[str]:
    """Without end: keys of the right shape and checksum, of the other kind, tokens of other lengths, texts of all
    sorts."""
    while True:
        yield new_key(API_KEY)
        yield new_key(PROBE_KEY)
        yield secrets.token_urlsafe(32)
        yield f"{API_KEY}_{secrets.token_hex(19)}"
        yield secrets.token_bytes(20).decode("latin-1")


def opened_by(database: Database, keyring: Keyring, keys: list[str]) -> list[str]:
    """Those that the store takes for a key, a probe's key, or a session."""
    with database.read(EVERY_ORGANIZATION) as session:
        now_ms = database.now_ms(session)
        return [
            key
            for key in keys
            if authenticate(session, keyring, key, now_ms) is not None
            or authenticate_probe(session, keyring, key) is not None
            or web_session_of(session, keyring, key, now_ms) is not None
        ]


def alive(database: Database, keyring: Keyring, organization: str, now_ms: int) -> tuple[str, str]:
    """An API key and a probe's key that open something."""
    with database.write(organization, Urgency.PEOPLE) as session:
        _, key = create_api_key(session, keyring, NewApiKey(organization, "alive", ["read"]), now_ms)
        _, probe_key = register_probe(session, keyring, organization, ("eu", "eu"), now_ms)
    return key, probe_key


def test_no_random_key_opens_anything(database: Database, organization: str, clock: Clock, tally: Tally) -> None:
    keys = alive(database, KEYRING, organization, clock.now_ms)
    tried = list(islice(guesses(), RANDOM))
    opened = opened_by(database, KEYRING, tried)
    tally.add(ATTACK, "store", tried=3 * len(tried), refused=3 * (len(tried) - len(opened)), effective=len(opened))
    assert opened == []
    assert opened_by(database, KEYRING, list(keys)) == list(keys), "those that were given open"


def test_no_near_miss_opens_anything_in_the_store(
    database: Database, organization: str, clock: Clock, tally: Tally
) -> None:
    """Where no checksum is looked at first."""
    for key in alive(database, KEYRING, organization, clock.now_ms):
        tried = corpus(near_misses(key), short=200)
        opened = opened_by(database, KEYRING, tried)
        tally.add(ATTACK, "store", tried=len(tried), refused=len(tried) - len(opened), effective=len(opened))
        assert opened == []


class CutShort(Keyring):
    """Keeps so little of a key's hash that others have the same."""

    def hash_key(self, text: str) -> str:
        return super().hash_key(text)[:1]


class AnyCase(Keyring):
    def hash_key(self, text: str) -> str:
        return super().hash_key(text.lower())


@ONE_STORE
def test_a_build_that_keeps_too_little_of_a_hash_is_caught(
    database: Database, organization: str, clock: Clock, tally: Tally
) -> None:
    careless = CutShort({"k1": bytes(range(32))}, b"pepper")
    alive(database, careless, organization, clock.now_ms)
    assert opened_by(database, careless, list(islice(guesses(), 100)))
    tally.caught(ATTACK, "hash cut to one character")


@ONE_STORE
def test_a_build_to_which_all_letters_are_small_is_caught(
    database: Database, organization: str, clock: Clock, tally: Tally
) -> None:
    careless = AnyCase({"k1": bytes(range(32))}, b"pepper")
    for key in alive(database, careless, organization, clock.now_ms):
        assert key.upper() in opened_by(database, careless, near_misses(key))
    tally.caught(ATTACK, "keys without regard to case")


@pytest.fixture
def lost(
    make_key: MakeKey, make_organization: Callable[[str], str], database: Database, organization: str, clock: Clock,
    keyring: Keyring,
) -> dict[str, str]:  # fmt: skip
    """Keys that must not read this organization's monitors, by what is wrong with them."""
    revoked, expired = make_key(), make_key(expires_ms=clock.now_ms)
    soon = make_key(expires_ms=clock.now_ms + 1)
    with database.write(organization, Urgency.PEOPLE) as session:
        row = authenticate(session, keyring, revoked, clock.now_ms)
        assert row is not None
        assert revoke_api_key(session, row.id, clock.now_ms)
        _, probe_key = register_probe(session, keyring, organization, ("eu", "eu"), clock.now_ms)
        dead, dead_key = register_probe(session, keyring, organization, ("us", "us"), clock.now_ms)
        assert delete_probe(session, dead.id, clock.now_ms)
    clock.advance(1)
    return {
        "revoked": revoked, "expired": expired, "expired this very millisecond": soon, "probe's": probe_key,
        "dead probe's": dead_key, "another organization's": make_key(organization_id=make_organization("Other")),
        "may ingest only": make_key(["ingest"]),
    }  # fmt: skip


def readers(app: Flask, owner: Client, keys: dict[str, str]) -> list[str]:
    """Those with which a monitor can be read, directly or in the list."""
    monitor = {"name": "Shop", "type": "url", "url": "https://example.com", "locations": ["local"]}
    made = owner.data("POST", "/v1/monitors", monitor, status=201)["id"]
    found = []
    for name, key in keys.items():
        client = Client(app.test_client(), key)
        answers = [client("GET", path).get_data(as_text=True) for path in (f"/v1/monitors/{made}", "/v1/monitors")]
        found += [name] if any("https://example.com" in text for text in answers) else []
    return found


def writers(app: Flask, make_key: MakeKey) -> list[tuple[str, ...]]:
    """Scopes that are no leave to write, with which a monitor could be made all the same."""
    monitor = {"name": "Shop", "type": "url", "url": "https://example.com", "locations": ["local"]}
    scopes = [("read",), ("run",), ("ingest",), ("read", "run", "ingest")]
    return [
        some for some in scopes
        if Client(app.test_client(), make_key(some))("POST", "/v1/monitors", monitor).status_code < 300
    ]  # fmt: skip


def test_no_lost_key_reads_and_no_small_one_writes(
    app: Flask, owner: Client, lost: dict[str, str], make_key: MakeKey, tally: Tally
) -> None:
    opened = [*readers(app, owner, lost), *writers(app, make_key)]
    tried = 2 * len(lost) + 4
    tally.add(ATTACK, "API key", tried=tried, refused=tried - len(opened), effective=len(opened))
    assert opened == []
    assert readers(app, owner, {"alive": owner.key}) == ["alive"]


@ONE_STORE
def test_a_build_that_forgets_what_ended_is_caught(
    app: Flask, owner: Client, lost: dict[str, str], tally: Tally, monkeypatch: pytest.MonkeyPatch
) -> None:
    def anything_known(session: object, keyring: Keyring, presented: str, now_ms: int) -> object:
        return api_keys.key_of_text(session, keyring, presented)  # type: ignore[arg-type]

    monkeypatch.setattr("api.access.authenticate", anything_known)
    assert readers(app, owner, lost) == ["revoked", "expired", "expired this very millisecond"]
    tally.caught(ATTACK, "keys that never end")


@ONE_STORE
def test_a_build_without_scopes_is_caught(
    app: Flask, make_key: MakeKey, tally: Tally, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Caller, "may", lambda *_: True)
    assert writers(app, make_key)
    tally.caught(ATTACK, "keys that all may everything")
