"""A network of a probe's own, made of two namespaces of Linux and a cable between them, so that it can be cut.

    near: the probe, 20.1.0.1, its way out and its name server beyond the cable      far: tests/system/far_side.py

The addresses are public ones, since that is what probes look at; nothing of this leaves the machine. The API is reached
by a socket in the file system, whatever becomes of the cable: only the way to the targets is gone. Root, or a kernel
that lets everybody have namespaces, is needed.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path

from tests.system.processes import free_port, wait_for

TARGETS = {"one.example": "20.1.0.2", "two.example": "30.1.0.2", "three.example": "40.1.0.2"}
"""Unrelated hosts: other domains, other networks."""
_NAMESERVER = "20.1.0.2"
_SETUP = """
set -e
ip link set lo up
unshare --net sleep infinity & far=$!
while [ "$(readlink /proc/$far/ns/net)" = "$(readlink /proc/$$/ns/net)" ]; do sleep 0.01; done
ip link add near type veth peer name far netns $far
ip address add 20.1.0.1/16 dev near
ip link set near up
over() { nsenter --target $far --net "$@"; }
over ip link set lo up
over ip link set far up
for address in 20.1.0.2/16 30.1.0.2/16 40.1.0.2/16; do over ip address add $address dev far; done
ip route add default via 20.1.0.2
echo "nameserver 20.1.0.2" > $FOLDER/resolv.conf
mount --bind $FOLDER/resolv.conf /etc/resolv.conf
echo $far > $FOLDER/far.pid
over $PYTHON -m tests.system.far_side $ZONE > $FOLDER/far.log 2>&1 & echo $! > $FOLDER/names.pid
$PYTHON -m tests.system.relay $PORT $SOCKET &
touch $FOLDER/made
exec sleep infinity
"""
_ENTER = ["unshare", "--net", "--mount"] if os.geteuid() == 0 else ["unshare", "--map-root-user", "--net", "--mount"]


def why_none() -> str | None:
    """Why there can be no island here; None: there can."""
    missing = [name for name in ("unshare", "nsenter", "ip", "mount") if shutil.which(name) is None]
    if missing:
        return f"no {', '.join(missing)} on this machine"
    tried = subprocess.run([*_ENTER, "ip", "link", "set", "lo", "up"], capture_output=True, text=True, check=False)
    return None if tried.returncode == 0 else f"no namespaces: {tried.stderr.strip()}"


def _enter(pid: int) -> None:
    """Have the network and the mounts of that process from now on. Nothing else of this process may run yet."""
    here = Path.cwd()
    libc = ctypes.CDLL(None, use_errno=True)
    kinds = ("user", "net", "mnt") if os.geteuid() else ("net", "mnt")
    for kind in kinds:
        with Path(f"/proc/{pid}/ns/{kind}").open() as namespace:
            if libc.setns(namespace.fileno(), 0):
                raise OSError(ctypes.get_errno(), f"could not enter the {kind} namespace of {pid}")
    os.chdir(here)  # who enters a mount namespace stands at its root


class Island:
    """`url`: where a probe in here reaches the API of that port; `enter` brings the process that calls it in here."""

    def __init__(self, folder: Path, api_port: int) -> None:
        folder.mkdir()
        self._folder = folder
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        self._short = Path(tempfile.mkdtemp(prefix="island-"))  # a socket's path has 107 bytes at most
        socket = f"unix:{self._short / 'api.sock'}"
        self._relay = subprocess.Popen([sys.executable, "-m", "tests.system.relay", socket, str(api_port)])
        zone = " ".join([_NAMESERVER, *(f"{name}={address}" for name, address in TARGETS.items())])
        settings = {"FOLDER": str(folder), "PYTHON": sys.executable, "PORT": str(port), "ZONE": zone, "SOCKET": socket}
        self._inside = subprocess.Popen(
            [*_ENTER, "sh", "-c", _SETUP], env={**os.environ, **settings}, start_new_session=True
        )
        ready = folder / "far.log"
        wait_for(lambda: (folder / "made").exists() and "ready" in ready.read_text(), "an island", 20)
        user = [] if os.geteuid() == 0 else ["--user", "--preserve-credentials"]
        self.enter = partial(_enter, self._inside.pid)
        self._near = ["nsenter", "--target", str(self._inside.pid), *user, "--net"]
        self._far = ["nsenter", "--target", (folder / "far.pid").read_text().strip(), *user, "--net"]

    def silence(self) -> None:
        """Nothing answers any more, and nothing says so."""
        self._do([*self._far, "ip", "link", "set", "far", "down"])

    def cut(self) -> None:
        """The network is down, and the kernel says so."""
        self._do([*self._near, "ip", "link", "set", "near", "down"])

    def mend(self) -> None:
        self._do([*self._far, "ip", "link", "set", "far", "up"])
        self._do([*self._near, "ip", "link", "set", "near", "up"])
        self._do([*self._near, "ip", "route", "replace", "default", "via", _NAMESERVER])

    def silence_names(self, silent: bool) -> None:
        """The name server gets no questions any more, and gets them again; all else is as it was."""
        action = "add" if silent else "del"
        self._do([*self._near, "ip", "rule", action, "ipproto", "udp", "dport", "53", "blackhole"])

    def close(self) -> None:
        os.killpg(self._inside.pid, signal.SIGKILL)
        self._relay.kill()
        self._inside.wait()
        self._relay.wait()
        shutil.rmtree(self._short, ignore_errors=True)

    def _do(self, command: list[str]) -> None:
        subprocess.run(command, check=True)
