"""/api/stream: what agents do is told to those who may see it, once each, from any number on."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask

from api.server import Server
from api.services import Services, install
from model.settings import Settings
from store.keyring import Keyring
from store.sessions import Database
from tests.api.client import Client
from tests.api.conftest import MakeKey
from tests.api.listening import Listener
from tests.conftest import Clock
from tests.telemetry.agents.running import append, begin, event
from tests.telemetry.agents.test_json_web_tokens import SECRET, signed
from tests.telemetry.reporting import make_project

Listen = Callable[..., Listener]
RECONNECTS = int(os.environ.get("TRACER_TEST_RECONNECTS", "200")) // 2
"""Half of them on each store; ten thousand by the environment."""
_KEYS = 40
"""A place is given back a moment after its stream has gone, and each has four."""


@pytest.fixture
def server(app: Flask, database: Database, keyring: Keyring) -> Iterator[Server]:
    started = Server(app, database, keyring, Settings(port=0))
    started.start()
    yield started
    started.stop(0.1)


@pytest.fixture
def listen(server: Server, make_key: MakeKey) -> Iterator[Listen]:
    """A function that opens a stream, with a new key if none is given."""
    opened: list[Listener] = []

    def start(query: str = "", key: str | None = None, **given: Any) -> Listener:
        known = make_key(("read",)) if key is None else key
        opened.append(Listener(server, known, query=query, path="/api/stream", **given))
        return opened[-1]

    yield start
    for listener in opened:
        listener.close()


def test_what_was_missed_comes_first_then_what_happens_each_once(listen: Listen, owner: Client) -> None:
    for name in ("trace_1", "trace_2"):
        begin(owner, session_id=name)
    append(owner, [event(number) for number in range(1, 251)])
    fresh, all_of_it, rest = listen(), listen("?after_seq=0"), listen(after=249)
    assert fresh.answer.headers["Last-Event-ID"] == "250"
    append(owner, event(7, "error", payload={"text": "no\nroom"}), to="trace_2", status=201)
    append(owner, event(251), status=201)
    assert [message.id for message in all_of_it.messages(252)] == list(range(1, 253))
    assert [message.id for message in rest.messages(3)] == [250, 251, 252]
    message = fresh.message()
    assert (message.event, message.id) == ("event", 251)
    assert message.data == {
        "stream_seq": 251, "session_id": "trace_2", "project_id": None, **event(7, "error"),
        "payload": {"text": "no\nroom"}, "step": None, "received_at": "2024-01-15T10:30:00.000Z",
    }  # fmt: skip


@pytest.mark.timeout(120 + RECONNECTS)
def test_who_comes_back_again_and_again_misses_nothing_and_hears_nothing_twice(
    listen: Listen, owner: Client, make_key: MakeKey
) -> None:
    """An agent goes on while the listener is cut off at every second event."""
    begin(owner)
    count = 2 * RECONNECTS

    def act() -> None:
        for first in range(1, count + 1, 3):
            append(owner, [event(number) for number in range(first, min(first + 3, count + 1))])

    acting = threading.Thread(target=act)
    acting.start()
    keys = [make_key(("read",)) for _ in range(_KEYS)]
    last, heard = 0, list[int]()
    for turn in range(RECONNECTS):
        key = keys[turn % _KEYS]
        stream = listen("", key, after=last) if turn % 2 else listen(f"?after_seq={last}", key)
        heard += [message.id for message in stream.messages(2)]
        last = heard[-1]
        stream.close()
    acting.join()
    assert heard == list(range(1, count + 1))


def test_filters_narrow_and_never_widen(
    listen: Listen, owner: Client, client_of: Callable[..., Client], make_organization: Callable[[str], str]
) -> None:
    mine, other = (make_project(owner, slug=slug).project for slug in ("mine", "other"))
    asked = {"name": "agent", "scopes": ["read"], "projects": [mine["slug"]]}
    key = owner.data("POST", "/v1/api-keys", asked, status=201)["key"]
    for name, project in (("a", mine["slug"]), ("b", other["slug"]), ("c", None)):
        begin(owner, session_id=name, project_id=project)
    stranger = client_of("read", "ingest", organization_id=make_organization("Other"))
    begin(stranger, session_id="a")
    streams = {
        "abc": listen(), "a": listen("", key), "b": listen(f"?project_id={other['project_id']}"),
        "c": listen("?session_id=c"), "": listen("?session_id=b", key), "s": listen("", stranger.key),
    }  # fmt: skip
    for client, name in ((owner, "a"), (stranger, "a"), (owner, "b"), (owner, "c"), (owner, "a")):
        append(client, event(_next(client, name)), to=name, status=201)
    assert [message.data["session_id"] for message in streams["abc"].messages(4)] == ["a", "b", "c", "a"]
    assert [message.id for message in streams["a"].messages(2)] == [1, 4]
    assert streams["a"].status == 200
    assert streams["b"].message().data["project_id"] == other["project_id"]
    assert streams["c"].message().id == 3
    assert [streams["s"].message().id] == [1], "a workspace counts by itself"
    refused = listen(f"?project_id={other['project_id']}", key)
    assert refused.status == 403


def _next(client: Client, session_id: str) -> int:
    [found] = client("GET", f"/api/sessions?session_id={session_id}").get_json()["sessions"]
    return int(found["last_seq"]) + 1


def test_a_stream_of_a_token_ends_with_it(
    app: Flask, listen: Listen, database: Database, keyring: Keyring, organization: str, owner: Client, clock: Clock
) -> None:
    install(app, Services(database, keyring, Settings(jwt_secret=SECRET)))
    ends_s = int(time.time()) + 3600
    clock.now_ms = (ends_s - 3600) * 1000
    begin(owner)
    stream = listen("", signed(organization, exp=ends_s))
    append(owner, event(1), status=201)
    assert stream.message().id == 1
    clock.advance(3_601_000)
    assert all(line.startswith(":") or not line for line in stream.rest())


def test_a_token_may_have_four_at_a_time(listen: Listen, make_key: MakeKey) -> None:
    key = make_key(("read",))
    assert [listen("", key).status for _ in range(5)] == [200, 200, 200, 200, 429]
