"""A project's git repository: which ones are taken, and how one is brought here (R13).

Two kinds: an https address, read through a proxy that judges every connection; and a folder of the operator's. No other
protocol is spoken, nothing is asked, no hook runs, no file of it is written out: it is fetched into a bare repository
of ours, with one commit and an index.
"""

from __future__ import annotations

import asyncio
import base64
import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import certifi
import msgspec

from egress.door import Egress
from egress.proxy import Proxy
from model.addresses import AddressPolicy
from model.hosts import BadHostError, parse_url
from telemetry.agents.fixing.programs import Ended, Program, ProgramError, Programs

FETCH_S = 120.0
"""For all that git does with a repository before and after the command."""
_HTTPS = "https://"
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*::?", re.ASCII)
_SECURE = 0o700
_MOST_SHOWN = 300


class RepositoryError(Exception):
    """It can't be used: the text is the end of a sentence that begins with "the repository"."""


class Repository(msgspec.Struct, frozen=True):
    """`address`: as it is stored. `token`: what it is read with."""

    address: str
    token: str | None


def judge_address(text: str, folder: Path | None) -> Path | None:
    """The folder of a repository, None for an https address. ValueError with the end of a sentence for people.
    `folder`: where the operator keeps repositories, if anywhere."""
    if text.lower().startswith(_HTTPS):
        try:
            target = parse_url(text)
        except BadHostError as error:
            raise ValueError(str(error)) from None
        if target.username is not None or target.password is not None:
            raise ValueError("must hold no name and no password: give the token as repository_token")
        if "?" in text or "#" in text:
            raise ValueError("must end with its path: a repository has no ? and no #")
        return None
    if _SCHEME.match(text) or "://" in text or re.match(r"[^/]*@[^/]*:", text):
        raise ValueError("must begin with https://: no other protocol is spoken")
    return _in_folder(text, folder)


def _in_folder(text: str, folder: Path | None) -> Path:
    if folder is None:
        raise ValueError("must begin with https://: no folder is set for repositories (TRACER_FIX_REPOSITORIES)")
    if "\0" in text:
        raise ValueError("must not contain a NUL character")
    around = Path(os.path.realpath(folder))
    found = Path(os.path.realpath(around / text))
    if around not in found.parents:
        raise ValueError("must lie in the folder for repositories (TRACER_FIX_REPOSITORIES)")
    kept = found / ".git"
    if not ((kept.is_dir() and not kept.is_symlink()) or (found / "HEAD").is_file()):
        raise ValueError("is not a git repository")
    return found


class Snapshots:
    """Takes repositories as they are now. Threads may share it."""

    def __init__(self, programs: Programs, policy: AddressPolicy, folder: Path | None) -> None:
        self._programs = programs
        self._policy = policy
        self._folder = folder

    @contextmanager
    def take(self, repository: Repository) -> Iterator[Snapshot]:
        """Gone at the end of the block. RepositoryError."""
        try:
            local = judge_address(repository.address, self._folder)
        except ValueError as error:
            raise RepositoryError(str(error)) from None
        with self._programs.scratch("tracer-repository-") as home:
            snapshot = Snapshot(home, self._programs)
            snapshot.begin()
            if local is not None:
                snapshot.configure(_of_folder(local))
                snapshot.fetch(f"file://{local}")
            else:
                asyncio.run(self._fetch(snapshot, repository))
            yield snapshot

    async def _fetch(self, snapshot: Snapshot, repository: Repository) -> None:
        address = parse_url(repository.address).url
        async with Proxy(Egress(self._policy)) as proxy:
            snapshot.configure(_of_address(address, repository.token, proxy.url))
            try:
                await asyncio.to_thread(snapshot.fetch, address)
            except RepositoryError as error:
                met = proxy.failure_of(address)
                said = str(met) if met is not None else _scrubbed(str(error), repository.token)
                raise RepositoryError(f"can't be read: {said}" if met is not None else said) from None
            finally:
                snapshot.configure("")  # with the token in it


