"""As a pipeline does it: journeys from a file, walked by a real browser on a real probe, one of them broken."""

from __future__ import annotations

import io
import json
import os
import tempfile
import urllib.request
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner, Result

from cli.main import tracer
from tests.cli.ci.junit_rules import breaches
from tests.journeys.site import Site
from tests.system.processes import OWNER_KEY
from tests.system.stack import Stack

FILE = """\
x-shop: &shop {{tags: [smoke], locations: [local], interval: 86400, base_url: "{url}"}}
journeys:
  - <<: *shop
    name: Browse
    steps: [{{type: goto, url: /}}, {{type: expect_text, selector: h1, value: Shop}}]
  - <<: *shop
    name: Log in
    variables: {{PASSWORD: "${{SHOP_PASSWORD}}"}}
    steps: [{{type: goto, url: /}}, {{type: fill, selector: "#password", value: "{{{{PASSWORD}}}}"}}]
  - <<: *shop
    name: Buy
    steps: [{{type: goto, url: /}}, {{type: click, selector: "#buy", timeout: 2}}]
"""


@pytest.fixture
def site() -> Iterator[Site]:
    with Site().running() as running:
        cover = '<div id=banner style="position:fixed;inset:0;background:#eee">We use cookies</div>'
        running.page("/", f"<h1>Shop</h1><input id=password type=password><button id=buy>Buy</button>{cover}")
        yield running


@pytest.fixture
def short() -> Iterator[Path]:
    """A folder for the probe: Chromium keeps a socket in it, whose path may have 107 characters."""
    with tempfile.TemporaryDirectory(prefix="t-") as folder:
        yield Path(folder)


def typed(*words: str) -> Result:
    return CliRunner().invoke(tracer, list(words))


@pytest.mark.timeout(240)
@pytest.mark.parametrize("store", ["sqlite"], indirect=True)
def test_the_broken_journey_turns_the_pipeline_red_and_shows_why(
    make_stack: Callable[..., Stack], site: Site, short: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stack = make_stack()
    stack.add_probe("probe", TRACER_DATA_DIR=str(short), PATH=os.environ["PATH"], HOME=str(short))
    monkeypatch.setenv("TRACER_URL", stack.url)
    monkeypatch.setenv("TRACER_API_KEY", OWNER_KEY)
    monkeypatch.setenv("SHOP_PASSWORD", "hunter2")
    file, report = tmp_path / "tracer.yaml", tmp_path / "report.xml"
    file.write_text(FILE.format(url=site.url))
    applied = typed("apply", str(file))
    assert "3 created" in applied.output, applied.output
    assert "0 changed, 3 unchanged" in typed("apply", str(file)).output

    result = typed("journeys", "run", "--tag", "smoke", "--wait", "--junit", str(report), "--json")
    assert result.exit_code == 1, result.output
    shown = {run["name"]: run for run in json.loads(result.stdout)["runs"]}
    assert {name: run["status"] for name, run in shown.items()} == {
        "Browse": "success", "Log in": "success", "Buy": "failed",
    }  # fmt: skip

    assert breaches(report.read_bytes()) == []
    [failure] = ElementTree.parse(report).getroot().iter("failure")  # noqa: S314 - our own report
    assert (failure.get("message") or "").startswith("step 2 click `#buy`")
    assert "#banner" in (failure.get("message") or "")
    assert f"{stack.url}/runs/{shown['Buy']['run_id']}" in (failure.text or "")

    files = {artifact["type"]: opened(artifact["where"]) for artifact in shown["Buy"]["artifacts"]}
    assert files["screenshot"][:3] == b"\xff\xd8\xff", "a picture, opened with no key"
    assert any(name.endswith(".trace") for name in zipfile.ZipFile(io.BytesIO(files["trace"])).namelist())

    folder = tmp_path / "evidence"
    monkeypatch.setenv("SHOP_PASSWORD", "hunter3")
    assert "Log in: variables.PASSWORD: given here" in typed("apply", str(file), "--dry-run").output
    by_id = typed("journeys", "run", shown["Buy"]["journey_id"], "--wait", "--evidence", str(folder))
    assert by_id.exit_code == 1, by_id.output
    assert len(list(folder.rglob("*.zip"))) == 1
    assert stack.complaints() == []


def opened(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=20) as answer:
        data: bytes = answer.read()
    return data
