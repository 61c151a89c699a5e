"""Playwright's viewer stands on a host name of its own: nothing else is there, and it is nowhere else."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask
from pydantic import ValidationError

from api import trace_viewer
from api.server import Server
from api.trace_viewer import viewer_link
from model.settings import Settings
from store.keyring import Keyring
from store.sessions import Database
from tests.api.wire import Answer, Line

sqlite_only = pytest.mark.parametrize("store", ["sqlite"], indirect=True)
TRACE = "/artifacts/art_01.1.x"
Get = Callable[..., Answer]


@pytest.fixture(params=["sqlite"])
def store(request: pytest.FixtureRequest) -> str:
    """No store is asked anything here."""
    return str(request.param)


def _getter(server: Server) -> Get:
    def get(host: str, path: str, method: str = "GET", body: bytes = b"") -> Answer:
        with Line(server) as line:
            head = f"{method} {path} HTTP/1.1\r\nHost: {host}\r\nContent-Length: {len(body)}\r\n\r\n"
            line.send(head.encode("latin-1") + body)
            return line.answer(method)

    return get


@pytest.fixture
def get(app: Flask, database: Database, keyring: Keyring) -> Iterator[Get]:
    """A function that asks the server under a name."""
    with Server(app, database, keyring, Settings(port=0)) as server:
        yield _getter(server)


def test_its_name_gives_the_viewer_under_a_policy_that_reads_traces_from_tracer_alone(get: Get) -> None:
    entry = get("traces.localhost:8000", "/?trace=x")
    assert (entry.status, entry.headers["content-type"]) == (200, "text/html; charset=utf-8")
    policy = dict(part.strip().partition(" ")[::2] for part in entry.headers["content-security-policy"].split(";"))
    assert policy["connect-src"] == "'self' http://127.0.0.1:8000 http://localhost:8000"
    assert policy["default-src"] == policy["base-uri"] == policy["form-action"] == "'none'"
    assert re.fullmatch(r"'self' 'sha256-[\w+/=]+'", policy["script-src"])
    worker = get("TRACES.localhost", "/sw.bundle.js")
    assert (worker.status, worker.headers["cache-control"]) == (200, "no-cache")
    assert "connect-src 'self' http://127.0.0.1 http://localhost;" in worker.headers["content-security-policy"]
    script = re.search(rb'src="\./(index[^"]+\.js)"', entry.body)
    assert script is not None
    found = get("traces.localhost", f"/{script[1].decode()}")
    assert (found.status, found.headers["content-type"]) == (200, "text/javascript; charset=utf-8")
    assert "immutable" in found.headers["cache-control"]
    assert get("traces.localhost", "/", "HEAD").status == 200
    for answer in (entry, worker, found):
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "set-cookie" not in answer.headers


@pytest.mark.parametrize(
    "path",
    ["/login", "/v1/monitors", "/health", "/openapi.json", "/static/pages.js", "/v1/probe/lease", "/ping/x",
     "/status/x", "/artifacts/art_x", "/../index.html", "/%2e%2e/index.html", "/assets/", "/assets/../../x"],
)  # fmt: skip
def test_nothing_else_is_at_its_name(get: Get, path: str) -> None:
    answer = get("traces.localhost", path)
    assert answer.status == 404
    assert "nothing else" in answer.json["error"]["message"]


def test_nobody_signs_in_at_its_name(get: Get) -> None:
    assert get("traces.localhost", "/login", "POST", b"").status == 405
    assert get("traces.localhost", "/", "POST", b"x").status == 405


@pytest.mark.parametrize("host", ["127.0.0.1:8000", "localhost", "tracer.example", "", "traces.localhost.evil", "a@b"])
def test_it_is_at_no_other_name(get: Get, host: str) -> None:
    assert get(host, "/sw.bundle.js").status == 404
    assert get(host, "/health").status == 503, "Tracer itself, whose scheduler does not run here"


def test_with_a_name_of_its_own_it_is_there_and_not_at_the_local_one(
    app: Flask, database: Database, keyring: Keyring
) -> None:
    settings = Settings(port=0, public_url="https://tracer.example", traces_url="https://traces.example")
    with Server(app, database, keyring, settings) as server:
        get = _getter(server)
        entry = get("traces.example", "/")
        assert "connect-src 'self' https://tracer.example;" in entry.headers["content-security-policy"]
        assert get("traces.localhost", "/sw.bundle.js").status == 404


@pytest.mark.parametrize(
    ("given", "host", "link"),
    [
        ({}, "127.0.0.1:8000", "http://traces.localhost:8000/?trace=http%3A%2F%2F127.0.0.1%3A8000%2Fartifacts%2Fart_01.1.x"),
        ({}, "localhost:9000", "http://traces.localhost:9000/?trace=http%3A%2F%2Flocalhost%3A9000%2Fartifacts%2Fart_01.1.x"),
        ({}, "tracer.example", None),
        ({"public_url": "https://tracer.example"}, "127.0.0.1:8000", None),
        ({"public_url": "https://tracer.example/", "traces_url": "https://traces.example/"}, "x",
         "https://traces.example/?trace=https%3A%2F%2Ftracer.example%2Fartifacts%2Fart_01.1.x"),
    ],
)  # fmt: skip
def test_a_trace_opens_where_it_can_be_shown_apart(given: dict[str, Any], host: str, link: str | None) -> None:
    assert viewer_link(Settings(**given), host, TRACE) == link


def test_without_playwright_there_is_no_viewer(get: Get, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trace_viewer, "_files", dict)
    assert viewer_link(Settings(), "127.0.0.1:8000", TRACE) is None
    assert get("traces.localhost", "/").status == 404


def test_another_place_of_the_package_is_no_viewer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trace_viewer, "find_spec", lambda _: None)
    trace_viewer._files.cache_clear()
    assert viewer_link(Settings(), "127.0.0.1:8000", TRACE) is None
    monkeypatch.undo()
    trace_viewer._files.cache_clear()
    assert viewer_link(Settings(), "127.0.0.1:8000", TRACE) is not None


@pytest.mark.parametrize(
    ("traces_url", "said"),
    [
        ("https://tracer.example:8443", "must have another host than TRACER_PUBLIC_URL"),
        ("https://TRACER.example", "must have another host"),
        ("https://traces.example/viewer", "with no path"),
        ("traces.example", "must begin with http"),
    ],
)
def test_a_name_that_would_not_keep_it_apart_is_refused(traces_url: str, said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        Settings(public_url="https://tracer.example", traces_url=traces_url)
