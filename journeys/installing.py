"""`python -m journeys.installing`: gets a Chromium for journeys where there is none. Never fails: without one Tracer
serves all but journeys, and says which command is missing.

Playwright's own installer comes first, since it needs no rights and brings the browser that Playwright was made for;
then the system's package manager, where this process is root.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from journeys import chromium
from journeys.errors import BrowserMissingError

_INSTALL_S = 900
_LOOK_S = 60
_MANAGERS = (
    ("apt-get", ("sh", "-c", "apt-get update && apt-get install --yes --no-install-recommends chromium")),
    ("dnf", ("dnf", "install", "--assumeyes", "chromium")),
    ("apk", ("apk", "add", "chromium")),
    ("pacman", ("pacman", "--sync", "--noconfirm", "chromium")),
    ("zypper", ("zypper", "--non-interactive", "install", "chromium")),
)
_BY_HAND = "{python} -m playwright install --with-deps chromium"


def main() -> int:
    """Prints what was found or done. Always 0."""
    if _usable() is None:
        print("Installing a Chromium for journeys (once)")
        for command in _commands(root=os.geteuid() == 0):
            if _run(command) and _usable() is not None:
                break
    program = _usable()
    if program is not None:
        print(f"Chromium for journeys: {program}")
        return 0
    python = Path(sys.executable)
    print(
        "There is no Chromium here and none could be installed: Tracer runs every check but journeys.\n"
        f"Run this as root, then start again:\n    {_BY_HAND.format(python=python)}\n"
        f"or install your system's package `chromium`, or name its program in {chromium.SETTING}."
    )
    return 0


def _commands(*, root: bool) -> list[tuple[str, ...]]:
    """What may be tried, in order."""
    playwright = (sys.executable, "-m", "playwright", "install", *(("--with-deps",) if root else ()), "chromium")
    manager = next((command for name, command in _MANAGERS if shutil.which(name)), None)
    return [playwright, manager] if root and manager is not None else [playwright]


def _usable() -> Path | None:
    """A Chromium that starts; one whose libraries are missing is found, but does not."""
    try:
        program = chromium.find()
    except BrowserMissingError:
        return None
    return program if _run((str(program), "--version"), limit_s=_LOOK_S, quiet=True) else None


def _run(command: tuple[str, ...], *, limit_s: float = _INSTALL_S, quiet: bool = False) -> bool:
    """Whether the command ended well."""
    environment = {
        **os.environ,
        "DEBIAN_FRONTEND": "noninteractive",
        "PLAYWRIGHT_DOWNLOAD_CONNECTION_TIMEOUT": "10000",
    }
    output = subprocess.DEVNULL if quiet else None
    try:
        done = subprocess.run(command, env=environment, stdout=output, stderr=output, timeout=limit_s, check=False)  # noqa: S603
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


if __name__ == "__main__":
    raise SystemExit(main())
