"""Heartbeat addresses: what they answer, and that OK means stored."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from flask import Flask
from sqlalchemy.exc import OperationalError

import api.pings
import api.server
from api.errors import NotFound
from api.pings import PER_MINUTE, Rate, read_path
from api.server import Server
from model.heartbeat import KEPT_BODY_BYTES, HeartbeatCheck, Signal
from model.settings import Settings
from store.checks import create_check
from store.heartbeat_rows import ping_token
from store.keyring import Keyring
from store.sessions import EVERY_ORGANIZATION, Database
from store.tables import Heartbeat, Run
from store.write_lock import Urgency
from tests.alerts.recording import rows_of
from tests.api.wire import Line, ask
from tests.conftest import Clock


class Job:
    """A heartbeat monitor and the address its job calls."""

    def __init__(self, database: Database, keyring: Keyring, organization: str, clock: Clock) -> None:
        definition = HeartbeatCheck.model_validate({"name": "Backup", "type": "heartbeat", "interval": 3600})
        with database.write(organization, Urgency.PEOPLE) as session:
            self.check_id = create_check(session, keyring, organization, definition, clock.now_ms).id
            row = session.get_one(Heartbeat, self.check_id)
        self.database = database
        self.token = ping_token(keyring, row)
        self.path = f"/ping/{self.token}"

    @property
    def statuses(self) -> list[str]:
        return [row["status"] for row in sorted(rows_of(self.database, Run), key=lambda row: row["at_ms"])]

    @property
    def body(self) -> bytes | None:
        with self.database.read(EVERY_ORGANIZATION) as session:
            return session.get_one(Heartbeat, self.check_id).body


@pytest.fixture
def job(database: Database, keyring: Keyring, organization: str, clock: Clock) -> Job:
    return Job(database, keyring, organization, clock)


@pytest.fixture
def server(database: Database, keyring: Keyring) -> Iterator[Server]:
    with Server(Flask("people"), database, keyring, Settings(port=0)) as serving:
        yield serving


def test_a_ping_is_answered_ok_once_its_run_is_stored(server: Server, job: Job) -> None:
    answer = ask(server, "GET", job.path)
    assert (answer.status, answer.body, answer.headers["content-type"]) == (200, b"OK", "text/plain; charset=utf-8")
    assert job.statuses == ["success"]


def test_get_head_and_post_all_count(server: Server, job: Job, clock: Clock) -> None:
    for method in ("GET", "HEAD", "POST"):
        assert ask(server, method, job.path).status == 200
        clock.advance(3_600_000)
    assert job.statuses == ["success"] * 3
    assert ask(server, "DELETE", job.path).headers["allow"] == "GET, HEAD, POST"


def test_fail_and_an_exit_code_end_the_period_as_failed(server: Server, job: Job, clock: Clock) -> None:
    for word in ("/fail", "/0", "/3"):
        assert ask(server, "POST", job.path + word).status == 200
        clock.advance(3_600_000)
    assert job.statuses == ["failed", "success", "failed"]


def test_start_and_log_make_no_run(server: Server, job: Job) -> None:
    assert [ask(server, "GET", job.path + word).body for word in ("/start", "/log")] == [b"OK", b"OK"]
    assert job.statuses == []


def test_the_first_10_kb_of_what_is_posted_are_kept_and_the_rest_is_no_error(server: Server, job: Job) -> None:
    posted = bytes(range(256)) * 20_000
    assert ask(server, "POST", job.path, posted).status == 200
    assert job.body == posted[:KEPT_BODY_BYTES]


def test_unknown_tokens_and_words_are_404(server: Server, job: Job) -> None:
    for path in (
        "/ping/",
        "/ping/unknown",
        "/ping/%00",
        "/ping/" + "a" * 5000,
        "/ping/%F0%9F%98%80",
        job.path + "/256",
        job.path + "/-1",
        job.path + "/stop",
        job.path + "/start/x",
        job.path + "/",
    ):
        expected = 200 if path == job.path + "/" else 404
        assert ask(server, "GET", path).status == expected, path


def test_over_60_a_minute_is_429_with_retry_after(server: Server, job: Job) -> None:
    with Line(server) as line:
        for _ in range(PER_MINUTE):
            line.request("GET", job.path + "/log")
            assert line.answer().status == 200
        line.request("GET", job.path)
        answer = line.answer()
    assert (answer.status, answer.code) == (429, "rate_limited")
    assert 1 <= int(answer.headers["retry-after"]) <= 60
    assert job.statuses == []


def test_a_ping_that_could_not_be_stored_is_not_ok(server: Server, job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: object) -> None:
        raise OperationalError("COMMIT", {}, Exception("disk full"))

    monkeypatch.setattr(api.pings, "record", away)
    answer = ask(server, "GET", job.path)
    assert (answer.status, answer.code) == (503, "unavailable")
    assert job.statuses == []
    monkeypatch.undo()
    assert ask(server, "GET", job.path).status == 200


def test_overload_is_503_with_retry_after(
    database: Database, keyring: Keyring, job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    inside, door = threading.Event(), threading.Event()

    def slow(*_: object) -> None:
        inside.set()
        door.wait(10)

    monkeypatch.setattr(api.server, "PING_THREADS", 1)
    monkeypatch.setattr(api.server, "PING_WAITING", 0)
    monkeypatch.setattr(api.pings, "record", slow)
    with Server(Flask("people"), database, keyring, Settings(port=0)) as server, Line(server) as line:
        line.request("GET", job.path)
        assert inside.wait(5)
        answer = ask(server, "GET", job.path)
        assert (answer.status, answer.headers["retry-after"]) == (503, "1")
        door.set()
        assert line.answer().status == 200


def test_the_rate_is_of_a_sliding_minute_and_of_each_token_alone() -> None:
    now = [0.0]
    rate = Rate(lambda: now[0])
    assert not any(rate.take("a") for _ in range(PER_MINUTE))
    assert rate.take("a") > 0
    assert rate.take("b") == 0
    now[0] = 59.9
    assert rate.take("a") > 0
    now[0] = 60.0
    assert rate.take("a") == 0


def test_paths_say_signals() -> None:
    assert read_path("/ping/tok") == ("tok", Signal("success"))
    assert read_path("/ping/tok/0") == ("tok", Signal("success", 0))
    assert read_path("/ping/tok/137") == ("tok", Signal("fail", 137))
    with pytest.raises(NotFound):
        read_path("/ping/tok/٣")
