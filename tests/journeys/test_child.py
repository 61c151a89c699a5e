"""The process that a pool starts: what it says on its output, and that it goes, with all it started, when it is to."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from journeys.descendants import kill_tree, still_there, tree_of
from tests.journeys.site import Site

ROOT = Path(__file__).parents[2]


class Child:
    """`python -m journeys.child`, by hand."""

    def __init__(self, folder: Path, **environment: str) -> None:
        self.folder = folder
        self.process = subprocess.Popen(
            [sys.executable, "-m", "journeys.child"], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, env={**os.environ, "TRACER_ALLOW_NETS": "127.0.0.1", **environment},
        )  # fmt: skip
        self.started: set[int] = set()

    def order(self, *steps: dict[str, Any], **fields: Any) -> None:
        definition = {"type": "journey", "name": "x", "steps": list(steps), **fields}
        self.say({"run_id": "run_1", "definition": definition, "folder": str(self.folder), "timeout_s": 60})

    def say(self, message: object) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(message).encode() + b"\n")
        self.process.stdin.flush()

    def hear(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        self.started.update(tree_of([self.process.pid]))
        heard: dict[str, Any] = json.loads(line)
        return heard

    def outcome(self) -> dict[str, Any]:
        while "outcome" not in (heard := self.hear()):
            pass
        outcome: dict[str, Any] = heard["outcome"]
        return outcome

    def hang_up(self) -> int:
        assert self.process.stdin is not None
        self.process.stdin.close()
        return self.process.wait(30)


@pytest.fixture
def child(tmp_path: Path) -> Iterator[Child]:
    child = Child(tmp_path)
    yield child
    kill_tree([child.process.pid])
    child.process.wait(10)
    for pipe in (child.process.stdin, child.process.stdout, child.process.stderr):
        assert pipe is not None
        pipe.close()


def gone(pids: set[int]) -> bool:
    """Whether these processes have ended; waits, since a browser's helpers notice its end a moment later."""
    for _ in range(250):
        if not [pid for pid in still_there(pids) if "Z" not in _state(pid)]:
            return True
        time.sleep(0.02)
    return False


def _state(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return "Z"


def test_steps_are_told_as_they_end_and_then_the_outcome(child: Child, site: Site) -> None:
    url = site.page("/", "<h1>x</h1>")
    for _ in range(2):
        child.order(
            {"type": "goto", "url": url},
            {"type": "expect_text", "selector": "h1", "value": "{{X}}"},
            variables={"X": "x"},
        )
        assert [child.hear()["step"]["type"] for _ in range(2)] == ["goto", "expect_text"]
        outcome = child.hear()["outcome"]
        assert outcome["status"] == "success"
        assert {evidence["sha256"] for evidence in outcome["artifacts"]} <= {
            path.name for path in child.folder.iterdir()
        }
    assert child.hang_up() == 0
    assert len(child.started) > 3
    assert gone(child.started), "nothing that it started is left"


def test_an_order_that_can_t_be_read_is_ours_and_the_next_is_served(child: Child, site: Site) -> None:
    child.order({"type": "zap"})
    outcome = child.outcome()
    assert (outcome["status"], outcome["error"]["code"]) == ("unknown", "internal")
    assert "steps.0.type" in outcome["error"]["message"]
    child.say({"nonsense": 1})
    assert child.outcome()["error"]["code"] == "internal"
    child.order({"type": "goto", "url": site.page("/", "<h1>x</h1>")})
    assert child.outcome()["status"] == "success"


def test_fields_that_a_newer_api_knows_are_passed_over(child: Child, site: Site) -> None:
    child.order({"type": "goto", "url": site.page("/", "<h1>x</h1>"), "from_tomorrow": 1}, colour="red")
    assert child.outcome()["status"] == "success"


def test_when_the_probe_goes_in_the_middle_the_browser_goes_too(child: Child, site: Site) -> None:
    child.order({"type": "goto", "url": site.page("/", "<h1>x</h1>")}, {"type": "wait_for", "ms": 50_000})
    assert "step" in child.hear()
    child.hang_up()
    assert gone(child.started)


def test_addresses_that_its_environment_does_not_allow_are_refused(tmp_path: Path, site: Site) -> None:
    child = Child(tmp_path, TRACER_ALLOW_NETS="10.0.0.0/8")
    try:
        child.order({"type": "goto", "url": site.page("/", "<h1>x</h1>")})
        assert child.outcome()["error"]["code"] == "blocked_address"
        assert site.asked == []
    finally:
        kill_tree([child.process.pid])
        child.process.communicate()
