"""`tracer check` tells where it ended up, hop by hop, also when the last hop fails."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from click.testing import CliRunner

from cli.main import tracer
from tests.system.processes import free_port


class _Redirecting(BaseHTTPRequestHandler):
    """/0 leads to /1 (301), /1 to /2 (302), /2 answers; /away leads to `elsewhere`, where nobody listens."""

    elsewhere = ""

    def do_GET(self) -> None:
        status, location = {
            "/0": (301, "/1"), "/1": (302, "/2?shown=1"), "/away": (307, self.elsewhere),
        }.get(self.path, (200, ""))  # fmt: skip
        self.send_response(status)
        if location:
            self.send_header("Location", location)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Quiet."""


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setenv("TRACER_ALLOW_NETS", "127.0.0.0/8")
    _Redirecting.elsewhere = f"http://127.0.0.1:{free_port()}/gone"
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Redirecting)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_redirects_are_shown_with_their_status_and_where_they_end(site: str) -> None:
    result = CliRunner().invoke(tracer, ["check", f"{site}/0"])
    assert result.exit_code == 0, result.output
    assert f"301 → {site}/1\n302 → {site}/2?shown=1\n2 redirects, final URL {site}/2?shown=1\n" in result.output
    shown = json.loads(CliRunner().invoke(tracer, ["check", f"{site}/0", "--json"]).output)
    assert [(hop["status_code"], hop["location"]) for hop in shown["redirects"]] == [
        (301, f"{site}/1"), (302, f"{site}/2?shown=1"),
    ]  # fmt: skip
    assert shown["final_url"] == f"{site}/2?shown=1"


def test_a_redirect_to_a_server_that_is_down_says_which(site: str) -> None:
    result = CliRunner().invoke(tracer, ["check", f"{site}/away"])
    assert result.exit_code == 1
    assert "refused the connection" in result.output
    assert f"307 → {_Redirecting.elsewhere}\n1 redirect, final URL {_Redirecting.elsewhere}\n" in result.output


def test_without_a_redirect_nothing_is_said_of_any(site: str) -> None:
    assert "redirect" not in CliRunner().invoke(tracer, ["check", f"{site}/2"]).output
    shown = json.loads(CliRunner().invoke(tracer, ["check", f"{site}/2", "--json"]).output)
    assert (shown["redirects"], shown["final_url"]) == ([], f"{site}/2")
    shown = json.loads(CliRunner().invoke(tracer, ["check", f"tcp://{site[7:]}", "--json"]).output)
    assert (shown["redirects"], shown["final_url"]) == ([], None)
