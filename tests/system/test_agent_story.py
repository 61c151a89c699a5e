"""The story of docs/how-to/agents.md, with whole processes: an agent loops on a tool and a journey fails at the same
address; both are one incident, which gets a plan, then a diff; once that is applied, a regression run says so."""

from __future__ import annotations

import difflib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.system.processes import OWNER_KEY, free_port, wait_for
from tests.system.stack import LOCATION, Stack

EXAMPLES = Path(__file__).parents[2] / "examples"
FIXER = """
import json, sys
assert "checkout answers 500" in json.load(sys.stdin)["incident"]["title"]
print(json.dumps({"plan": ["Give Dune a price."], "diff": DIFF}))
"""


def fixer_of(shop: Path) -> str:
    """A program that proposes the missing line, whatever it is told of an incident at the checkout."""
    before = shop.read_text().splitlines(keepends=True)
    after = [part for line in before for part in ((line, '    "dune": 12,\n') if line == "PRICES = {\n" else (line,))]
    diff = "".join(difflib.unified_diff(before, after, "a/shop.py", "b/shop.py"))
    return FIXER.replace("DIFF", repr(diff))


def git(folder: Path, *words: str, **options: Any) -> str:
    who = {"GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@b", "GIT_COMMITTER_NAME": "a", "GIT_COMMITTER_EMAIL": "a@b"}
    return subprocess.run(
        ["git", *words], cwd=folder, env={**os.environ, **who}, check=True, capture_output=True, text=True, **options
    ).stdout


@contextmanager
def shop(folder: Path, port: int) -> Iterator[None]:
    """The shop, open."""
    open_shop = subprocess.Popen([sys.executable, "shop.py", str(port)], cwd=folder, stdout=subprocess.PIPE, text=True)
    try:
        assert open_shop.stdout is not None
        assert "is open" in open_shop.stdout.readline()
        yield
    finally:
        open_shop.kill()
        open_shop.wait()
        if open_shop.stdout is not None:
            open_shop.stdout.close()


def send_agent(stack: Stack, port: int) -> str:
    """It tries to buy a book; what it says at the end."""
    words = ["--tracer", stack.url, "--shop", f"http://127.0.0.1:{port}", "--project", "shop", "--pause", "0"]
    environment = {**os.environ, "TRACER_API_KEY": OWNER_KEY}
    return subprocess.run(
        [sys.executable, str(EXAMPLES / "looping_agent.py"), *words], env=environment, check=True, capture_output=True,
        text=True, timeout=60,
    ).stdout  # fmt: skip


@pytest.mark.timeout(300)
def test_an_agent_that_loops_leads_to_an_incident_a_fix_and_the_proof_that_it_is_over(
    make_stack: Callable[..., Stack], tmp_path: Path
) -> None:
    repository, port = tmp_path / "repositories" / "shop", free_port()
    repository.mkdir(parents=True)
    shutil.copy(EXAMPLES / "shop" / "shop.py", repository)
    git(repository, "init", "--quiet")
    git(repository, "add", "shop.py")
    git(repository, "commit", "--quiet", "--message", "A shop")
    fixer = tmp_path / "fixer.py"
    fixer.write_text(fixer_of(repository / "shop.py"))
    stack = make_stack(TRACER_FIX_COMMAND=f"{sys.executable} {fixer}", TRACER_FIX_REPOSITORIES=str(repository.parent))
    stack.add_probe("probe")
    stack.api("POST", "/v1/projects", {"name": "Shop", "slug": "shop"})
    steps = [
        {"type": "goto", "url": f"http://127.0.0.1:{port}/"},
        {"type": "click", "selector": "text=Buy Dune"},
        {"type": "expect_text", "selector": "h1", "value": "Thank you", "timeout": 2},
    ]

    def incident(condition: Callable[[Any], bool] = bool, within_s: float = 90) -> Any:
        """The only one, once this is true of it."""

        def found() -> Any:
            every = stack.api("GET", "/api/incidents")["incidents"]
            whole = stack.api("GET", f"/api/incidents/{every[0]['id']}") if len(every) == 1 else None
            return whole if whole is not None and condition(whole) else None

        return wait_for(found, "the incident", within_s)

    quiet = stack.api("POST", "/api/traces", {"name": "Nothing to do"})["id"]
    end = {"seq": 1, "type": "end", "timestamp": "2026-04-26T14:22:11Z", "idempotency_key": "1"}
    stack.api("POST", f"/api/traces/{quiet}/events", end)

    def analysed() -> Any:
        try:
            return stack.api("GET", f"/api/traces/{quiet}/analysis")
        except AssertionError:
            return None  # 404: nobody has looked at it yet

    assert wait_for(analysed, "an analysis that nobody asked for", 30)["detectors"] == []

    with shop(repository, port):
        said = send_agent(stack, port)
        assert "The agent called 'http_post' with the same arguments 5 times" in said
        alone = incident()
        assert (alone["label"], alone["title"]) == ("tool_loop", f"http://127.0.0.1:{port}/checkout answers 500")
        analysis = stack.api("GET", f"/api/traces/{alone['session_ids'][0]}/analysis")
        assert (analysis["critical_step"], analysis["incident_id"]) == (2, alone["id"])
        body = {"name": "Buy a book", "interval": 30, "locations": [LOCATION], "steps": steps}
        journey = stack.api("POST", "/v1/journeys", body)["data"]["id"]
        both = incident(lambda found: bool(found["checks"]))
        assert [check["id"] for check in both["checks"]] == [journey]
        path = f"/api/incidents/{both['id']}"

        fallback = stack.api("POST", f"{path}/fix-agent", {})
        assert (fallback["status"], fallback["label"], fallback["diff"]) == ("fallback", "tool_loop", None)
        assert fallback["plan"]
        stack.api("PUT", "/v1/projects/shop", {"repository": str(repository)})
        stack.api("POST", f"{path}/fix-agent", {})
        fix = incident(lambda found: found["fix"]["id"] != fallback["id"] and found["fix"]["status"] != "running")[
            "fix"
        ]
        assert (fix["status"], fix["plan"]) == ("proposed", ["Give Dune a price."]), fix["reason"]
        stack.api("POST", f"{path}/regression-runs", {})
        proof = incident(lambda found: found["regression"]["status"] == "completed")["regression"]
        assert proof["verdict"] == "not_fixed", json.dumps(proof)

    git(repository, "apply", "-", input=fix["diff"])
    with shop(repository, port):
        stack.api("PATCH", path, {"status": "fixed"})
        assert "It was bought." in send_agent(stack, port)
        stack.api("POST", f"{path}/regression-runs", {})
        proof = incident(
            lambda found: found["regression"]["status"] == "completed" and found["regression"]["verdict"] != "not_fixed"
        )["regression"]
        assert proof["verdict"] == "fixed", json.dumps(proof)
        assert [each["outcome"] for each in proof["after"]["sessions"]] == ["clear"]
        assert [each["outcome"] for each in proof["after"]["runs"]] == ["clear"]
        assert [each["outcome"] for each in proof["before"]["sessions"]] == ["again"]
