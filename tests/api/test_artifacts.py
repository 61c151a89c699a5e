"""Artifacts from the probe's upload to the link that opens one: over real sockets, on both stores."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from flask import Flask

import api.artifact_uploads
from alerts.record import record
from api.app import create_app
from api.artifact_links import LASTS_MS
from api.server import Server
from model.evidence import Evidence, StepResult
from model.finished import Finished
from model.settings import Settings
from store.keyring import Keyring
from store.probes import register_probe
from store.sessions import EVERY_ORGANIZATION, Database
from store.statements import run as run_statement
from store.write_lock import Urgency
from tests.alerts.recording import add_check, measured
from tests.api.conftest import PUBLIC_URL, Client, MakeKey
from tests.api.wire import Answer, Line, ask
from tests.conftest import Clock

PNG = b"\x89PNG\r\n\x1a\n" + b"picture" * 10
SVG = b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path / "data", port=0, public_url=PUBLIC_URL, artifacts_gb=0.001)


@pytest.fixture
def server(app: Flask, database: Database, keyring: Keyring, settings: Settings) -> Iterator[Server]:
    with Server(app, database, keyring, settings) as serving:
        yield serving


class Studio:
    """A probe's upload, and runs that name what it sent."""

    def __init__(self, server: Server, database: Database, keyring: Keyring, organization: str, clock: Clock) -> None:
        self.server, self.database, self.organization, self.clock = server, database, organization, clock
        self.check = add_check(database, organization)
        with database.write(EVERY_ORGANIZATION, Urgency.PEOPLE) as session:
            _, self.key = register_probe(session, keyring, organization, ("p", "local"), clock.now_ms)

    def put(self, content: bytes, digest: str | None = None, *headers: str, key: str | None = None) -> Answer:
        path = f"/v1/probe/artifacts/{digest or hashlib.sha256(content).hexdigest()}"
        return ask(self.server, "PUT", path, content, f"Authorization: Bearer {key or self.key}", *headers)

    def keep(self, content: bytes) -> str:
        answer = self.put(content)
        assert (answer.status, answer.json) == (200, {"stored": True}), answer.body
        return hashlib.sha256(content).hexdigest()

    def run(self, *artifacts: Evidence, steps: tuple[StepResult, ...] = ()) -> str:
        self.clock.advance(10_000)
        done = measured(
            self.organization, self.check, self.clock.now_ms, passed=False, artifacts=artifacts, steps=steps
        )
        return self.record(done)

    def record(self, done: Finished) -> str:
        with self.database.write(EVERY_ORGANIZATION, Urgency.RESULTS) as session:
            assert record(session, [done], self.clock.now_ms) == []
        return done.run_id

    def shown(self, content: bytes, kind: Any = "screenshot", content_type: str = "image/png") -> str:
        """The run that shows this content."""
        return self.run(Evidence(kind, self.keep(content), content_type, len(content), 0))


@pytest.fixture
def studio(server: Server, database: Database, keyring: Keyring, organization: str, clock: Clock) -> Studio:
    return Studio(server, database, keyring, organization, clock)


def link_of(owner: Client, run_id: str, place: int = 0) -> str:
    """The path of an artifact's signed link."""
    url = owner.data("GET", f"/v1/runs/{run_id}/artifacts")[place]["url"]
    assert url.startswith(f"{PUBLIC_URL}/artifacts/")
    return urlsplit(url).path


def test_what_a_probe_sends_is_listed_with_its_run_and_opens_without_a_key(
    studio: Studio, owner: Client, clock: Clock
) -> None:
    content = random.Random(1).randbytes(200_000)
    run_id = studio.shown(content)
    [listed] = owner.data("GET", f"/v1/runs/{run_id}/artifacts")
    assert listed["id"].startswith("art_")
    assert {**listed, "id": "", "url": ""} == {
        "id": "", "type": "screenshot", "content_type": "image/png", "size_bytes": 200_000, "step_index": 0,
        "url": "", "expires_at": "2024-01-15T10:35:10.000Z",
    }  # fmt: skip
    answer = ask(studio.server, "GET", link_of(owner, run_id))
    assert (answer.status, answer.body) == (200, content)


