"""The page about rules on events: its commands do what it says, against a real server."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask

from api.server import Server
from model.settings import Settings
from store.keyring import Keyring
from store.sessions import Database
from telemetry.judging import EventJudge
from tests.api.conftest import Client
from tests.conftest import Clock
from tests.docs.test_point_an_sdk_page import answers, shell
from tests.telemetry.reporting import event, make_project

PAGE = (Path(__file__).parents[2] / "docs/how-to/rules-on-events.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)


@pytest.fixture
def server(app: Flask, database: Database, keyring: Keyring) -> Iterator[Server]:
    with Server(app, database, keyring, Settings(port=0)) as serving:
        yield serving


@pytest.mark.parametrize("store", ["sqlite"], indirect=True)
def test_the_pages_rule_is_made_fires_and_is_found(
    server: Server, owner: Client, database: Database, tmp_path: Path, clock: Clock
) -> None:
    if shutil.which("curl") is None:
        pytest.skip("the page's commands are curl's, which is not here")
    reports = make_project(owner)
    [rule] = blocks("yaml")
    (tmp_path / "errors.yaml").write_text(rule)
    create, firings, live = blocks("sh")
    ours = {"TRACER_URL": server.url, "TRACER_API_KEY": owner.key}
    [made] = answers(shell(create, tmp_path, **ours))
    assert (made["name"], made["threshold"], made["project"]) == ("Errors in production", 5, "truecom")
    clock.advance(1)
    reports.events(*(event(f"e{number}", environment="production") for number in range(5)))
    EventJudge(database).work()
    [found] = answers(shell(firings, tmp_path, **ours))
    [firing] = found["firings"]
    assert (firing["rule_id"], firing["count"], firing["channels"]) == (made["id"], 5, [])
    told = shell(live.replace('"Accept', '"Last-Event-ID: 4" -H "Accept'), tmp_path, **ours)
    assert json.loads(told.split("data: ", 1)[1].splitlines()[0])["event_id"] == "e4"
