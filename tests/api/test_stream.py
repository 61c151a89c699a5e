"""/v1/stream: who hears what, in which order, and what ends it."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from typing import Any
from unittest.mock import Mock

import pytest
from flask import Flask

from api import stream_readers
from api.server import Server
from api.stream_readers import Opening, Reader
from api.stream_sources import OrganizationNews
from model.settings import Settings
from store.api_keys import key_of_text, revoke_api_key
from store.keyring import Keyring
from store.news import newest_number, news_steps
from store.retention_walk import Deleting
from store.sessions import EVERY_ORGANIZATION, Database
from store.stream_places import LASTS_MS
from store.stream_places import Listener as Who
from store.write_lock import Urgency
from tests.alerts.alerting import add_rule
from tests.alerts.recording import add_check, measured, record_all
from tests.api.client import Client
from tests.api.conftest import MakeKey
from tests.api.listening import Listener
from tests.api.people import Crowd
from tests.api.wire import wait_until
from tests.conftest import Clock

T0 = 1_705_314_600_000
sqlite_only = pytest.mark.parametrize("store", ["sqlite"], indirect=True)
Serve = Callable[[], Server]
Listen = Callable[..., Listener]


@pytest.fixture
def serve(app: Flask, database: Database, keyring: Keyring) -> Iterator[Serve]:
    """A function that starts one more process' server of the same app."""
    started: list[Server] = []

    def start() -> Server:
        server = Server(app, database, keyring, Settings(port=0))
        started.append(server)
        server.start()
        return server

    yield start
    for server in started:
        server.stop(0.1)


@pytest.fixture
def server(serve: Serve) -> Server:
    return serve()


@pytest.fixture
def listen(server: Server, make_key: MakeKey) -> Iterator[Listen]:
    """A function that opens a stream, with a new key if none is given."""
    opened: list[Listener] = []

    def start(key: str | None = None, at: Server | None = None, **given: Any) -> Listener:
        known = make_key(("read",)) if key is None and "cookie" not in given else key or ""
        opened.append(Listener(at or server, known, **given))
        return opened[-1]

    yield start
    for listener in opened:
        listener.close()


def head_of(database: Database, organization: str) -> int:
    with database.read(EVERY_ORGANIZATION) as session:
        return newest_number(session, organization)


def pass_and_fail(database: Database, organization: str, check: str, first: int = 0) -> None:
    record_all(database, [[measured(organization, check, T0 + 10_000 * first)]])
    record_all(database, [[measured(organization, check, T0 + 10_000 * (first + 1), passed=False)]])


def test_runs_and_alerts_are_told_as_they_are_stored_in_the_order_of_their_ids(
    listen: Listen, owner: Client, database: Database, organization: str
) -> None:
    add_rule(database, organization, threshold=1)
    check = add_check(database, organization)
    record_all(database, [[measured(organization, check, T0)]])
    stream = listen()
    assert (stream.status, stream.answer.headers["Content-Type"]) == (200, "text/event-stream; charset=utf-8")
    assert stream.answer.headers["Last-Event-ID"] == "1", "only what is new"
    assert stream.comment() == ": connected"
    pass_and_fail(database, organization, check, 1)
    good, *others = stream.messages(3)
    told = {message.event: message.data for message in others}
    assert [message.id for message in (good, *others)] == [2, 3, 4]
    assert (good.event, good.data["status"], good.data["state_changed"]) == ("run", "success", False)
    assert (told["run"]["status"], told["run"]["state_changed"]) == ("failed", True)
    listed = owner.data("GET", f"/v1/monitors/{check}/runs")[0]
    assert told["run"] == {**listed, "state_changed": True}
    assert (told["alert"]["event"], told["alert"]["status"]) == ("triggered", "triggered")
    owner.data("POST", f"/v1/alerts/{told['alert']['id']}/acknowledge", {"note": "mine"})
    taken = stream.message()
    assert (taken.event, taken.data["event"], taken.data["acknowledged_by"]) == ("alert", "acknowledged", "test")


def test_another_organization_hears_nothing_of_it(
    listen: Listen, make_key: MakeKey, make_organization: Callable[[str], str], database: Database, organization: str
) -> None:
    other = make_organization("other")
    theirs = listen(make_key(("read",), other))
    ours = listen()
    mine, foreign = add_check(database, organization), add_check(database, other)
    pass_and_fail(database, organization, mine)
    assert [message.data["monitor_id"] for message in ours.messages(2)] == [mine, mine]
    record_all(database, [[measured(other, foreign, T0), measured(organization, mine, T0 + 90_000)]])
    assert theirs.message().data["monitor_id"] == foreign
    assert ours.message().data["monitor_id"] == mine
    again = listen(make_key(("read",), other), after=0)
    assert again.message().data["monitor_id"] == foreign, "numbers are an organization's own"