def test_sent_again_it_is_stored_once(studio: Studio, settings: Settings) -> None:
    digest = studio.keep(PNG)
    assert studio.keep(PNG) == digest
    files = [path for path in (settings.data_dir / "artifacts").rglob("*") if path.is_file()]
    assert [path.name for path in files] == [digest[2:]]


@pytest.mark.parametrize("key", ["tprb_nobody", ""])
def test_only_a_probe_may_send(studio: Studio, key: str, settings: Settings) -> None:
    assert studio.put(PNG, key=key or " ").status == 401
    assert not (settings.data_dir / "artifacts").exists()


def test_an_api_key_is_no_probes_key(studio: Studio, make_key: MakeKey) -> None:
    assert studio.put(PNG, key=make_key()).status == 401


def test_other_content_than_the_address_says_is_409_and_leaves_nothing(studio: Studio, settings: Settings) -> None:
    assert studio.put(PNG, "0" * 64).code == "conflict"
    assert [path for path in (settings.data_dir / "artifacts").rglob("*") if path.is_file()] == []


@pytest.mark.parametrize("name", ["", "../../secret.keys", "..%2fsecret", "A" * 64, "0" * 63, "0" * 65, "0" * 64 + "/"])
def test_an_address_that_is_no_digest_is_404(studio: Studio, name: str) -> None:
    answer = ask(studio.server, "PUT", f"/v1/probe/artifacts/{name}", PNG, f"Authorization: Bearer {studio.key}")
    assert answer.code == "not_found"


def test_more_than_50_mib_is_413_before_it_is_sent(studio: Studio) -> None:
    with Line(studio.server) as line:
        line.send(
            b"PUT /v1/probe/artifacts/" + b"0" * 64 + b" HTTP/1.1\r\nHost: t\r\nContent-Length: 52428801\r\n"
            b"Authorization: Bearer " + studio.key.encode() + b"\r\n\r\n"
        )
        assert line.answer().code == "too_large"


def test_a_body_of_unknown_length_is_411(studio: Studio) -> None:
    with Line(studio.server) as line:
        line.send(
            b"PUT /v1/probe/artifacts/" + b"0" * 64 + b" HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n"
            b"Authorization: Bearer " + studio.key.encode() + b"\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
        )
        assert line.answer().status == 411


def test_only_put_is_taken(studio: Studio) -> None:
    answer = ask(studio.server, "GET", f"/v1/probe/artifacts/{'0' * 64}", b"", f"Authorization: Bearer {studio.key}")
    assert (answer.status, answer.headers["allow"]) == (405, "PUT")


def test_no_room_is_507_and_says_so(studio: Studio, owner: Client) -> None:
    content = b"x" * 900_000
    run_id = studio.shown(content)
    answer = studio.put(b"y" * 200_000)
    assert (answer.status, answer.code) == (507, "storage_full")
    assert len(owner.data("GET", f"/v1/runs/{run_id}/artifacts")) == 1


def test_too_many_at_once_are_told_to_come_back(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api.artifact_uploads, "AT_ONCE", 0)
    answer = studio.put(PNG)
    assert (answer.status, answer.headers["retry-after"]) == (503, "1")


def test_an_upload_that_breaks_off_leaves_nothing_and_can_be_repeated(studio: Studio, settings: Settings) -> None:
    digest = hashlib.sha256(PNG).hexdigest()
    with Line(studio.server) as line:
        line.send(
            f"PUT /v1/probe/artifacts/{digest} HTTP/1.1\r\nHost: t\r\nContent-Length: {len(PNG)}\r\n"
            f"Authorization: Bearer {studio.key}\r\n\r\n".encode()
            + PNG[:20]
        )
    studio.keep(PNG)
    assert studio.shown(PNG)


def test_pictures_may_be_looked_at_and_everything_is_in_a_sandbox(studio: Studio, owner: Client) -> None:
    answer = ask(studio.server, "GET", link_of(owner, studio.shown(PNG)))
    headers = answer.headers
    assert headers["content-type"] == "image/png"
    assert headers["content-disposition"].startswith("inline")
    assert headers["content-security-policy"] == "sandbox; default-src 'none'"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cache-control"] == "no-store"
    assert headers["referrer-policy"] == "no-referrer"
    assert "access-control-allow-origin" not in headers
    assert "etag" not in headers


