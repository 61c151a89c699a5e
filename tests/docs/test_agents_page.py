"""The page for those who record agents: its commands and its program do what it says, against a real server."""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask

from api.server import Server
from model.settings import Settings
from store.keyring import Keyring
from store.sessions import Database
from telemetry.agents.media import MEDIA
from telemetry.agents.span_words import _KINDS
from tests.api.conftest import Client
from tests.docs.test_point_an_sdk_page import answers, shell
from tests.telemetry.agents.uploading import PNG
from tests.telemetry.reporting import make_project

PAGE = (Path(__file__).parents[2] / "docs/how-to/agents.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path / "data", port=0)


@pytest.fixture
def server(app: Flask, database: Database, keyring: Keyring, settings: Settings) -> Iterator[Server]:
    with Server(app, database, keyring, settings) as serving:
        yield serving


@pytest.mark.parametrize("store", ["sqlite"], indirect=True)
def test_what_the_page_says_is_recorded_and_found(server: Server, owner: Client, tmp_path: Path) -> None:
    if shutil.which("curl") is None:
        pytest.skip("the page's commands are curl's, which is not here")
    _, begin, append, upload, end, otel, look, demo = blocks("sh")
    named = re.findall(r"examples/[\w/.]+", demo)
    assert [path for path in named if not (Path(__file__).parents[2] / path).is_file()] == []
    (tmp_path / "calendar.png").write_bytes(PNG)
    ours = {"TRACER_URL": server.url, "TRACER_API_KEY": owner.key, "KEY": make_project(owner).key}
    [begun], [appended], [kept], [ended] = (
        answers(shell(command, tmp_path, **ours)) for command in (begin, append, upload, end)
    )
    assert (begun["id"], begun["status"]) == ("trace_curl_1", "running")
    assert (appended, ended) == ({"accepted": 3, "rejected": []}, {"accepted": 1, "rejected": []})
    [example] = answers(blocks("json")[0])
    assert kept.keys() == example.keys()
    assert owner("GET", f"/artifacts/{kept['artifact_id']}").status_code == 302

    [program] = blocks("python")
    (tmp_path / "rooms.py").write_text(program)
    assert shell(f"{otel}\nexec {sys.executable} rooms.py", tmp_path, **ours) == ""
    listed, replayed, analysed = answers(shell(look, tmp_path, **ours))
    by_spans, by_hand = listed["sessions"]
    assert (by_spans["agent"], by_spans["status"], by_spans["name"]) == (
        "scheduler", "completed", "invoke_agent scheduler",
    )  # fmt: skip
    assert re.fullmatch(r"otel_\d+_[0-9a-f]{32}", by_spans["id"])
    assert (by_hand["id"], by_hand["status"]) == ("trace_curl_1", "failed")
    assert [event["seq"] for event in replayed["events"]] == [3, 4]
    assert analysed["session_id"] == "trace_curl_1"
    found = owner("POST", f"/api/traces/{by_spans['id']}/analyze").get_json()
    assert found["detectors"][0]["label"] == "tool_loop"


def test_its_lists_are_the_lists() -> None:
    rows = "".join(line.split(" | ")[0] for line in PAGE.splitlines() if line.startswith("| "))
    assert all(f"`{operation}`" in rows for operation in _KINDS)
    named = PAGE.split("any other file of the run (")[1].split(", up to")[0]
    endings = [{"jpg": "jpeg", "txt": "text"}.get(medium.ending, medium.ending) for medium in MEDIA.values()]
    assert sorted(named.split(", ")) == sorted(endings)
