"""Files of agents' runs: taken for what they are, once a run, and opened by who may read the run, while they may."""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from hypothesis import given
from hypothesis import settings as given_settings
from hypothesis import strategies as st

from api.artifact_links import LASTS_MS
from api.errors import Malformed
from api.file_forms import Sent, read_form
from api.server import Server
from api.services import Services, install
from model.settings import Settings
from store.keyring import Keyring
from store.sessions import EVERY_ORGANIZATION, Database
from store.write_lock import Urgency
from tests.api.client import Client
from tests.api.conftest import PUBLIC_URL
from tests.api.people import Crowd
from tests.api.wire import Line, ask
from tests.conftest import Clock
from tests.telemetry.agents.running import begin
from tests.telemetry.agents.test_json_web_tokens import SECRET, signed
from tests.telemetry.agents.test_media import SHOWN
from tests.telemetry.agents.uploading import PNG, digest, kept, opened, register, send
from tests.telemetry.reporting import make_project

HTML = b"<html><script>alert(1)</script></html>"
MIB = 1 << 20


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path / "data", port=0, public_url=PUBLIC_URL, jwt_secret=SECRET, artifacts_gb=0.3)


@pytest.fixture
def run(owner: Client) -> dict[str, Any]:
    return begin(owner)


def status_of(client: Client, link: str) -> int:
    """What whoever has this link and no key is told."""
    with client.client.get(link) as answer:
        return int(answer.status_code)


def files(settings: Settings) -> list[Path]:
    return [path for path in (settings.data_dir / "artifacts").rglob("*") if path.is_file()]


@pytest.mark.parametrize(("content_type", "content"), SHOWN.items())
def test_what_is_uploaded_is_opened_again_and_runs_nothing(
    owner: Client, run: dict[str, Any], organization: str, settings: Settings, content_type: str, content: bytes
) -> None:
    answer = send(owner, content, content_type)
    assert answer.status_code == 201
    sha256 = digest(content)
    path = f"artifacts/{organization}/{sha256[:2]}/{sha256[2:]}"
    assert answer.get_json() == {"artifact_id": answer.get_json()["artifact_id"], "storage_path": path}
    assert (settings.data_dir / path).read_bytes() == content
    with opened(owner, answer.get_json()["artifact_id"]) as shown:
        assert (shown.status_code, shown.data, shown.mimetype) == (200, content, content_type)
        assert shown.headers["Content-Security-Policy"] == "sandbox; default-src 'none'"
        disposition = shown.headers["Content-Disposition"]
        assert disposition.startswith("inline" if content_type.startswith("image/") else "attachment")
    assert owner("GET", f"/{path}").status_code == 404, "where it lies is no address"


@pytest.mark.parametrize(
    ("content", "content_type", "name", "status"),
    [
        (HTML, "image/png", "x.png", 415),
        (SHOWN["image/jpeg"], "image/png", "x.png", 415),
        (HTML, "text/html", "x.html", 415),
        (b"<svg/>", "image/svg+xml", "x.svg", 415),
        (b"MZ\x90\x00", "application/octet-stream", "x.exe", 415),
        (b"not json", "application/octet-stream", "x.json", 415),
        (PNG, "application/octet-stream", "x", 201),
        (b"words", "", "x", 201),
    ],
)
def test_the_bytes_are_looked_at(
    owner: Client, run: dict[str, Any], settings: Settings, content: bytes, content_type: str, name: str, status: int
) -> None:
    answer = send(owner, content, content_type, name)
    assert answer.status_code == status, answer.get_data(as_text=True)
    assert len(files(settings)) == (status == 201)


def test_another_sha256_is_422_and_leaves_nothing(owner: Client, run: dict[str, Any], settings: Settings) -> None:
    answer = send(owner, PNG, sha256="0" * 64)
    assert (answer.status_code, list(answer.get_json()["error"]["fields"])) == (422, ["sha256"])
    assert files(settings) == []
    assert send(owner, PNG, sha256=digest(PNG).upper()).status_code == 201


def test_of_a_run_the_same_content_is_one_artifact(owner: Client, run: dict[str, Any], settings: Settings) -> None:
    assert kept(owner) == kept(owner)
    begin(owner, session_id="trace_2")
    assert kept(owner, to="trace_2") != kept(owner)
    assert len(files(settings)) == 1
    assert send(owner, b"words", "text/plain").status_code == 201
    assert send(owner, b"words", "application/json").status_code == 415
    assert send(owner, b"7", "text/plain").status_code == 201
    assert send(owner, b"7", "application/json").status_code == 409