class Snapshot:
    """One commit of a repository, in a bare one of ours. `revision`: which."""

    def __init__(self, home: Path, programs: Programs) -> None:
        self._home = home
        self._programs = programs
        self._ends_at = time.monotonic() + FETCH_S
        self.revision = ""

    def begin(self) -> None:
        self.configure("")
        (self._home / "template").mkdir(mode=_SECURE)
        self._must("init", "--quiet", "--bare", f"--template={self._home / 'template'}", str(self._home / "git"))

    def configure(self, text: str) -> None:
        """What git reads beside the repository's own configuration, which is ours too."""
        place = self._home / "configuration"
        place.unlink(missing_ok=True)
        with os.fdopen(os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(_ALWAYS + text)

    def fetch(self, address: str) -> None:
        self._must(
            "fetch", "--quiet", "--depth=1", "--no-tags", "--no-recurse-submodules", "--no-write-commit-graph", "--",
            address, "+HEAD:refs/heads/fetched",
        )  # fmt: skip
        found = self._must("rev-parse", "--verify", "refs/heads/fetched^{commit}")
        self.revision = found.said.decode("ascii", errors="replace").strip()
        self._must("read-tree", "refs/heads/fetched")

    def git(self, *words: str, given: bytes = b"") -> Ended:
        """RepositoryError where it does not end."""
        program = Program(
            words=("git", f"--git-dir={self._home / 'git'}", *words) if words[0] != "init" else ("git", *words),
            folder=self._home, timeout_s=max(0.1, self._ends_at - time.monotonic()), given=given, most=16 << 20,
            environment=self._environment(), bounded=True,
        )  # fmt: skip
        try:
            return self._programs.run(program)
        except ProgramError as error:
            raise RepositoryError(f"can't be read: git {error}") from None

    def more_time(self) -> None:
        """Once the command has taken its own."""
        self._ends_at = time.monotonic() + FETCH_S

    def _must(self, *words: str) -> Ended:
        ended = self.git(*words)
        if ended.code:
            raise RepositoryError(f"can't be read: {_first_line(ended.complaint)}")
        return ended

    def _environment(self) -> dict[str, str]:
        return {
            "PATH": os.environ.get("PATH", os.defpath),
            "HOME": str(self._home),
            "LC_ALL": "C",
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": str(self._home / "configuration"),
            "GIT_ATTR_NOSYSTEM": "1",
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_OPTIONAL_LOCKS": "0",
        }


_ALWAYS = """[core]
	hooksPath = /dev/null
	askPass =
	fsmonitor = false
[credential]
	helper =
[protocol]
	allow = never
[fetch]
	fsckObjects = true
	unpackLimit = 1
[gc]
	auto = 0
[maintenance]
	auto = false
[pack]
	threads = 1
[submodule]
	recurse = false
"""


def _of_folder(local: Path) -> str:
    """Whoever owns the folder: it is the operator's word that it may be read."""
    places = "".join(f"\tdirectory = {_quoted(str(place))}\n" for place in (local, local / ".git"))
    return f'[protocol "file"]\n\tallow = always\n[safe]\n{places}'


def _of_address(address: str, token: str | None, proxy: str) -> str:
    """The token only where the address is, and no way to be sent on with it."""
    authorities = os.environ.get("SSL_CERT_FILE") or certifi.where()
    text = (
        '[protocol "https"]\n\tallow = always\n[http]\n'
        f"\tproxy = {_quoted(proxy.replace('socks5://', 'socks5h://'))}\n\tfollowRedirects = false\n"
        f"\tsslVerify = true\n\tsslCAInfo = {_quoted(authorities)}\n\tlowSpeedLimit = 1000\n\tlowSpeedTime = 30\n"
    )
    if token is None:
        return text
    place = f"{_HTTPS}{urlsplit(address).netloc}/"
    return f"{text}[http {_quoted(place)}]\n\textraHeader = {_quoted(f'Authorization: Basic {_basic(token)}')}\n"


def _basic(token: str) -> str:
    return base64.b64encode(f"x-access-token:{token}".encode()).decode()


def _quoted(text: str) -> str:
    """As a value of git's configuration."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def _scrubbed(text: str, token: str | None) -> str:
    if token is None:
        return text
    return text.replace(_basic(token), "***").replace(token, "***")


def _first_line(complaint: str) -> str:
    """What git says, for people: its last words are about what it could not do."""
    lines = [line.strip() for line in complaint.splitlines() if line.strip()]
    told = next((line for line in lines if line.startswith(("fatal:", "error:"))), lines[-1] if lines else "git failed")
    text = "".join(character if character.isprintable() else " " for character in told)
    return text.removeprefix("fatal: ").removeprefix("error: ")[:_MOST_SHOWN]
