"""/v1/stream of a project: who hears which events, and that nothing is lost or doubled over reconnects."""

from __future__ import annotations

import itertools
import json
import os
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask

from api import stream_readers, stream_sources
from api.server import Server
from model.settings import Settings
from store.keyring import Keyring
from store.sessions import Database
from telemetry.stored import reading
from tests.api.conftest import MakeKey
from tests.api.listening import Listener
from tests.conftest import Clock
from tests.security.injections import LINES
from tests.telemetry.reporting import Reports, event, make_project, message

RECONNECTS = int(os.environ.get("TRACER_TEST_RECONNECTS", "200")) // 2
"""Half of them on each store; ten thousand by the environment."""
KEYS = 40
"""A place is given back a moment after its stream has gone, and each has four."""
sqlite_only = pytest.mark.parametrize("store", ["sqlite"], indirect=True)
Serve = Callable[[], Server]
Listen = Callable[..., Listener]
_numbers = itertools.count()


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
    """A function that opens a stream of the project, with a new key if none is given."""
    opened: list[Listener] = []

    def start(q: str = "", key: str | None = None, at: Server | None = None, **given: Any) -> Listener:
        known = make_key(("read",)) if key is None else key
        query = f"?project={given.pop('project', 'truecom')}" + (f"&q={q}" if q else "")
        opened.append(Listener(at or server, known, query=query, **given))
        return opened[-1]

    yield start
    for listener in opened:
        listener.close()


def test_events_are_told_as_they_are_stored_to_those_whose_query_is_true_of_them(
    listen: Listen, reports: Reports
) -> None:
    reports.events(event("before"))
    every, errors, words = listen(), listen("level:error"), listen("level:info%20-quiet")
    assert every.answer.headers["Last-Event-ID"] == "1"
    assert (every.status, every.answer.headers["Content-Type"]) == (200, "text/event-stream; charset=utf-8")
    make_project(reports.owner, "other").events(event("elsewhere"))
    reports.events(event("e1", release="web@1"), message("m1", "a quiet word"), message("m2", "a loud word"))
    told = every.messages(3)
    assert [(each.event, each.id, each.data["event_id"]) for each in told] == [
        ("event", 3, "e1"), ("event", 4, "m1"), ("event", 5, "m2"),
    ]  # fmt: skip
    assert [each.data for each in reversed(told)] == reports.get("/v1/query", limit=3)["events"]
    assert errors.message().data["event_id"] == "e1"
    assert words.message().data["event_id"] == "m2"


@pytest.mark.timeout(120 + RECONNECTS)
def test_who_comes_back_hears_everything_once_however_often_also_elsewhere_and_after_a_restart(
    listen: Listen, serve: Serve, server: Server, reports: Reports, database: Database, make_key: MakeKey
) -> None:
    """A writer reports while the listener is cut off again and again."""
    places = [server, server if database.sqlite else serve()]
    count = RECONNECTS * 2
    sent: list[str] = []

    def write() -> None:
        for number in range(0, count, 3):
            batch = [event(f"e{number + n}") if n % 3 else message(f"m{number + n}", "x") for n in range(3)]
            reports.events(*batch)
            sent.extend(each["event_id"] for each in batch if each["event_id"].startswith("e"))

    writing = threading.Thread(target=write)
    seen: list[str] = []
    last, keys = 0, [make_key(("read",)) for _ in range(KEYS)]
    writing.start()
    for turn in range(RECONNECTS):
        stream = listen("level:error", key=keys[turn % KEYS], at=places[turn % 2], after=last)
        assert stream.status == 200, stream.refusal
        for each in stream.messages(1):
            assert each.id > last
            last = each.id
            seen.append(each.data["event_id"])
        stream.close()
        if turn == RECONNECTS // 2:
            places[0].stop(0.1)
            places[0] = serve()
            places[1] = places[0] if database.sqlite else places[1]
    writing.join()
    stream = listen("level:error", at=places[0], after=last)  # what is left
    seen += [each.data["event_id"] for each in stream.messages(len(sent) - len(seen))]
    assert seen == sent


def test_a_backlog_comes_in_pieces_and_whole(listen: Listen, reports: Reports, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "MOST_FOLLOWED", 7)
    monkeypatch.setattr(stream_sources, "PIECE_BYTES", 3_000)
    for _ in range(3):
        reports.events(*(event(f"e{next(_numbers)}", blob="x" * 900) for _ in range(15)))
    stored = [found["event_id"] for found in reports.get("/v1/query")["events"]]
    stream = listen(after=0)
    assert [each.data["event_id"] for each in stream.messages(45)] == stored[::-1]
    reports.events(event("new"))
    assert stream.message().data["event_id"] == "new"


