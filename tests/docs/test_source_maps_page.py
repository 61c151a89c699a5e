"""The page for those who upload source maps: its commands do what it says, against a real server."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from api.server import Server
from tests.api.conftest import Client
from tests.docs.test_pages import blocks
from tests.docs.test_point_an_sdk_page import answers, shell
from tests.docs.test_point_an_sdk_page import server as server
from tests.telemetry.reporting import make_project
from tests.telemetry.test_source_maps import MAP, MINIFIED, RELEASE, SCRIPT, minified

PAGE = (Path(__file__).parents[2] / "docs/how-to/source-maps.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("store", ["sqlite"], indirect=True)
def test_what_the_page_says_is_done(server: Server, owner: Client, tmp_path: Path) -> None:
    if shutil.which("curl") is None:
        pytest.skip("the page's commands are curl's, which is not here")
    reports = make_project(owner)
    reports.events(minified("before"))
    for name in ("static/js/main.abc123.js", "static/js/main.abc123.js.map", "static/js/deep/other one.js.map"):
        (tmp_path / "dist" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "dist" / name).write_text(json.dumps(MAP))
    settings, one, build, listing, query = blocks(PAGE, "sh")
    assert f"RELEASE={RELEASE}" in settings
    ours = {"TRACER_URL": server.url, "TRACER_API_KEY": owner.key, "RELEASE": RELEASE}

    def run(script: str) -> list[Any]:
        return answers(shell(script, tmp_path, **ours))

    [made] = run(one)
    assert (made["url"], made["release"], made["size_bytes"]) == (SCRIPT, RELEASE, len(json.dumps(MAP)))
    uploaded = run(build)
    urls = {SCRIPT, "/static/js/deep/other one.js"}
    assert {each["url"] for each in uploaded} == urls
    [listed] = run(listing)
    assert {each["url"] for each in listed["source_maps"]} == urls
    assert listed["cursor"] is None
    assert made["id"] not in {each["id"] for each in listed["source_maps"]}, "another took its place"
    [found] = run(query)
    [event] = found["events"]
    frame = event["exception"]["stacktrace"]["frames"][1]
    assert (frame["function"], frame["filename"], frame["lineno"], frame["colno"]) == ("loadData", "src/app.ts", 1, 10)
    assert "`loadData (src/app.ts:1:10)`" in PAGE
    assert frame["minified"] == MINIFIED
