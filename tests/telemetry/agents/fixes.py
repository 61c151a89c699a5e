"""Repositories and commands that tests have fixes made with."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

AGENT = "import http\n\nMOST_EQUAL_CALLS = None\n\n\ndef act():\n    return 1\n"
GOOD = (
    "--- a/shop/agent.py\n+++ b/shop/agent.py\n@@ -1,6 +1,6 @@\n import http\n \n-MOST_EQUAL_CALLS = None\n"
    "+MOST_EQUAL_CALLS = 2\n \n \n def act():\n"
)


def git(folder: Path, *words: str) -> None:
    subprocess.run(
        ["git", "-c", "user.name=t", "-c", "user.email=t@example.com", *words], cwd=folder, check=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip


def make_repository(folder: Path) -> Path:
    """One commit: an agent, a link that leads out, a file that holds spaces in its name."""
    (folder / "shop").mkdir(parents=True)
    (folder / "shop/agent.py").write_text(AGENT)
    (folder / "shop/link").symlink_to("/etc/passwd")
    (folder / "shop/a b.txt").write_text("one\n")
    git(folder, "init", "--quiet")
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "-m", "First")
    return folder


def command(folder: Path, body: str) -> str:
    """A program with this Python as its body, as TRACER_FIX_COMMAND says it."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"command{len(list(folder.iterdir()))}.py"
    file.write_text("import json, os, sys, time\n" + body)
    return f"{sys.executable} {file}"


def answering(folder: Path, diff: str | None, plan: str = "Limit it.") -> str:
    """A command that proposes this, whatever it is told."""
    return command(folder, f"json.load(sys.stdin)\nprint(json.dumps({{'plan': [{plan!r}], 'diff': {diff!r}}}))\n")
