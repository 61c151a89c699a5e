"""Which browser walks the journeys, and how it is started: TRACER_CHROMIUM, the system's, else Playwright's own."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

from journeys.errors import BrowserMissingError

SETTING = "TRACER_CHROMIUM"
MISSING = (
    "there is no Chromium here: install one with `playwright install --with-deps chromium` or your system's "
    "package manager (apt-get install chromium), or name its program in TRACER_CHROMIUM"
)
_ON_PATH = (
    "chromium", "chromium-browser", "google-chrome-stable", "google-chrome", "chromium-headless-shell",
    "microsoft-edge-stable",
)  # fmt: skip
_PLAYWRIGHT_OWN = (
    "chromium-*/chrome-linux*/chrome",
    "chromium_headless_shell-*/chrome-*/*headless*shell",
    "chromium-*/chrome-mac*/*.app/Contents/MacOS/*",
)

ARGUMENTS = (
    # Names are looked up by the vetting proxy alone: a browser that asks a name server itself gets nothing.
    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",
    "--dns-prefetch-disable",
    # No packet past the proxy: WebRTC would send UDP to any address a page names.
    "--force-webrtc-ip-handling-policy=disable_non_proxied_udp",
    "--webrtc-ip-handling-policy=disable_non_proxied_udp",
    "--disable-quic",
    "--no-pings",
    "--disable-domain-reliability",
    "--disable-gpu",
    "--mute-audio",
)


def find(environment: Mapping[str, str] | None = None) -> Path:
    """The browser's program. Raises BrowserMissingError."""
    environment = os.environ if environment is None else environment
    named = environment.get(SETTING)
    if named:
        there = shutil.which(named)
        if there is None:
            raise BrowserMissingError(f"{SETTING} names {named}, which is no program that can be run")
        return Path(there)
    for program in _candidates(environment):
        if os.access(program, os.X_OK) and program.is_file():
            return program
    raise BrowserMissingError(MISSING)


def found(environment: Mapping[str, str] | None = None) -> bool:
    """Whether there is one."""
    try:
        find(environment)
    except BrowserMissingError:
        return False
    return True


def sandboxed() -> bool:
    """Whether the browser puts its pages into a sandbox: Chromium refuses to do so as root."""
    return os.geteuid() != 0


def _candidates(environment: Mapping[str, str]) -> Iterator[Path]:
    for name in _ON_PATH:
        there = shutil.which(name, path=environment.get("PATH"))
        if there is not None:
            yield Path(there)
    for folder in _playwright_folders(environment):
        for pattern in _PLAYWRIGHT_OWN:
            yield from sorted(folder.glob(pattern), reverse=True)


def _playwright_folders(environment: Mapping[str, str]) -> Iterator[Path]:
    """Where `playwright install` puts browsers."""
    named = environment.get("PLAYWRIGHT_BROWSERS_PATH")
    if named and named != "0":
        yield Path(named)
        return
    home = Path(environment.get("HOME") or "~").expanduser()
    yield Path(environment.get("XDG_CACHE_HOME") or home / ".cache") / "ms-playwright"
    yield home / "Library" / "Caches" / "ms-playwright"