def test_what_is_registered_is_opened_once_its_bytes_have_come(owner: Client, run: dict[str, Any]) -> None:
    answer = register(owner)
    assert answer.status_code == 201
    artifact_id = answer.get_json()["artifact_id"]
    waiting = owner("GET", f"/artifacts/{artifact_id}")
    assert (waiting.status_code, "not been uploaded" in waiting.get_json()["error"]["message"]) == (404, True)
    assert register(owner).get_json() == answer.get_json()
    assert send(owner, PNG).get_json() == answer.get_json()
    with opened(owner, artifact_id) as shown:
        assert shown.data == PNG


def test_bytes_without_a_type_have_the_registered_one_if_they_are_that(owner: Client, run: dict[str, Any]) -> None:
    register(owner, b"[1]", content_type="application/json")
    artifact_id = kept(owner, b"[1]", "")
    with opened(owner, artifact_id) as shown:
        assert shown.mimetype == "application/json"
    register(owner, b"[broken", content_type="application/json")
    assert send(owner, b"[broken", "").status_code == 415


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"size_bytes": 100 * MIB + 1}, 413),
        ({"content_type": "text/html"}, 415),
        ({"content_type": "application/octet-stream"}, 415),
        ({"sha256": "x"}, 422),
        ({"sha256": "A" * 64}, 422),
        ({"size_bytes": -1}, 422),
        ({"size_bytes": "7"}, 422),
        ({"colour": "red"}, 422),
    ],
)
def test_what_can_not_be_registered(owner: Client, run: dict[str, Any], fields: dict[str, Any], status: int) -> None:
    assert register(owner, **fields).status_code == status


def test_another_size_than_was_registered_is_409(owner: Client, run: dict[str, Any]) -> None:
    register(owner, size_bytes=5)
    assert register(owner).status_code == 409
    assert send(owner, PNG).status_code == 409


_FILE = b'--b\r\nContent-Disposition: form-data; name="file"; filename="x"\r\n\r\nabc'
_END = b"\r\n--b--\r\n"


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"", "multipart/form-data; boundary=b"),
        (b"--b--\r\n", "multipart/form-data; boundary=b"),
        (b"--b\r\n", "multipart/form-data; boundary=b"),
        (b"x" * MIB, "multipart/form-data; boundary=b"),
        (_FILE, "multipart/form-data; boundary=b"),
        (_FILE.replace(b'"file"', b'"other"') + _END, "multipart/form-data; boundary=b"),
        (_FILE.replace(b'; filename="x"', b"") + _END, "multipart/form-data; boundary=b"),
        (_FILE + b"\r\n" + _FILE + _END, "multipart/form-data; boundary=b"),
        (_FILE + _END, "multipart/form-data"),
        (b"{", "application/json"),
        (b"", "application/json"),
    ],
)
def test_a_body_that_can_not_be_read_is_400(
    owner: Client, run: dict[str, Any], settings: Settings, body: bytes, content_type: str
) -> None:
    answer = owner("POST", "/api/traces/trace_1/artifacts", data=body, content_type=content_type)
    assert (answer.status_code, answer.get_json()["error"]["code"]) == (400, "malformed")
    assert files(settings) == []


lines = st.sampled_from([
    b"--b", b"--b--", b"\r\n", b"\n", b"\r", b"Content-Disposition: form-data; name=file; filename=x", b"\xff",
    b'Content-Disposition: form-data; name="sha256"', b"Content-Type: image/png", b": ", b"--", b"a" * 99,
])  # fmt: skip


@given_settings(max_examples=300, deadline=None)
@given(st.lists(lines, max_size=30))
def test_whatever_is_sent_as_a_form_is_read_or_refused(parts: list[bytes]) -> None:
    taken: list[bytes] = []

    def start(_sent: Sent) -> Callable[[bytes], None]:
        return taken.append

    try:
        read_form(io.BytesIO(b"".join(parts)), "multipart/form-data; boundary=b", start)
    except Malformed:
        pass
    else:
        assert b"filename=x" in b"".join(parts)


def test_no_room_is_507(owner: Client, run: dict[str, Any], app: Flask, database: Database, keyring: Keyring) -> None:
    small = Settings(data_dir=Path("/nowhere"), artifacts_gb=0.000_000_01)
    install(app, Services(database, keyring, small))
    answer = send(owner, PNG)
    assert (answer.status_code, answer.get_json()["error"]["code"]) == (507, "storage_full")


