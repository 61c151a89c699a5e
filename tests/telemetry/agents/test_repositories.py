"""Repositories by https: read through the judging proxy, with a token that goes nowhere else."""

from __future__ import annotations

import base64
import http.server
import os
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from model.addresses import AddressPolicy, networks_of
from telemetry.agents.fixing.applying import applied
from telemetry.agents.fixing.programs import Programs
from telemetry.agents.fixing.repositories import Repository, RepositoryError, Snapshots
from tests.telemetry.agents.fixes import GOOD, make_repository

LOOPBACK = AddressPolicy(networks_of(["127.0.0.0/8"]))
NOWHERE = AddressPolicy(networks_of([]))
TOKEN = "ghp_Kanarienvogel0123456789"


class Host:
    """git over https on loopback, and what it was asked with. `elsewhere`: where it sends those who ask."""

    def __init__(self, folder: Path, authority: trustme.CA) -> None:
        self.asked: list[str | None] = []
        self.elsewhere: str | None = None
        host = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.serve(b"")

            def do_POST(self) -> None:
                self.serve(self.rfile.read(int(self.headers.get("Content-Length") or 0)))

            def serve(self, body: bytes) -> None:
                host.asked.append(self.headers.get("Authorization"))
                if host.elsewhere is not None:
                    self.send_response(302)
                    self.send_header("Location", host.elsewhere + self.path)
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                    return
                path, _, query = self.path.partition("?")
                environment = {
                    "PATH": os.environ["PATH"], "GIT_PROJECT_ROOT": str(folder), "GIT_HTTP_EXPORT_ALL": "1",
                    "PATH_INFO": path, "QUERY_STRING": query, "REQUEST_METHOD": self.command,
                    "CONTENT_TYPE": self.headers.get("Content-Type", ""), "CONTENT_LENGTH": str(len(body)),
                    "HTTP_GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
                    "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
                }  # fmt: skip
                done = subprocess.run(
                    ["git", "http-backend"], input=body, env=environment, stdout=subprocess.PIPE, check=True
                )
                head, _, rest = done.stdout.partition(b"\r\n\r\n")
                self.send_response(200)
                for line in head.decode().split("\r\n"):
                    name, _, value = line.partition(": ")
                    if name != "Status":
                        self.send_header(name, value)
                self.send_header("Content-Length", str(len(rest)))
                self.end_headers()
                self.wfile.write(rest)

            def log_message(self, *_: object) -> None:
                pass

        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("127.0.0.1").configure_cert(context)
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.url = f"https://127.0.0.1:{self.server.server_port}"


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Host]:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    make_repository(tmp_path / "served/shop")
    made = Host(tmp_path / "served", authority)
    thread = threading.Thread(target=made.server.serve_forever)
    thread.start()
    yield made
    made.server.shutdown()
    thread.join()
    made.server.server_close()


def test_a_repository_is_read_with_its_token_and_a_diff_applies(host: Host) -> None:
    snapshots = Snapshots(Programs(), LOOPBACK, None)
    with snapshots.take(Repository(f"{host.url}/shop/.git", TOKEN)) as snapshot:
        assert len(snapshot.revision) == 40
        assert applied(GOOD, snapshot) == GOOD
        home = snapshot._home
        texts = [file.read_bytes() for file in home.rglob("*") if file.is_file()]
    sent = base64.b64encode(f"x-access-token:{TOKEN}".encode()).decode()
    assert set(host.asked) == {f"Basic {sent}"}
    assert not any(TOKEN.encode() in text or sent.encode() in text for text in texts), "it is gone once it was used"
    assert not home.exists()


def test_without_a_token_none_is_sent(host: Host) -> None:
    with Snapshots(Programs(), LOOPBACK, None).take(Repository(f"{host.url}/shop/.git", None)):
        assert set(host.asked) == {None}


def test_nobody_is_sent_elsewhere(host: Host) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        host.elsewhere = f"https://127.0.0.1:{listener.getsockname()[1]}"
        snapshots = Snapshots(Programs(), LOOPBACK, None)
        repository = Repository(f"{host.url}/shop/.git", TOKEN)
        with pytest.raises(RepositoryError, match="can't be read") as caught, snapshots.take(repository):
            pass
        with pytest.raises(BlockingIOError):
            listener.accept()
    assert TOKEN not in str(caught.value)


@pytest.mark.parametrize(
    "address", ["https://127.0.0.1:{}/x", "https://localhost:{}/x", "https://[::ffff:7f00:1]:{}/x"]
)
def test_an_inner_address_is_refused_and_nothing_arrives(address: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        place = address.format(listener.getsockname()[1])
        snapshots = Snapshots(Programs(), NOWHERE, None)
        with pytest.raises(RepositoryError, match="TRACER_ALLOW_NETS"), snapshots.take(Repository(place, TOKEN)):
            pass
        with pytest.raises(BlockingIOError):
            listener.accept()


def test_metadata_is_refused_also_where_it_is_allowed() -> None:
    everywhere = AddressPolicy(networks_of(["169.254.0.0/16"]))
    snapshots = Snapshots(Programs(), everywhere, None)
    repository = Repository("https://169.254.169.254/latest", None)
    with pytest.raises(RepositoryError, match="is a cloud metadata address"), snapshots.take(repository):
        pass


def test_a_server_that_nobody_knows_is_not_believed(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    snapshots = Snapshots(Programs(), LOOPBACK, None)
    repository = Repository(f"{host.url}/shop/.git", TOKEN)
    with pytest.raises(RepositoryError, match="certificate"), snapshots.take(repository):
        pass
    assert host.asked == []


def test_hooks_and_configuration_of_a_folder_do_nothing(tmp_path: Path) -> None:
    touched = tmp_path / "touched"
    shop = make_repository(tmp_path / "repositories/shop")
    for hook in ("post-checkout", "reference-transaction", "pre-auto-gc", "post-index-change"):
        (shop / ".git/hooks" / hook).parent.mkdir(exist_ok=True)
        (shop / ".git/hooks" / hook).write_text(f"#!/bin/sh\ntouch {touched}\n")
        (shop / ".git/hooks" / hook).chmod(0o755)
    with (shop / ".git/config").open("a") as file:
        file.write(
            f'[uploadpack]\n\tpackObjectsHook = "touch {touched}; exec"\n[core]\n\tfsmonitor = "touch {touched}"\n'
        )
    with Snapshots(Programs(), NOWHERE, tmp_path / "repositories").take(Repository("shop", None)) as snapshot:
        assert applied(GOOD, snapshot) == GOOD
    assert not touched.exists()
