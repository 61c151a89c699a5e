"""Known weaknesses of what Tracer is built on: pip-audit over the locks, asking OSV. Part of `make check`.

Where OSV can't be reached nothing is known, which is said, and is no failure: `make check` works offline. What is found
is one.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import requests

OSV = "https://api.osv.dev/v1/query"
LOCK = Path(__file__).parents[1] / "requirements-dev.lock"
"""It holds requirements.lock too."""
IGNORED: dict[str, str] = {}
"""Ids that do not concern Tracer, each with the reason."""
_ANY = {"package": {"name": "pip", "ecosystem": "PyPI"}, "version": "26.0"}
_PATIENCE_S = 10


def main(lock: Path, osv: str) -> int:
    """The exit code: 0 when nothing is known against any of them, or nothing can be known."""
    if not reachable(osv):
        return skipped(osv)
    ignored = [word for identity in IGNORED for word in ("--ignore-vuln", identity)]
    command = [sys.executable, "-m", "pip_audit", "--vulnerability-service", "osv", "--osv-url", osv, "--disable-pip"]
    command += [
        "--require-hashes",
        "--requirement",
        str(lock),
        "--progress-spinner",
        "off",
        "--format",
        "json",
        *ignored,
    ]
    asked = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own words
    if not asked.stdout.strip():
        if asked.returncode and not reachable(osv):
            return skipped(osv)
        print(asked.stderr, file=sys.stderr)
        return asked.returncode or 1
    packages = json.loads(asked.stdout)["dependencies"]
    found = [(package, known) for package in packages for known in package.get("vulns", ())]
    for package, known in found:
        better = ", ".join(known["fix_versions"]) or "no version yet"
        print(f"{package['name']} {package['version']}: {known['id']}; fixed in {better}")
    print(f"Dependencies: {len(packages)} asked about, {len(found)} known weaknesses")
    return 1 if found or asked.returncode else 0


def reachable(osv: str) -> bool:
    """Whether it answers as it should."""
    try:
        answer = requests.post(osv, json=_ANY, timeout=_PATIENCE_S)
        return answer.status_code == requests.codes.ok and isinstance(answer.json(), dict)
    except (requests.RequestException, ValueError):
        return False


def skipped(osv: str) -> int:
    print(f"Dependencies: not asked about, {osv} can't be reached from here")
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]) if sys.argv[1:] else LOCK, sys.argv[2] if sys.argv[2:] else OSV))