def test_the_streams_of_a_token_count_together_whatever_they_are_of(
    listen: Listen, server: Server, make_key: MakeKey, reports: Reports
) -> None:
    key = make_key(("read",))
    streams = [Listener(server, key), listen(key=key), listen("x", key=key), Listener(server, key)]
    assert [stream.status for stream in streams] == [200] * 4
    fifth = listen(key=key)
    assert (fifth.status, json.loads(fifth.refusal)["error"]["code"]) == (429, "rate_limited")
    for stream in streams:
        stream.close()


@sqlite_only
def test_a_quiet_stream_says_that_it_is_there_also_where_nothing_fits(
    listen: Listen, reports: Reports, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream_readers, "COMMENT_S", 0.1)
    stream = listen("level:fatal")
    reports.events(event("e1"))
    assert [stream.comment() for _ in range(3)] == [": connected", ":", ":"]


@sqlite_only
def test_a_busy_stream_says_that_it_is_there_too(
    listen: Listen, reports: Reports, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream_readers, "COMMENT_S", 0.1)
    stream, over = listen(), threading.Event()

    def write() -> None:
        while not over.is_set():
            reports.events(event(f"e{next(_numbers)}"))

    writing = threading.Thread(target=write)
    writing.start()
    try:
        assert [stream.comment() for _ in range(3)] == [": connected", ":", ":"]
    finally:
        over.set()
        writing.join()


@sqlite_only
@pytest.mark.parametrize(
    ("query", "status"), [("?project=truecom&sort=up", 400), ("?project=truecom&q=in:x", 400), ("?sort=up", 422)]
)
def test_a_stream_of_a_project_refuses_as_queries_do_and_any_other_as_the_rest(
    reports: Reports, query: str, status: int
) -> None:
    answer = reports.owner("GET", f"/v1/stream{query}")
    assert (answer.status_code, "success" in answer.get_json()) == (status, status == 422)


@sqlite_only
def test_no_text_of_an_event_is_a_line_of_the_stream(listen: Listen, reports: Reports) -> None:
    texts = [line for line in (*LINES, "a\nid: 999\nevent: alert\ndata: {}\n\n") if line.isprintable() or "\n" in line]
    stream = listen()
    for first in range(0, len(texts), 50):
        reports.events(
            *(message(f"l{first + n}", text, tags={"t": text}) for n, text in enumerate(texts[first : first + 50]))
        )
    told = stream.messages(len(texts))
    assert [each.id for each in told] == list(range(1, len(texts) + 1))
    assert {each.event for each in told} == {"event"}
    assert [each.data["message"] for each in told] == texts


@sqlite_only
def test_what_is_asked_for_wrongly_is_refused_before_anything_flows(
    listen: Listen, server: Server, make_key: MakeKey, reports: Reports
) -> None:
    bad = listen("level:loud")
    assert bad.status == 400
    assert "position 0" in json.loads(bad.refusal)["error"]["message"]
    assert listen(project="nowhere").status == 403
    assert listen(key="").status == 401
    nowhere = Listener(server, make_key(("read",)), query="?q=x")
    nowhere.close()
    assert nowhere.status == 422
    assert listen(after=99).answer.headers["Last-Event-ID"] == "0", "nobody has heard what is still to come"


@sqlite_only
def test_a_key_for_certain_projects_hears_their_events_and_alerts_alone(
    listen: Listen, server: Server, reports: Reports, database: Database, clock: Clock
) -> None:
    from telemetry.judging import EventJudge

    other = make_project(reports.owner, "other")
    key = {"name": "k", "scopes": ["read"], "projects": [other.project["project_id"]]}
    limited = reports.owner.data("POST", "/v1/api-keys", key, status=201)["key"]
    assert listen(key=limited).status == 403
    alerts = Listener(server, limited)
    for project in (reports, other):
        rule = {"name": "r", "project": project.project["slug"]}
        assert reports.owner("POST", "/v1/alerts/rules", rule).status_code == 201
    clock.advance(1)
    reports.events(event("ours"))
    other.events(event("theirs"))
    EventJudge(database).work()
    heard = alerts.message()
    assert (heard.event, heard.data["project_id"]) == ("alert", other.project["project_id"])
    alerts.close()