def test_a_link_dies_after_five_minutes_and_when_it_is_altered(
    owner: Client, run: dict[str, Any], clock: Clock
) -> None:
    path = f"/artifacts/{kept(owner)}"
    link = owner("GET", path).headers["Location"]
    clock.advance(LASTS_MS - 1)
    assert status_of(owner, link) == 200
    parts = link.removeprefix("/artifacts/").split(".")
    assert len(parts) == 4
    for place, other in ((0, "art_1" + parts[0][5:]), (1, str(int(parts[1]) - 1)), (2, "token"), (3, parts[3][::-1])):
        forged = ".".join([*parts[:place], other, *parts[place + 1 :]])
        assert status_of(owner, f"/artifacts/{forged}") == 403, forged
    assert status_of(owner, f"/artifacts/{'.'.join([parts[0], parts[1], parts[3]])}") == 403
    clock.advance(1)
    assert status_of(owner, link) == 403


def test_the_link_of_a_removed_member_is_dead(owner: Client, run: dict[str, Any], crowd: Crowd) -> None:
    artifact_id = kept(owner)
    member = crowd.member("viewer")
    viewer = crowd.client(member)
    link = viewer("GET", f"/artifacts/{artifact_id}").headers["Location"]
    assert status_of(owner, link) == 200
    assert owner("DELETE", f"/v1/organization/members/{member.id}").status_code == 200
    assert status_of(owner, link) == 403
    assert viewer("GET", f"/artifacts/{artifact_id}").status_code == 401


def test_the_link_of_a_revoked_or_expired_key_is_dead(
    owner: Client, run: dict[str, Any], clock: Clock, make_key: Any
) -> None:
    artifact_id = kept(owner)
    made = owner.data("POST", "/v1/api-keys", {"name": "k", "scopes": ["read"]}, status=201)
    expiring = make_key(("read",), expires_ms=clock.now_ms + 60_000)
    links = [
        Client(owner.client, key)("GET", f"/artifacts/{artifact_id}").headers["Location"]
        for key in (made["key"], expiring)
    ]
    assert [status_of(owner, link) for link in links] == [200, 200]
    owner("DELETE", f"/v1/api-keys/{made['id']}")
    clock.advance(60_000)
    assert [status_of(owner, link) for link in links] == [403, 403]


