"""The page for those who point an SDK here: its commands and its program do what it says, against a real server."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from api.server import Server
from model.settings import Settings
from store.keyring import Keyring
from store.sessions import Database
from tests.api.conftest import Client, MakeKey
from tests.telemetry.test_source_maps import MAP

PAGE = (Path(__file__).parents[2] / "docs/how-to/point-an-sdk-here.md").read_text(encoding="utf-8")
on_sqlite = pytest.mark.parametrize("store", ["sqlite"], indirect=True)


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)


@pytest.fixture
def server(app: Flask, database: Database, keyring: Keyring) -> Iterator[Server]:
    with Server(app, database, keyring, Settings(port=0)) as serving:
        yield serving


def shell(script: str, folder: Path, **environment: str) -> str:
    """What the commands print."""
    done = subprocess.run(
        ["bash", "-euc", script], cwd=folder, env={**os.environ, **environment}, capture_output=True, text=True,
        check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def answers(text: str) -> list[Any]:
    """One after the other, as curl prints them."""
    found, reader = [], json.JSONDecoder()
    while text.strip():
        value, end = reader.raw_decode(text.strip())
        found.append(value)
        text = text.strip()[end:]
    return found


@on_sqlite
def test_what_the_page_says_is_done_and_found_again(
    server: Server, owner: Client, make_key: MakeKey, tmp_path: Path, clock: Any
) -> None:
    if shutil.which("curl") is None:
        pytest.skip("the page's commands are curl's, which is not here")
    clock.now_ms = 1_780_142_400_000  # after what the page deployed
    settings, project, _key, otel, *commands = blocks("sh")
    assert settings.startswith("export TRACER_URL=")
    ours = {"TRACER_URL": server.url, "TRACER_API_KEY": owner.key}
    [made] = answers(shell(project, tmp_path, **ours))
    ours["KEY"] = made["keys"][0]["public_key"]
    (tmp_path / "main.abc123.js.map").write_text(json.dumps(MAP))
    [item], [events], [_generation, summary], [release, source_map], [found, issues] = (
        answers(shell(command, tmp_path, **ours)) for command in commands
    )
    assert set(item) == {"id"}
    assert events == {"accepted": 1, "dropped": []}
    assert summary["by_model"][0]["cost_usd"] == 0.00482
    assert release["commit"] == "a8c2f11d3"
    assert source_map["url"] == "/static/js/main.abc123.js"
    assert [event.get("message") for event in found["events"]] == ["Payment declined", None]
    assert [issue["title"] for issue in issues["issues"]] == ["Payment declined", "Error: test from curl"]

    [program] = blocks("python")
    (tmp_path / "shop.py").write_text(program)
    ran = shell(f"{otel}\nexec {sys.executable} shop.py", tmp_path, **ours)
    assert ran == ""
    answer = owner("GET", "/v1/query?q=LookupError").get_json()
    [event] = answer["events"]
    assert (event["release"], event["environment"], event["tags"]) == ("shop@1.4.0", "production", {"service": "shop"})
    trace = owner("GET", f"/v1/traces/{event['trace_id']}").get_json()
    assert [span["name"] for span in trace["spans"]] == ["checkout"]
