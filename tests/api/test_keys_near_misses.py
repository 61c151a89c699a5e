"""Keys that are almost one, and keys that were one: nothing opens, and a slip of the hand is told without the store."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from flask import Flask
from sqlalchemy import event, select

from api.app import create_app
from api.server import Server
from model.keys import API_KEY, PROBE_KEY, mistyped, new_key
from model.settings import Settings
from store.api_keys import NewApiKey, create_api_key, revoke_api_key
from store.bootstrap import bootstrap
from store.keyring import Keyring
from store.probes import delete_probe, register_probe
from store.sessions import Database
from store.tables import ApiKey
from store.write_lock import Urgency
from tests.api.client import Client
from tests.api.conftest import MakeKey
from tests.api.pages.world import Browser
from tests.api.wire import Line
from tests.conftest import Clock
from tests.security.tally import Tally

ATTACK = "guessing a key"
LEASE = b'{"instance":"i","location":"eu","version":"1","wait_ms":0,"capabilities":["network"],"free":{}}'
sqlite_only = pytest.mark.parametrize("store", ["sqlite"], indirect=True)


def near_misses(key: str) -> list[str]:
    """More than 200 texts that are not this key: each character another one, in the other case, left out, doubled;
    each two neighbours swapped; cut at either end; longer; another prefix."""
    places = range(len(key))
    near = [key[:at] + ("1" if key[at] != "1" else "2") + key[at + 1 :] for at in places]
    near += [key[:at] + key[at].swapcase() + key[at + 1 :] for at in places]
    near += [key[:at] + key[at + 1 :] for at in places]
    near += [key[: at + 1] + key[at:] for at in places]
    near += [key[:at] + key[at + 1] + key[at] + key[at + 2 :] for at in places[:-1]]
    near += [key[:at] for at in places[1:]] + [key[at:] for at in places[1:]]
    near += [key + end for end in ("0", "=", "%00", ".", key)] + [key.upper(), key.lower(), key[::-1]]
    near += [key.replace("_", mark) for mark in ("-", "__", "")] + [
        f"{word}_{key.partition('_')[2]}" for word in "x tr"
    ]
    return sorted({text for text in near if text != key})


def test_no_near_miss_of_an_api_key_opens_anything(
    app: Flask, make_key: MakeKey, database: Database, tally: Tally
) -> None:
    key = make_key()
    tried = near_misses(key)
    assert len(tried) >= 200
    asked: list[str] = []
    event.listen(database.engine, "before_cursor_execute", lambda *given: asked.append(given[2]))
    accepted, told = [], 0
    for number, near in enumerate(tried):
        asked.clear()
        place = {"REMOTE_ADDR": f"192.0.{number // 250}.{number % 250}"}
        answer = Client(app.test_client(), near)("GET", "/v1/monitors", environ_base=place)
        if answer.status_code != 401:
            accepted.append(near)
        if mistyped(near, API_KEY):
            told += 1
            assert "typing error" in answer.get_json()["error"]["message"]
            assert asked == [], "the store was asked"
    tally.add(ATTACK, "API key", tried=len(tried), refused=len(tried) - len(accepted), effective=len(accepted))
    assert accepted == []
    assert told == sum(re.fullmatch(r"trk_[0-9A-Za-z]{38}", near, re.ASCII) is not None for near in tried)
    assert told >= 38  # another character in each place of a key's body: whatever the key
    assert Client(app.test_client(), key)("GET", "/v1/monitors").status_code == 200


@sqlite_only
def test_no_near_miss_of_a_probe_key_leases_anything(
    database: Database, keyring: Keyring, organization: str, clock: Clock, tally: Tally
) -> None:
    with database.write(organization, Urgency.PEOPLE) as session:
        _, key = register_probe(session, keyring, organization, ("eu", "eu"), clock.now_ms)
    settings = Settings(port=0, trusted_proxies=("127.0.0.1",))
    tried = [near for near in near_misses(key) if near == near.strip()]
    assert len(tried) >= 200
    with Server(Flask("people"), database, keyring, settings) as server, Line(server) as line:

        def lease(shown: str, number: int) -> int:
            forwarded = f"X-Forwarded-For: 192.0.{number // 250}.{number % 250}"
            line.request("POST", "/v1/probe/lease", LEASE, f"Authorization: Bearer {shown}", forwarded)
            return line.answer().status

        accepted = [near for number, near in enumerate(tried) if lease(near, number) != 401]
        tally.add(ATTACK, "probe key", tried=len(tried), refused=len(tried) - len(accepted), effective=len(accepted))
        assert accepted == []
        assert lease(key, 0) not in (401, 429)


def test_no_state_but_alive_opens_anything(
    app: Flask, make_key: MakeKey, make_organization: Callable[[str], str], database: Database, organization: str,
    clock: Clock, keyring: Keyring, tally: Tally,
) -> None:  # fmt: skip
    revoked, expired, alive = make_key(), make_key(expires_ms=clock.now_ms), make_key(["run"])
    foreign = make_key(organization_id=make_organization("Other"))
    with database.write(organization, Urgency.PEOPLE) as session:
        wanted = session.scalars(select(ApiKey).where(ApiKey.key_hash == keyring.hash_key(revoked))).one()
        assert revoke_api_key(session, wanted.id, clock.now_ms)
        probe, probe_key = register_probe(session, keyring, organization, ("eu", "eu"), clock.now_ms)
        dead, dead_key = register_probe(session, keyring, organization, ("us", "us"), clock.now_ms)
        assert delete_probe(session, dead.id, clock.now_ms)
    monitor = {"name": "Shop", "type": "url", "url": "https://example.com", "locations": ["local"]}
    made = Client(app.test_client(), make_key(["write"])).data("POST", "/v1/monitors", monitor, status=201)
    path = f"/v1/monitors/{made['id']}"
    found = {
        name: Client(app.test_client(), key)("GET", path).status_code
        for name, key in {
            "revoked": revoked, "expired": expired, "probe's": probe_key, "dead probe's": dead_key,
            "never made": new_key(API_KEY), "never made, probe's": new_key(PROBE_KEY), "foreign": foreign,
            "ingest only": make_key(["ingest"]), "alive": alive,
        }.items()
    }  # fmt: skip
    assert found == {
        "revoked": 401, "expired": 401, "probe's": 401, "dead probe's": 401, "never made": 401,
        "never made, probe's": 401, "foreign": 404, "ingest only": 403, "alive": 200,
    }  # fmt: skip
    tally.add(ATTACK, "API key", tried=len(found) - 1, refused=len(found) - 1)
    assert Client(app.test_client(), alive)("PUT", path, {"name": "x"}).status_code == 403
    assert probe.key_hash != keyring.hash_key(dead_key)


def test_keys_of_any_shape_go_on_working(database: Database, keyring: Keyring, organization: str) -> None:
    """The one of TRACER_API_KEY even if it looks like a mistyped one; those that were made before, by their hash."""
    chosen = "trk_" + "0" * 38
    older = "trk_" + "0123456789abcdefghjkmnpqrstvwxyz" + "0abcdef"
    assert mistyped(chosen, API_KEY)
    settings = Settings(api_key=chosen)
    bootstrap(database, keyring, settings)
    with database.write(organization, Urgency.PEOPLE) as session:
        create_api_key(session, keyring, NewApiKey(organization, "older", ["read"], text=older), 1)
    app = create_app(database, keyring, settings)
    for key in (chosen, older):
        assert Client(app.test_client(), key)("GET", "/v1/monitors").status_code == 200
    assert Client(app.test_client(), chosen[:-1] + "1")("GET", "/v1/monitors").status_code == 401


@sqlite_only
def test_a_mistyped_key_at_the_sign_in_is_told_so(app: Flask, make_key: MakeKey, database: Database) -> None:
    key = make_key()
    near = key[:10] + ("1" if key[10] != "1" else "2") + key[11:]
    answer = Browser.of(app).sign_in(near)
    assert answer.status_code == 401
    assert "typing error" in answer.get_data(as_text=True)
