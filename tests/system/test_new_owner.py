"""What a new owner does on the first day: setup link, a colleague who may only look, a CI key, and taking both back."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.system.processes import free_port

WORDS = "four random words"
MONITOR = {"name": "Itself", "type": "tcp", "host": "127.0.0.1", "interval": 60, "locations": ["local"]}


@pytest.fixture
def greeting(tmp_path: Path) -> Iterator[dict[str, str]]:
    """What `tracer up` prints at a first start in an empty folder: its address, the owner's key, the setup link."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TRACER_")}
    environment |= {"TRACER_DATA_DIR": str(tmp_path / "data"), "TRACER_PORT": str(free_port())}
    up = subprocess.Popen(
        [sys.executable, "-m", "cli.main", "up"], env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        text=True, start_new_session=True,
    )  # fmt: skip
    try:
        assert up.stdout is not None
        said = ""
        for line in up.stdout:
            said += line
            if "curl" in line:
                break
        found = {
            "address": re.search(r"serves at (\S+)", said),
            "key": re.search(r"(trk_\w+)", said),
            "setup": re.search(r"(http\S+/setup/\S+)", said),
        }
        assert all(found.values()), said
        told = {name: match[1] for name, match in found.items() if match is not None}
        yield {**told, "data_dir": environment["TRACER_DATA_DIR"]}
    finally:
        up.send_signal(signal.SIGINT)
        try:
            up.wait(20)
        finally:
            if up.poll() is None:
                os.killpg(up.pid, signal.SIGKILL)
            up.wait()
            if up.stdout is not None:
                up.stdout.close()


@pytest.mark.timeout(120)
@pytest.mark.parametrize("store", ["sqlite"])
def test_from_the_setup_link_to_a_key_that_is_revoked(store: str, greeting: dict[str, str]) -> None:
    address = greeting["address"]
    assert greeting["setup"].startswith(f"{address}/setup/")
    with urllib.request.urlopen(greeting["setup"], timeout=10) as page:
        assert "You become an owner" in page.read().decode()
    grace = _joined(address, greeting["setup"], {"email": "grace@example.com", "organization": "Navy"})
    assert grace("GET", "/v1/organization")["data"]["name"] == "Navy"
    monitor = grace("POST", "/v1/monitors", {**MONITOR, "port": int(address.rpartition(":")[2])})["data"]["id"]

    invited = grace("POST", "/v1/organization/invite", {"email": "ada@example.com", "role": "viewer"})["data"]
    ada = _joined(address, invited["invite_url"], {})
    assert [row["id"] for row in ada("GET", "/v1/monitors")["data"]] == [monitor]
    assert ada("DELETE", f"/v1/monitors/{monitor}")["error"]["code"] == "forbidden"
    assert ada("POST", f"/v1/monitors/{monitor}/run")["error"]["code"] == "forbidden"

    made = grace("POST", "/v1/api-keys", {"name": "ci", "scopes": ["run"]})["data"]
    ci = Somebody(address, made["key"])
    assert ci("POST", f"/v1/monitors/{monitor}/run")["data"]["status"] == "queued"
    assert ci("PUT", f"/v1/monitors/{monitor}", {"name": "Mine"})["error"]["code"] == "forbidden"
    grace("DELETE", f"/v1/api-keys/{made['id']}")
    assert ci("POST", f"/v1/monitors/{monitor}/run")["error"]["code"] == "unauthorized"
    grace("DELETE", f"/v1/organization/members/{invited['id']}")
    assert ada("GET", "/v1/monitors")["error"]["code"] == "unauthorized"

    environment = {**os.environ, "TRACER_DATA_DIR": greeting["data_dir"], "TRACER_PUBLIC_URL": address}
    command = [sys.executable, "-m", "cli.main", "setup-link"]
    again = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=True)
    link = re.search(r"(http\S+/setup/\S+)", again.stdout)
    assert link is not None
    assert _joined(address, link[1], {"email": "lin@example.com"})("GET", "/v1/api-keys")["success"] is True


def _joined(address: str, link: str, more: dict[str, str]) -> Somebody:
    """Whoever follows a link, signed in over REST."""
    path = f"/v1/invitations/{link.rpartition('/')[2]}/accept"
    answer = Somebody(address, "")("POST", path, {"name": "Somebody", "password": WORDS, **more})
    return Somebody(address, answer["data"]["token"])


class Somebody:
    """A key, or the token of a sign-in; gives back the answer's JSON, refusals too."""

    def __init__(self, address: str, key: str) -> None:
        self._address = address
        self._key = key

    def __call__(self, method: str, path: str, body: Any = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self._address + path, data, method=method)
        request.add_header("Authorization", f"Bearer {self._key}")
        request.add_header("Content-Type", "application/json")
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                return json.load(error)