@pytest.mark.parametrize(
    ("content", "content_type"),
    [(SVG, "image/svg+xml"), (b"<script>alert(1)</script>", "text/html"), (SVG, "application/xhtml+xml")],
)
def test_svg_and_html_are_bytes_to_be_saved(studio: Studio, owner: Client, content: bytes, content_type: str) -> None:
    answer = ask(studio.server, "GET", link_of(owner, studio.shown(content, content_type=content_type)))
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-disposition"].startswith("attachment")
    assert "sandbox" in answer.headers["content-security-policy"]


def test_a_trace_is_read_by_a_viewer_of_another_origin_whole_or_in_parts(
    studio: Studio, owner: Client, app: Flask
) -> None:
    content = b"PK\x03\x04" + bytes(range(256)) * 4
    link = link_of(owner, studio.shown(content, "trace", "application/zip"))
    origin = "Origin: https://trace.playwright.dev"
    preflight = app.test_client().options(link, headers={"Access-Control-Request-Headers": "range"})
    assert (preflight.status_code, preflight.headers["Access-Control-Allow-Headers"]) == (204, "Range")
    whole = ask(studio.server, "GET", link, b"", origin)
    assert (whole.status, whole.body) == (200, content)
    assert whole.headers["access-control-allow-origin"] == "*"
    assert whole.headers["accept-ranges"] == "bytes"
    assert "-trace.zip" in whole.headers["content-disposition"]
    part = ask(studio.server, "GET", link, b"", origin, "Range: bytes=4-19")
    assert (part.status, part.body) == (206, bytes(range(16)))
    assert part.headers["content-range"] == f"bytes 4-19/{len(content)}"


def test_a_link_lives_five_minutes(studio: Studio, owner: Client, clock: Clock) -> None:
    link = link_of(owner, studio.shown(PNG))
    clock.advance(LASTS_MS - 1)
    assert ask(studio.server, "GET", link).status == 200
    clock.advance(1)
    answer = ask(studio.server, "GET", link)
    assert (answer.status, "expired" in answer.json["error"]["message"]) == (403, True)


def test_every_altered_link_is_refused(studio: Studio, owner: Client, app: Flask) -> None:
    link, client, chance = link_of(owner, studio.shown(PNG)), app.test_client(), random.Random(7)
    letters = "abcXYZ0189-_.~"
    altered = {link + tail for tail in (*letters, "?x=1", "?", "/", "%00", "=")} - {link + "?"}
    altered |= {link[:-1], link.replace("art_", "art_0"), link.upper(), link.replace("/artifacts/", "/artifacts/./")}
    for place in range(len("/artifacts/"), len(link)):
        altered |= {link[:place] + letter + link[place + 1 :] for letter in chance.sample(letters, 6)} - {link}
        altered |= {link[:place] + link[place + 1 :], link[:place] + chance.choice(letters) + link[place:]}
    altered -= {link}
    assert len(altered) > 500
    statuses = {path: client.get(path).status_code for path in altered}
    assert {path: status for path, status in statuses.items() if status not in (401, 403, 404)} == {}
    with client.get(link) as opened:
        assert opened.data == PNG


def test_a_link_of_one_installation_opens_nothing_of_another(
    studio: Studio, owner: Client, database: Database, settings: Settings
) -> None:
    link = link_of(owner, studio.shown(PNG))
    other = create_app(database, Keyring({"k1": bytes(range(32))}, b"other pepper"), settings)
    assert other.test_client().get(link).status_code == 403


def test_an_artifact_that_has_made_room_is_404(
    studio: Studio, owner: Client, server: Server, database: Database
) -> None:
    run_id = studio.shown(PNG)
    link = link_of(owner, run_id)
    with database.write(EVERY_ORGANIZATION, Urgency.RESULTS) as session:
        server.artifacts.quota.forget_runs(session, [run_id])
    assert ask(studio.server, "GET", link).code == "not_found"
    assert owner.data("GET", f"/v1/runs/{run_id}/artifacts") == []