def test_who_comes_back_hears_everything_once_also_from_another_process_and_after_a_restart(
    listen: Listen, serve: Serve, server: Server, database: Database, organization: str
) -> None:
    """A writer records while the listener is cut off again and again."""
    check, count = add_check(database, organization), 60
    writing = threading.Thread(
        target=lambda: [record_all(database, [[measured(organization, check, T0 + 10_000 * n)]]) for n in range(count)]
    )
    seen: list[int] = []
    places = [server, server if database.sqlite else serve()]
    stream = listen(at=places[0], after=0)
    writing.start()
    while len(seen) < count:
        seen += [message.id for message in stream.messages(min(7, count - len(seen)))]
        if len(seen) == 14:
            places[0].stop(0.1)
            places[0] = serve()
            places[1] = places[0] if database.sqlite else places[1]
        stream.close()
        stream = listen(at=places[len(seen) % 2], after=seen[-1])
    writing.join()
    assert seen == list(range(1, count + 1))
    record_all(database, [[measured(organization, check, T0 + 10_000 * count)]])
    assert stream.message().id == count + 1


def test_the_fifth_stream_of_a_token_is_refused_until_one_of_them_is_gone(
    listen: Listen, serve: Serve, server: Server, make_key: MakeKey, database: Database, clock: Clock
) -> None:
    key = make_key(("read",))
    second = server if database.sqlite else serve()
    streams = [listen(key, at=at) for at in (None, second, None, second)]
    assert [stream.status for stream in streams] == [200] * 4
    fifth = listen(key)
    assert (fifth.status, json.loads(fifth.refusal)["error"]["code"]) == (429, "rate_limited")
    assert int(fifth.answer.headers["Retry-After"]) <= 30
    assert listen().status == 200, "another token has its own"
    streams[0].close()
    wait_until(lambda: listen(key).status == 200, "a place is free")
    clock.advance(LASTS_MS + 1)  # as if a process had died: nobody renews
    assert listen(key).status == 200


@sqlite_only
def test_what_is_asked_for_wrongly_is_refused_before_anything_flows(listen: Listen, make_key: MakeKey) -> None:
    assert listen("").status == 401
    assert listen(make_key(("ingest",))).status == 403
    assert listen(after="soon").status == 422
    assert listen(after=7).answer.headers["Last-Event-ID"] == "0", "nobody has heard what is still to come"


@sqlite_only
def test_a_browser_listens_by_its_sign_in(listen: Listen, crowd: Crowd) -> None:
    ada = crowd.signed_in("viewer")
    streams = [listen(cookie=f"__Host-tracer_session={ada.key}") for _ in range(6)]
    assert {stream.status for stream in streams} == {200}
    assert listen(cookie="__Host-tracer_session=" + "A" * 43).status == 401


def test_a_stream_ends_when_its_key_is_revoked(
    listen: Listen, make_key: MakeKey, database: Database, keyring: Keyring, organization: str
) -> None:
    key, other = make_key(("read",)), listen()
    stream = listen(key)
    with database.write(organization, Urgency.PEOPLE) as session:
        found = key_of_text(session, keyring, key)
        assert found is not None
        revoke_api_key(session, found.id, T0)
    stream.rest()
    assert listen(key).status == 401
    record_all(database, [[measured(organization, add_check(database, organization), T0)]])
    assert other.message().event == "run"


@sqlite_only
def test_a_stream_ends_when_its_sign_in_does(listen: Listen, crowd: Crowd) -> None:
    ada = crowd.signed_in("viewer")
    stream = listen(cookie=f"__Host-tracer_session={ada.key}")
    ada.data("DELETE", f"/v1/account/sessions/{ada.data('GET', '/v1/account')['session_id']}")
    stream.rest()


@sqlite_only
def test_a_quiet_stream_says_that_it_is_there(listen: Listen, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream_readers, "COMMENT_S", 0.1)
    stream = listen()
    assert [stream.comment() for _ in range(3)] == [": connected", ":", ":"]


@sqlite_only
def test_streams_end_at_once_when_the_server_stops(listen: Listen, server: Server) -> None:
    stream = listen()
    stopping = threading.Thread(target=server.stop)
    stopping.start()
    stream.rest()
    stopping.join()
    assert server.streams.open == 0


@sqlite_only
def test_who_was_away_too_long_is_told_what_is_missing(listen: Listen, database: Database, organization: str) -> None:
    check = add_check(database, organization)
    pass_and_fail(database, organization, check)
    assert list(news_steps(Deleting(database), 1 << 60)) == [2]
    assert head_of(database, organization) == 2
    missed = listen(after=1).message()
    assert (missed.id, missed.event, missed.data["from"], missed.data["to"]) == (2, "gap", 2, 2)
    record_all(database, [[measured(organization, check, T0 + 90_000)]])
    stream = listen(after=0)
    assert [(message.id, message.event) for message in stream.messages(2)] == [(2, "gap"), (3, "run")]


def test_a_reader_that_is_too_far_behind_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream_readers, "MOST_BYTES", 100)

    async def fall_behind() -> tuple[bool, int]:
        request = Mock()
        reader = Reader(Opening(Who("key_1", "org_1"), "str_1", 0, OrganizationNews("org_1")), request)
        for _ in range(3):
            reader.give(b"x" * 60)
        return reader.over, request.abort.call_count

    assert asyncio.run(fall_behind()) == (True, 2)
