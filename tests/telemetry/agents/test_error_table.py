"""Every line of seed 002's error table, for the paths that agents and consoles use: the status, and the words."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from flask import Flask

from api import agent_access
from api.server import Server
from api.serving_pools import Pool
from model.settings import Settings
from store.keyring import Keyring
from store.sessions import Database
from tests.api.client import Client
from tests.api.wire import ask
from tests.telemetry.agents.running import RUN, append, begin, event
from tests.telemetry.agents.uploading import PNG, digest, kept, register, send
from tests.telemetry.reporting import make_project
from tests.telemetry.test_error_tables import said

OF_A_RUN = (
    ("GET", "events", None), ("POST", "events", event(1)), ("POST", "artifacts", {"content_type": "image/png",
     "size_bytes": 1, "sha256": digest(b"x")}), ("GET", "analysis", None), ("POST", "analyze", None),
)  # fmt: skip
EVERY = (("POST", "/api/traces", RUN), ("GET", "/api/sessions", None), ("GET", "/api/stream", None),
         *((method, f"/api/traces/trace_1/{name}", body) for method, name, body in OF_A_RUN))  # fmt: skip
WRITE = [each for each in EVERY if each[0] == "POST" and not each[1].endswith("analyze")]
sqlite_only = pytest.mark.parametrize("store", ["sqlite"], indirect=True)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path / "data", port=0)


@pytest.fixture
def run(owner: Client) -> dict[str, Any]:
    return begin(owner)


@sqlite_only
@pytest.mark.parametrize(("method", "path", "_body"), WRITE)
def test_400_is_a_body_that_is_malformed(owner: Client, run: Any, method: str, path: str, _body: Any) -> None:
    for body in (b"{", b"\xff", b'{"seq": NaN}', b""):
        said(owner(method, path, data=body, content_type="application/json"), 400, "malformed")


@sqlite_only
@pytest.mark.parametrize(("method", "path", "body"), EVERY)
def test_401_is_who_shows_nothing_that_opens_anything(
    owner: Client, run: Any, method: str, path: str, body: Any
) -> None:
    said(owner.client.open(path, method=method, json=body), 401, "unauthorized")
    said(Client(owner.client, "nobodys")(method, path, body), 401, "unauthorized")
    said(Client(owner.client, "a.b.c")(method, path, body), 401, "unauthorized")


@sqlite_only
@pytest.mark.parametrize(("method", "path", "body"), EVERY)
def test_403_is_another_project_or_a_key_that_may_not(
    owner: Client, client_of: Callable[..., Client], method: str, path: str, body: Any
) -> None:
    mine, other = (make_project(owner, slug=slug).project for slug in ("mine", "other"))
    begin(owner, project_id=mine["slug"])
    asked = {"name": "k", "scopes": ["read", "run", "ingest"], "projects": [other["slug"]]}
    key = Client(owner.client, owner.data("POST", "/v1/api-keys", asked, status=201)["key"])
    there = path
    if path in ("/api/sessions", "/api/stream"):
        there = f"{path}?project_id=mine"
    said(key(method, there, {**body, "project_id": "mine"} if path == "/api/traces" else body), 403, "forbidden")
    said(
        client_of("write")(method, path, body) if method == "POST" else client_of("ingest")(method, path),
        403,
        "forbidden",
    )


@sqlite_only
@pytest.mark.parametrize(("method", "name", "body"), OF_A_RUN)
def test_404_is_a_run_that_is_none_or_another_workspaces(
    owner: Client, client_of: Callable[..., Client], make_organization: Any, method: str, name: str, body: Any
) -> None:
    begin(owner)
    stranger = client_of("read", "run", "ingest", organization_id=make_organization("Other"))
    said(stranger(method, f"/api/traces/trace_1/{name}", body), 404, "not_found")
    said(owner(method, f"/api/traces/none/{name}", body), 404, "not_found")
    artifact = kept(owner)
    said(stranger("GET", f"/artifacts/{artifact}"), 404, "not_found")
    for nothing in ("art_00000000000000", "art_x", "art_"):
        answer = owner("GET", f"/artifacts/{nothing}")
        said(answer, 404, "not_found")
        assert set(answer.get_json()) == {"error"}, "no envelope, as all of seed 002"


@sqlite_only
def test_409_is_a_seq_a_key_a_run_or_an_artifact_that_is_another_one(owner: Client, run: Any) -> None:
    append(owner, event(5), status=201)
    for other in (event(5, idempotency_key="new"), event(4, idempotency_key="new"), event(5, step=7)):
        said(owner("POST", "/api/traces/trace_1/events", other), 409, "conflict")
    said(owner("POST", "/api/traces", {**RUN, "name": "Another"}), 409, "conflict")
    register(owner)
    said(register(owner, size_bytes=1), 409, "conflict")


@sqlite_only
def test_413_is_what_is_too_large(owner: Client, run: Any) -> None:
    for path, most in (("/api/traces", 5 << 20), ("/api/traces/trace_1/events", 5 << 20)):
        said(owner("POST", path, data=b" " * (most + 1), content_type="application/json"), 413, "too_large")
    said(owner("POST", "/api/traces/trace_1/artifacts", data=b" " * (1 << 20) + b"{}", content_type="application/json"),
         413, "too_large")  # fmt: skip
    said(register(owner, size_bytes=(100 << 20) + 1), 413, "too_large")


@sqlite_only
@pytest.mark.parametrize(("name", "size"), [("artifacts", 105 << 20), ("events", 22 << 20)])
def test_413_is_read_by_who_sends_all_before_it_looks(
    app: Flask, owner: Client, run: Any, database: Database, keyring: Keyring, settings: Settings, name: str, size: int
) -> None:
    kind = "multipart/form-data; boundary=x" if name == "artifacts" else "application/json"
    with Server(app, database, keyring, settings) as server:
        asked = Request(f"{server.url}/api/traces/trace_1/{name}", b" " * size, method="POST")
        asked.add_header("Authorization", f"Bearer {owner.key}")
        asked.add_header("Content-Type", kind)
        with pytest.raises(HTTPError) as caught:
            urlopen(asked, timeout=30)
    with caught.value as answer:
        found = json.load(answer)["error"]
    most = "100 MiB" if name == "artifacts" else "5 MiB"
    assert (answer.status, found["code"], found["message"]) == (413, "too_large", f"The body is larger than {most}")


@sqlite_only
def test_415_is_a_type_that_is_not_taken_or_is_forged(owner: Client, run: Any) -> None:
    said(send(owner, b"<html>", "image/png"), 415, "unsupported_media_type")
    said(send(owner, b"<html>", "text/html"), 415, "unsupported_media_type")
    for path in ("/api/traces", "/api/traces/trace_1/artifacts", "/api/traces/trace_1/events"):
        for kind in ("text/plain", "application/x-www-form-urlencoded"):
            answer = owner("POST", path, data=b"{}", content_type=kind)
            said(answer, 415, "unsupported_media_type")


@sqlite_only
def test_422_is_what_can_be_read_and_is_not_acceptable(owner: Client, run: Any) -> None:
    for path, body in (
        ("/api/traces", {**RUN, "name": ""}),
        ("/api/traces", []),
        ("/api/traces/trace_1/events", event(0)),
        ("/api/traces/trace_1/events", {**event(1), "type": "thought"}),
        ("/api/traces/trace_1/artifacts", {"content_type": "image/png", "size_bytes": 1, "sha256": "x"}),
    ):
        answer = owner("POST", path, body)
        said(answer, 422, "invalid")
        assert answer.get_json()["error"]["fields"]
    said(send(owner, PNG, sha256="0" * 64), 422, "invalid")
    for path in ("/api/sessions?limit=0", "/api/sessions?status=x", "/api/stream?after_seq=x",
                 "/api/traces/trace_1/events?limit=1001"):  # fmt: skip
        said(owner("GET", path), 422, "invalid")


@sqlite_only
@pytest.mark.parametrize(("method", "path", "body"), EVERY)
def test_429_is_who_tries_key_after_key(owner: Client, run: Any, method: str, path: str, body: Any) -> None:
    guess = Client(owner.client, "nobodys")
    statuses = [guess(method, path, body).status_code for _ in range(62)]
    assert set(statuses) == {401, 429}
    answer = guess(method, path, body)
    said(answer, 429, "rate_limited")
    assert int(answer.headers["Retry-After"]) > 0


@sqlite_only
def test_429_is_more_at_once_than_the_server_takes(
    app: Flask, owner: Client, run: Any, database: Database, keyring: Keyring, settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """Whose turn does not come hears so in the seed's word; elsewhere it is 503."""
    with Server(app, database, keyring, settings) as server:
        for pool in vars(server).values():
            if isinstance(pool, Pool):
                monkeypatch.setattr(pool, "_most", 0)
        auth = f"Authorization: Bearer {owner.key}"
        for method, path, _ in EVERY:
            answer = ask(
                server, method, path, b"{}" if method == "POST" else b"", auth, "Content-Type: application/json"
            )
            assert (answer.status, answer.code) == (429, "rate_limited"), path
            assert answer.headers["retry-after"] == "1"
            assert answer.json["error"]["request_id"] == answer.headers["x-request-id"]
        assert ask(server, "GET", "/v1/monitors", b"", auth).status == 503


@sqlite_only
@pytest.mark.parametrize(("method", "path", "body"), EVERY)
def test_500_is_our_fault_and_tells_no_more_than_its_request_id(
    owner: Client, run: Any, method: str, path: str, body: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_session: Any, *_: Any) -> Any:
        raise RuntimeError("the secret inside")

    monkeypatch.setattr(agent_access, "list_projects", broken)
    answer = owner(method, path, body)
    said(answer, 500, "internal")
    assert "secret" not in answer.get_data(as_text=True)


@sqlite_only
def test_agents_that_storm_in_have_threads_of_their_own(
    app: Flask, owner: Client, run: Any, database: Database, keyring: Keyring, settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    with Server(app, database, keyring, settings) as server:
        monkeypatch.setattr(server._for_intake, "_most", 0)
        headers = (f"Authorization: Bearer {owner.key}", "Content-Type: application/json")
        assert [ask(server, "POST", path, b"{}", *headers).status for path in WRITTEN] == [429, 429, 200]


WRITTEN = ("/api/traces", "/api/traces/trace_1/events", "/api/traces/trace_1/analyze")