def test_the_id_leads_whoever_may_read_to_a_fresh_link(
    studio: Studio, owner: Client, app: Flask, client_of: Callable[..., Client], make_organization: Callable[[str], str]
) -> None:
    run_id = studio.shown(PNG)
    [listed] = owner.data("GET", f"/v1/runs/{run_id}/artifacts")
    path = f"/artifacts/{listed['id']}"
    answer = owner("GET", path)
    assert (answer.status_code, answer.headers["Cache-Control"]) == (302, "no-store")
    with app.test_client().get(answer.headers["Location"]) as opened:
        assert opened.data == PNG
    assert app.test_client().get(path).status_code == 401
    assert client_of("ingest")("GET", path).status_code == 403
    stranger = client_of("read", organization_id=make_organization("Other"))
    assert stranger("GET", path).status_code == 404
    assert stranger("GET", f"/v1/runs/{run_id}/artifacts").status_code == 404
    assert stranger("GET", f"/v1/runs/{run_id}/steps").status_code == 404


def test_a_person_with_a_browser_is_told_on_a_page(studio: Studio, owner: Client, app: Flask) -> None:
    link = link_of(owner, studio.shown(PNG))
    answer = app.test_client().get(link[:-1] + "~", headers={"Accept": "text/html"})
    assert answer.status_code == 403
    assert "text/html" in answer.content_type
    assert "This link" in answer.get_data(as_text=True) or "not a link" in answer.get_data(as_text=True)


def test_steps_say_how_each_went_and_which_picture_shows_it(studio: Studio, owner: Client) -> None:
    first, second = studio.keep(PNG), studio.keep(PNG + b"2")
    steps = (
        StepResult(0, "goto", "success", duration_ms=412.60049, screenshot=first),
        StepResult(1, "click", "failed", name="Sign in", duration_ms=5000.0, error="covered", screenshot=second),
        StepResult(2, "screenshot", "skipped"),
    )
    run_id = studio.run(
        Evidence("screenshot", first, "image/png", 1, 0), Evidence("screenshot", second, "image/png", 1, 1), steps=steps
    )
    ids = {row["step_index"]: row["id"] for row in owner.data("GET", f"/v1/runs/{run_id}/artifacts")}
    assert owner.data("GET", f"/v1/runs/{run_id}/steps") == [
        {
            "index": 0, "type": "goto", "name": None, "status": "success", "duration_ms": 412.6, "error": None,
            "screenshot_id": ids[0],
        },
        {
            "index": 1, "type": "click", "name": "Sign in", "status": "failed", "duration_ms": 5000,
            "error": "covered", "screenshot_id": ids[1],
        },
        {
            "index": 2, "type": "screenshot", "name": None, "status": "skipped", "duration_ms": None, "error": None,
            "screenshot_id": None,
        },
    ]  # fmt: skip


def test_a_monitors_run_has_neither_steps_nor_artifacts(studio: Studio, owner: Client) -> None:
    run_id = studio.run()
    assert owner.data("GET", f"/v1/runs/{run_id}/steps") == []
    assert owner.data("GET", f"/v1/runs/{run_id}/artifacts") == []


def test_the_log_line_of_a_download_does_not_hold_the_link(
    studio: Studio, owner: Client, capsys: pytest.CaptureFixture[str]
) -> None:
    link = link_of(owner, studio.shown(PNG))
    ask(studio.server, "GET", link)
    assert link.rpartition(".")[2] not in capsys.readouterr().out


def test_the_picture_of_a_step_that_made_room_is_not_named(studio: Studio, owner: Client, database: Database) -> None:
    digest = studio.keep(PNG)
    run_id = studio.run(
        Evidence("screenshot", digest, "image/png", 1, 0), steps=(StepResult(0, "goto", "success", screenshot=digest),)
    )
    with database.write(EVERY_ORGANIZATION, Urgency.RESULTS) as session:
        run_statement(session, "DELETE FROM artifacts WHERE run_id = ?", run_id)
    assert owner.data("GET", f"/v1/runs/{run_id}/steps")[0]["screenshot_id"] is None