def test_a_token_of_the_console_opens_it_while_it_lives(
    owner: Client, run: dict[str, Any], organization: str, clock: Clock, make_organization: Any
) -> None:
    clock.now_ms = int(time.time()) * 1000
    artifact_id = kept(owner)
    token = signed(organization, exp=clock.now_ms // 1000 + 60)
    link = Client(owner.client, token)("GET", f"/artifacts/{artifact_id}").headers["Location"]
    assert status_of(owner, link) == 200
    clock.advance(60_000)
    assert status_of(owner, link) == 403
    other = Client(owner.client, signed(make_organization("Other")))
    assert other("GET", f"/artifacts/{artifact_id}").status_code == 404


def test_who_may_not_read_the_run_does_not_reach_its_files(
    owner: Client, client_of: Callable[..., Client], make_organization: Callable[[str], str]
) -> None:
    mine, other = (make_project(owner, slug=slug).project for slug in ("mine", "other"))
    begin(owner, session_id="a", project_id=mine["slug"])
    begin(owner, session_id="b")
    ids = {name: kept(owner, to=name) for name in "ab"}
    for projects, statuses in (([mine["slug"]], [302, 403]), ([other["slug"]], [403, 403])):
        asked = {"name": "k", "scopes": ["read", "ingest"], "projects": projects}
        key = Client(owner.client, owner.data("POST", "/v1/api-keys", asked, status=201)["key"])
        assert [key("GET", f"/artifacts/{ids[name]}").status_code for name in "ab"] == statuses
        assert [send(key, PNG, to=name).status_code for name in "ab"] == [{302: 201}.get(s, s) for s in statuses]
    stranger = client_of("read", "ingest", organization_id=make_organization("Other"))
    assert stranger("GET", f"/artifacts/{ids['a']}").status_code == 404
    assert send(stranger, PNG, to="a").status_code == 404
    assert client_of("ingest")("GET", f"/artifacts/{ids['a']}").status_code == 403
    assert send(client_of("read"), PNG, to="a").status_code == 403
    assert owner.client.get(f"/artifacts/{ids['a']}").status_code == 401


def test_the_link_of_a_key_dies_with_its_project(owner: Client) -> None:
    mine = make_project(owner, slug="mine").project
    begin(owner, session_id="a", project_id="mine")
    artifact_id = kept(owner, to="a")
    asked = {"name": "k", "scopes": ["read"], "projects": ["mine"]}
    key = Client(owner.client, owner.data("POST", "/v1/api-keys", asked, status=201)["key"])
    link = key("GET", f"/artifacts/{artifact_id}").headers["Location"]
    assert status_of(owner, link) == 200
    owner("DELETE", f"/v1/projects/{mine['slug']}")
    assert status_of(owner, link) == 403


def test_events_may_name_artifacts_and_open_nothing_by_it(owner: Client, run: dict[str, Any]) -> None:
    from tests.telemetry.agents.running import append, event, replayed

    payload = {"artifact_id": "art_of_nobody", "storage_path": "artifacts/x"}
    append(owner, event(1, "screenshot", payload=payload), status=201)
    assert replayed(owner)[0]["payload"] == payload
    assert owner("GET", "/artifacts/art_of_nobody").status_code == 404


@pytest.fixture
def server(app: Flask, database: Database, keyring: Keyring, settings: Settings) -> Iterator[Server]:
    with Server(app, database, keyring, settings) as serving:
        yield serving


def form(content: bytes) -> bytes:
    head = b'--b\r\nContent-Disposition: form-data; name="file"; filename="x"\r\nContent-Type: image/png\r\n\r\n'
    return head + content + b"\r\n--b--\r\n"


FORM = "Content-Type: multipart/form-data; boundary=b"
PATH = "/api/traces/trace_1/artifacts"


def test_over_the_wire_a_large_file_passes_through_little_memory(
    server: Server, owner: Client, run: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    from api import serving_arriving

    largest = 0
    read = serving_arriving.ArrivingBody.readinto

    def measured(self: Any, buffer: Any) -> int:
        nonlocal largest
        count = read(self, buffer)
        largest = max(largest, count + len(self._piece))
        return count

    monkeypatch.setattr(serving_arriving.ArrivingBody, "readinto", measured)
    content = PNG + bytes(20 * MIB)
    with Line(server) as line:
        for _ in range(2):  # and the connection can be used again
            line.request("POST", PATH, form(content), f"Authorization: Bearer {owner.key}", FORM)
            answer = line.answer()
            assert (answer.status, answer.headers.get("connection")) == (201, None), answer.body
        line.request("GET", f"/artifacts/{answer.json['artifact_id']}", b"", f"Authorization: Bearer {owner.key}")
        link = line.answer().headers["location"]
    assert 0 < largest < MIB
    assert ask(server, "GET", link).body == content


def test_over_the_wire_refusals_come_before_the_file_does(server: Server, owner: Client, run: dict[str, Any]) -> None:
    def first_words(length: int | None, key: str, path: str = PATH, sent: bytes = b"") -> Any:
        size = "Transfer-Encoding: chunked" if length is None else f"Content-Length: {length}"
        with Line(server) as line:
            head = f"POST {path} HTTP/1.1\r\nHost: t\r\n{FORM}\r\n{size}\r\nAuthorization: Bearer {key}\r\n\r\n"
            line.send(head.encode() + sent)
            return line.answer()

    assert first_words(50 * MIB, "nobody").status == 401
    assert first_words(50 * MIB, owner.key, "/api/traces/none/artifacts").status == 404
    assert first_words(101 * MIB + 1, owner.key).code == "too_large"
    assert first_words(None, owner.key).status == 411
    refused = first_words(50 * MIB, owner.key, sent=form(HTML + bytes(MIB))[:500_000])
    assert (refused.status, refused.headers["connection"]) == (415, "close")


def test_over_the_wire_a_file_of_more_than_100_mib_is_413(
    server: Server, owner: Client, run: dict[str, Any], settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    from api import agent_artifacts

    monkeypatch.setattr(agent_artifacts, "MOST_BYTES", 2 * MIB)
    headers = (f"Authorization: Bearer {owner.key}", FORM)
    assert ask(server, "POST", PATH, form(PNG + bytes(2 * MIB)), *headers).code == "too_large"
    assert files(settings) == []
    assert ask(server, "POST", PATH, form(PNG + bytes(2 * MIB - len(PNG))), *headers).status == 201


def test_an_upload_that_breaks_off_leaves_nothing(
    server: Server, owner: Client, run: dict[str, Any], settings: Settings, database: Database
) -> None:
    with Line(server) as line:
        head = f"POST {PATH} HTTP/1.1\r\nHost: t\r\n{FORM}\r\nContent-Length: {10 * MIB}\r\n"
        line.send(f"{head}Authorization: Bearer {owner.key}\r\n\r\n".encode() + form(PNG + bytes(3 * MIB)))
    headers = (f"Authorization: Bearer {owner.key}", FORM)
    assert ask(server, "POST", PATH, form(PNG), *headers).status == 201
    with database.write(EVERY_ORGANIZATION, Urgency.PEOPLE):
        pass
    server.stop()
    assert [path.name for path in files(settings)] == [digest(PNG)[2:]]
