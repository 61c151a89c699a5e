"""The first journeys that README and tutorial show, walked by a browser as they stand there."""

from __future__ import annotations

import functools
import os
import re
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from cli.main import tracer
from tests.docs.test_pages import ROOT, blocks


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def files(tmp_path: Path) -> Iterator[str]:
    """`python3 -m http.server` on a folder that holds shop.yaml; its address."""
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "shop.yaml").write_text("name: Shop\n")
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_Quiet, directory=str(tmp_path / "site")))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    thread.join()
    server.server_close()


def walk(folder: Path, journey: str) -> Result:
    (folder / "journey.yaml").write_text(journey)
    return CliRunner().invoke(tracer, ["journeys", "run", "--file", str(folder / "journey.yaml")])


@pytest.mark.parametrize("store", ["sqlite"], indirect=True)
def test_the_journey_of_the_readme_passes(api: None, tmp_path: Path) -> None:
    [journey] = re.findall(r"<<'END'\n(.*?)^END$", (ROOT / "README.md").read_text(), re.DOTALL | re.MULTILINE)
    walked = walk(tmp_path, journey.replace("http://127.0.0.1:8000", os.environ["TRACER_URL"]))
    assert walked.exit_code == 0, walked.output


def test_the_journey_of_the_tutorial_passes_and_breaks_as_it_says(files: str, tmp_path: Path) -> None:
    page = (ROOT / "docs/tutorial.md").read_text()
    journey = blocks(page, "yaml")[1].replace("http://127.0.0.1:9000", files)
    assert walk(tmp_path, journey).exit_code == 0
    [broken] = re.findall(r"write `(selector: .*?)` instead", page)
    walked = walk(tmp_path, re.sub(r"selector: \"text=shop.yaml\"", f"{broken}, timeout: 5", journey))
    assert walked.exit_code == 1
    assert "no element fits" in walked.output
